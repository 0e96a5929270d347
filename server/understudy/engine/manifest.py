"""What an engine is made of, each field with how it is known, and the one hash that names it.

A manifest is JSON: {"schema": 1, "fields": {name: {"value": ..., "source": ...}}}. The sources are
observed (the running engine said so), file (read from a file it was built from), declared (a person said so)
and unknown. Addresses, times and process ids are not part of it: the same engine started twice is the same.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from understudy.errors import ConfigError

SCHEMA = 1
PARAMETER = "understudy_manifest"
"""The ModelConfig parameter in which the embedded engine tells its manifest, as JSON."""


class Source(StrEnum):
    """How a field is known."""

    OBSERVED = "observed"
    FILE = "file"
    DECLARED = "declared"
    UNKNOWN = "unknown"


Field = tuple[Any, Source]
UNKNOWN: Field = (None, Source.UNKNOWN)


def build(fields: Mapping[str, Field]) -> dict[str, Any]:
    """A manifest of named (value, source) fields."""
    return {
        "schema": SCHEMA,
        "fields": {
            name: {"value": value, "source": source.value} for name, (value, source) in sorted(fields.items())
        },
    }


def fingerprint(manifest: Mapping[str, Any]) -> str:
    """The sha256, in hex, of the manifest's fields as canonical JSON (sorted keys, no spaces).

    Where a field was learnt from does not change what the engine is, so sources are left out; an unknown field
    counts as null.
    """
    values = {name: field["value"] for name, field in manifest["fields"].items()}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unknown(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields nobody could tell: two engines alike in all else may still differ in these."""
    return tuple(name for name, field in manifest["fields"].items() if field["source"] == Source.UNKNOWN)


def parse(text: str | bytes, where: str) -> dict[str, Any]:
    """A manifest from JSON: this module's form, or a flat object an operator wrote (every value declared).

    Raises:
        ConfigError: It is neither; `where` names it in the text.
    """
    try:
        held = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{where} is not JSON ({error}): write a JSON object of fields") from None
    if not isinstance(held, dict):
        raise ConfigError(f"{where} holds no JSON object: write {{field: value, ...}}")
    if "fields" not in held:
        return build({str(name): (value, Source.DECLARED) for name, value in held.items()})
    try:
        return build({str(n): (f["value"], Source(f["source"])) for n, f in held["fields"].items()})
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{where} is no manifest ({error}): each field needs a value and a source of {', '.join(Source)}"
        ) from None


def embedded(weights: Path, method: str, bits: int, group_size: int) -> dict[str, Any]:
    """The manifest of this process's embedded engine: reads the weights' and the tokenizer's hashes."""
    import safetensors
    import tokenizers
    import torch

    return build(
        {
            "model": ("understudy-embedded", Source.OBSERVED),
            "quantization": (method, Source.OBSERVED),
            "bits": (bits, Source.OBSERVED),
            "group_size": (group_size, Source.OBSERVED),
            "rounding": ("nearest, symmetric", Source.OBSERVED),
            "computed_as": ("dequantized float32", Source.OBSERVED),
            "exclude_modules": (["embedding", "head", "norms"], Source.OBSERVED),
            "calibration": (None, Source.OBSERVED),
            "kv_cache": ("float32", Source.OBSERVED),
            "runtime": ("understudy embedded engine", Source.OBSERVED),
            "versions": (
                {
                    "torch": torch.__version__,
                    "safetensors": safetensors.__version__,
                    "tokenizers": tokenizers.__version__,
                    "python": platform.python_version(),
                },
                Source.OBSERVED,
            ),
            "hardware": (_hardware(), Source.OBSERVED),
            "weights_sha256": (_sha256(weights / "model.safetensors"), Source.FILE),
            "tokenizer_sha256": (_sha256(weights / "tokenizer.json"), Source.FILE),
        }
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hardware() -> str:
    """The processor's name where the system tells it, else its architecture."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
