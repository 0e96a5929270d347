"""How an engine is reached and described, and the embedded engine that stands in for one in demos and tests.

Importing this package loads nothing heavy: torch, tokenizers and tritonclient are imported by the modules
that use them (`model`, `train`, `batch`, `kserve`, `serve`).
"""
