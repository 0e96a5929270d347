"""HTTP/2 and gRPC framing as a passive, sans-io observer: bytes in, events out."""
