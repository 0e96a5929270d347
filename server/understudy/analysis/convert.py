"""Joins two engines' answers, a JSON Lines file each, into pairs that `understudy analyze` reads.

    python -m understudy.analysis.convert BASELINE.jsonl.gz CANDIDATE.jsonl.gz --out pairs.jsonl

Rows are joined by id in the order of the baseline's file. An id that comes twice in both files is joined in
order; the later pairs get a suffix (`id#2`) and stay in the first one's cluster. Several twos of files may
follow each other. `--corrupt SLICE=SHARE` is a fire drill: it damages that share of one category's candidate
replies, so that `analyze` has something to find. A damaged reply is cut in half; of one character nothing is
left.
"""

import argparse
import json
import os
import random
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy.analysis.inputs import json_lines
from understudy.errors import LINE, ConfigError, DataError, UnderstudyError, shown


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the fields to read; dots reach into objects."""

    id: str = "example_id"
    text: str = "output"
    prompt: str = "prompt"
    category: str = "task"


@dataclass(frozen=True, slots=True)
class Drill:
    """A deliberate corruption of some candidate replies."""

    category: str
    share: float
    seed: int = 0

    @classmethod
    def parse(cls, text: str, seed: int) -> "Drill":
        """From `SLICE=SHARE`, as `extraction=0.10`."""
        name, _, share = text.rpartition("=")
        try:
            drill = cls(name, float(share), seed)
        except ValueError:
            drill = cls("", 0)
        if not drill.category or not 0 < drill.share <= 1:
            raise ConfigError(f"--corrupt {text}: give a category and a share in (0, 1], as extraction=0.10")
        return drill


@dataclass(slots=True)
class Joined:
    """What a join did."""

    pairs: int = 0
    suffixed: int = 0
    unmatched: int = 0
    """Rows whose id the other file lacks: left out, and said."""
    corrupted: int = 0


def join(
    baseline: Path, candidate: Path, fields: Fields, counts: Joined, drill: Drill | None = None
) -> Iterator[dict[str, Any]]:
    """Pairs as objects of the analyze format, in the baseline's order.

    Raises:
        DataError: a row lacks its id or text, or the files share no id.
    """
    replies: dict[str, deque[Mapping[str, Any]]] = {}
    rows = 0
    for number, row in json_lines(candidate):
        rows += 1
        replies.setdefault(_text(row, fields.id, candidate, number), deque()).append(
            {"row": row, "number": number}
        )
    # Its own stream of chance for every file: adding a file must not move the damage in another.
    chance = random.Random(f"{drill.seed}:{baseline.name}") if drill else None
    seen: Counter[str] = Counter()
    matched = 0
    for number, row in json_lines(baseline):
        name = _text(row, fields.id, baseline, number)
        seen[name] += 1
        waiting = replies.get(name)
        if not waiting:
            counts.unmatched += 1
            continue
        other = waiting.popleft()
        matched += 1
        pair: dict[str, Any] = {"id": name if seen[name] == 1 else f"{name}#{seen[name]}"}
        if seen[name] > 1:
            counts.suffixed += 1
            pair["cluster"] = name
        for target, field in (("prompt", fields.prompt), ("category", fields.category)):
            value = _find(row, field)
            if value is not None:
                pair[target] = value
        pair["baseline"] = _text(row, fields.text, baseline, number)
        text = _text(other["row"], fields.text, candidate, other["number"])
        if drill and chance and pair.get("category") == drill.category and chance.random() < drill.share:
            text = text[: len(text) // 2]
            counts.corrupted += 1
        pair["candidate"] = text
        counts.pairs += 1
        yield pair
    counts.unmatched += rows - matched
    if not matched:
        raise DataError(f"{baseline} and {candidate} share no {fields.id!r}; name the id field with --id")


def _find(row: Mapping[str, Any], path: str) -> Any:
    value: Any = row
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(row: Mapping[str, Any], path: str, file: Path, number: int) -> str:
    value = _find(row, path)
    if not isinstance(value, str | int):
        raise DataError(f"{file}:{number}: no text in field {path!r}; name the field with --id or --text")
    return str(value)


def run(files: Sequence[Path], out: Path, fields: Fields | None = None, drill: Drill | None = None) -> Joined:
    """Join BASELINE CANDIDATE [BASELINE CANDIDATE ...] into `out`, written whole or not at all."""
    if not files or len(files) % 2:
        raise ConfigError("give files in twos: BASELINE CANDIDATE [BASELINE CANDIDATE ...]")
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: no such file; give a JSON Lines file")
    counts = Joined()
    temporary = out.with_name(out.name + ".tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", encoding="utf-8") as lines:
            for baseline, candidate in zip(files[::2], files[1::2], strict=True):
                for pair in join(baseline, candidate, fields or Fields(), counts, drill):
                    lines.write(json.dumps(pair, ensure_ascii=False) + "\n")
        os.replace(temporary, out)
    except OSError as error:
        raise DataError(f"{out}: {error.strerror}; give a path that can be written") from None
    finally:
        temporary.unlink(missing_ok=True)
    if drill and not counts.corrupted:
        raise DataError(f"--corrupt {drill.category}: no pair was damaged; name a category the files hold")
    return counts


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m understudy.analysis.convert",
        description="Join two engines' answers (JSON Lines, .gz or not) into pairs for `understudy analyze`.",
    )
    fields = Fields()
    parser.add_argument("files", nargs="+", type=Path, metavar="BASELINE CANDIDATE")
    parser.add_argument("--out", type=Path, required=True, help="the pairs, JSON Lines")
    parser.add_argument("--id", default=fields.id, help="id field (dots reach into objects; %(default)s)")
    parser.add_argument("--text", default=fields.text, help="field with the reply (%(default)s)")
    parser.add_argument("--prompt", default=fields.prompt, help="field with the prompt, if any (%(default)s)")
    parser.add_argument("--category", default=fields.category, help="field with the category (%(default)s)")
    parser.add_argument(
        "--corrupt", metavar="SLICE=SHARE", help="fire drill: damage this share of a category"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the drill (%(default)s)")
    given = parser.parse_args(arguments)
    try:
        counts = run(
            given.files,
            given.out,
            Fields(given.id, given.text, given.prompt, given.category),
            Drill.parse(given.corrupt, given.seed) if given.corrupt else None,
        )
    except UnderstudyError as error:
        print(f"understudy: {shown(error, LINE)}", file=sys.stderr)
        return 3
    said = [f"{counts.pairs} pairs to {given.out}"]
    if counts.suffixed:
        said.append(f"{counts.suffixed} duplicate ids got a suffix")
    if counts.unmatched:
        said.append(f"{counts.unmatched} rows without a partner left out")
    if counts.corrupted:
        said.append(f"{counts.corrupted} candidate replies of {given.corrupt.rpartition('=')[0]} damaged")
    print("; ".join(said))
    return 0


if __name__ == "__main__":
    sys.exit(main())
