"""Files of votes for the tests of this room."""

import csv
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

LANE = "base..cand"

Row = Mapping[str, Any]


def rows(
    count: int,
    share_bad: float = 0.0,
    *,
    first: int = 0,
    per_tick: int = 10,
    slice_: str = "all",
    metric: str = "failure",
    seed: int = 1,
    **more: Any,
) -> list[dict[str, Any]]:
    """Votes of as many clusters, `per_tick` in every tick of 10 s from tick `first` on."""
    bad = np.random.default_rng(seed).random(count) < share_bad
    return [
        {
            "ts": 10.0 * (first + n // per_tick) + 9.0 * (n % per_tick) / per_tick,
            "slice": slice_,
            "metric": metric,
            "cluster": f"{slice_}-{first}-{n}",
            "d": 1.0 if bad[n] else 0.0,
            "lane": LANE,
            **more,
        }
        for n in range(count)
    ]


def named(*cells: tuple[str, str], ts: float = 0.0, lane: str = LANE) -> list[dict[str, Any]]:
    """Rows that name cells."""
    return [{"ts": ts, "slice": s, "metric": m, "lane": lane, "outcome": "declared"} for s, m in cells]


def announced(marker: str, ts: float = 0.0) -> dict[str, Any]:
    return {"ts": ts, "marker": marker, "outcome": "declared"}


def untimed(some: Sequence[Row]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "ts"} for row in some]


def written(path: Path, some: Sequence[Row]) -> Path:
    """The rows in the form that the suffix names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(name for row in some for name in row))
    name = path.name
    if name.endswith(".parquet"):
        pl.DataFrame([dict(row) for row in some], infer_schema_length=None).write_parquet(path)
    elif name.endswith(".csv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, names)
            table.writeheader()
            table.writerows(some)
    else:
        text = "".join(json.dumps(row) + "\n" for row in some).encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]
