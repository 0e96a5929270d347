"""Understudy: a comparison proxy that rehearses a quantized engine against the full-precision one."""

__version__ = "0.1.0"
