"""The labelled data: where it is, how it is read, and which of it was held out.

Models answered the same prompts, so cases are split by prompt, never by row: sha256(prompt) mod 5 = 0 is held
out. Rules and weights were made while looking at the rest only.
"""

import csv
import gzip
import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from understudy.errors import ConfigError

PARTS = 5


def held(prompt: str) -> bool:
    """True when a prompt, and with it every model's answer to it, was held out."""
    return int.from_bytes(sha256(prompt.encode()).digest()) % PARTS == 0


def data() -> Path:
    """The folder of labelled data.

    Raises:
        ConfigError: it is not there.
    """
    path = Path(os.environ.get("UNDERSTUDY_DATA") or Path(__file__).parent.parent.parent / "shared/data")
    if not (path / "README.md").exists():
        raise ConfigError(f"eval: no labelled data at {path}: name its folder in UNDERSTUDY_DATA")
    return path


def answered(data: Path, out: bool = True) -> Iterator[tuple[str, str, str]]:
    """(model, prompt, reply) of the instruction and chat data whose prompt was held out (or, to tune on, was not)."""
    for path in sorted((data / "format" / "mifeval").glob("en_*.strict.jsonl.gz")):
        model = path.name.removeprefix("en_").removesuffix(".strict.jsonl.gz")
        for row in rows(path):
            if row["response"] and held(row["prompt"]) is out:
                yield model, row["prompt"], row["response"]
    for path in sorted((data / "pairs" / "alpaca_eval").glob("*.json.gz")):
        for row in rows(path):
            if held(row["instruction"]) is out:
                yield path.name.removesuffix(".json.gz"), row["instruction"], row["output"]


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines, JSON array or CSV file, compressed or not."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        match Path(path.name.removesuffix(".gz")).suffix:
            case ".csv":
                yield from csv.DictReader(file)
            case ".json":
                yield from json.load(file)
            case _:
                yield from (json.loads(line) for line in file if line.strip())
