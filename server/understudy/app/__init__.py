"""The composition root: processes, their sockets, their start, stop and restart."""
