"""What an analysis leaves behind: scores.parquet, verdicts.jsonl, summary.json."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy.drift.verdict import Change, Verdict
from understudy.errors import ConfigError
from understudy.pair import Leg, Pair
from understudy.score import Score
from understudy.votes.lines import changed, standing
from understudy.votes.lines import text as line

PART_ROWS = 100_000


class Scores:
    """Writes scores.parquet in parts, so that memory stays bounded, and joins them at the end."""

    def __init__(self, out: Path) -> None:
        self._path = out / "scores.parquet"
        self._parts = out / ".scores"
        self._rows: list[dict[str, Any]] = []
        self._count = 0
        shutil.rmtree(self._parts, ignore_errors=True)
        self._parts.mkdir(mode=0o700, parents=True)

    def add(self, index: int, pair: Pair, slices: Sequence[str], scores: Iterable[Score]) -> None:
        """Take one pair's scores: a row for each metric."""
        for score in scores:
            self._rows.append(
                {
                    "pair": pair.id,
                    "index": index,
                    "cluster": pair.request.cluster,
                    "slices": list(slices),
                    "metric": score.metric,
                    "sense": score.sense.value,
                    **{leg.value: score.values.get(leg) for leg in Leg},
                    **{f"{leg.value}_unscored": score.unscored.get(leg) for leg in Leg},
                    "analyzer": score.analyzer,
                    "version": score.version,
                    "parameters": json.dumps(dict(score.parameters)) if score.parameters else None,
                    "explanation": score.explanation,
                }
            )
        if len(self._rows) >= PART_ROWS:
            self._flush()

    def _flush(self) -> None:
        import polars as pl

        text, whole = pl.String(), pl.Int64()
        schema: dict[str, Any] = {"pair": text, "index": whole, "cluster": text, "slices": pl.List(text)}
        schema |= {"metric": text, "sense": text} | {leg.value: pl.Float64() for leg in Leg}
        schema |= {f"{leg.value}_unscored": text for leg in Leg}
        schema |= {"analyzer": text, "version": text, "parameters": text, "explanation": text}
        frame = pl.DataFrame(self._rows, schema=schema, orient="row")
        frame.write_parquet(self._parts / f"{self._count:06d}.parquet")
        self._rows, self._count = [], self._count + 1

    def close(self) -> None:
        """Join the parts into one file, whole or not at all."""
        import polars as pl

        self._flush()
        temporary = self._path.with_suffix(".tmp")
        pl.scan_parquet(self._parts / "*.parquet").sink_parquet(temporary)
        temporary.chmod(0o600)
        temporary.replace(self._path)
        self.abandon()

    def abandon(self) -> None:
        """Leave nothing half-done behind."""
        shutil.rmtree(self._parts, ignore_errors=True)


def verdict_lines(changes: Iterable[Change], verdicts: Iterable[Verdict], tick: float) -> str:
    """A line for each change of state, then one for each cell as it ended; `tick` is how long one is, in pairs."""
    lines: list[dict[str, Any]] = [{"type": "change", **changed(c, tick)} for c in changes]
    ordered = sorted(verdicts, key=lambda v: (v.lane.baseline, v.lane.candidate, v.slice, v.metric))
    lines += [{"type": "final", **standing(verdict, tick)} for verdict in ordered]
    return "".join(map(line, lines))


def write_text(path: Path, text: str) -> None:
    """A file that is there whole or not at all, readable by its owner.

    Raises:
        ConfigError: it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give a place that can be written") from None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """As `write_text`, indented."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")
