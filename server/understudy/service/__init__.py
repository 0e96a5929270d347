"""The project's own gRPC services: pairs in, scores through analyzers, verdicts and signals out."""
