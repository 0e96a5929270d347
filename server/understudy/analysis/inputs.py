"""Pairs from files: captures (Parquet) and JSON Lines, streamed in order.

JSON Lines, one pair a line:

    {"id", "prompt"?, "category"?, "baseline", "candidate", "control"?, "cluster"?, "sampling"?}

Each side is a text or an object {"text", "finish_reason"?, "error"?, "status"?, "latency_s" | "latency_ms"?,
"first_ms"?, "fingerprint"?}; `category` is a name or an object {categorizer: value}; `sampling` an object of
temperature, top_k, top_p, seed, max_tokens, stop. Fields not named here are ignored and counted; `.gz` is unpacked.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

from understudy.capture.reader import admitted
from understudy.codec.cluster import cluster_of
from understudy.errors import DataError
from understudy.given import expanded, parsed, regular
from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.score import Score

FINISHES = {
    "stop": Finish.STOP,
    "eos": Finish.STOP,
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "length": Finish.LENGTH,
    "max_tokens": Finish.LENGTH,
    "cancelled": Finish.CANCELLED,
    "error": Finish.ERROR,
}

FIELDS = frozenset(
    {"id", "prompt", "category", "baseline", "candidate", "control", "cluster", "sampling", "model"}
)
SIDE = frozenset({"text", "finish_reason", "error", "status", "fingerprint"}) | {
    name + unit for name in ("first", "latency") for unit in ("_s", "_ms", "_ns", "")
}
SAMPLING = frozenset(Sampling.__slots__)
INPUT = Path("standard input")
"""How an error names it."""
NOT_GIVEN = "not given"
"""The error of a leg that a row of one reply does not have."""
LONGEST = 64 << 20
"""Bytes of a line, unpacked: no pair is longer, and a few bytes of .gz can unpack to gigabytes."""
IGNORED = 1000
"""Names of unknown fields that are counted; files with more have names made of data."""


class Duplicates(StrEnum):
    """What to do about an id that comes twice. Never dropped."""

    ERROR = "error"
    SUFFIX = "suffix"
    """Its later pairs become `id#2`, `id#3`; they stay in the first one's cluster."""


@dataclass(slots=True)
class Seen:
    """What was learnt about the input while it was read."""

    pairs: int = 0
    no_prompt: int = 0
    """Pairs whose cluster is their id."""
    suffixed: int = 0
    withheld: int = 0
    """Pairs captured without content: their stored scores were used."""
    no_control: int = 0
    bytes: int = 0
    """Bytes of the files begun so far, for a progress bar."""
    ignored: Counter[str] = field(default_factory=Counter)
    """Lines by the unknown fields they hold; those of a side as `baseline.name`."""


class Item(NamedTuple):
    """One pair of an input."""

    pair: Pair
    scores: tuple[Score, ...]
    """As captured; empty for JSON Lines."""
    content: bool
    """False: only the captured scores tell what the texts were like."""
    line: int = 0
    """Of a JSON Lines file; 0 in a capture."""


def load(
    paths: Sequence[str | Path], seen: Seen, duplicates: Duplicates = Duplicates.ERROR
) -> Iterator[Item]:
    """Every pair of the inputs, in order.

    Raises:
        DataError: a file is missing, empty, half-written, not UTF-8, or holds an id twice; the text names the
            file, the line and the mend.
    """
    ids: dict[str, int] = {}
    for path in files(paths):
        before = seen.pairs
        items = (Item(*item) for item in admitted(path)) if is_capture(path) else _lines(path, seen)
        for item in items:
            seen.pairs += 1
            seen.no_control += item.pair.control is None
            seen.withheld += not item.content
            count = ids[item.pair.id] = ids.get(item.pair.id, 0) + 1
            if count > 1:
                if duplicates == Duplicates.ERROR:
                    where = f"{path}:{item.line}" if item.line else str(path)
                    raise DataError(
                        f"{where}: id {item.pair.id!r} comes twice; make it unique or pass "
                        "--duplicates suffix"
                    )
                seen.suffixed += 1
                name = f"{item.pair.id}#{count}"
                while name in ids:
                    count += 1
                    name = f"{item.pair.id}#{count}"
                ids[item.pair.id], ids[name] = count, 1
                item = item._replace(pair=replace(item.pair, request=replace(item.pair.request, id=name)))
            yield item
        seen.bytes += path.stat().st_size if path.is_file() else 0
        if seen.pairs == before:
            raise DataError(f"{path}: holds no pairs; give a file with one JSON object a line, or a capture")


def files(paths: Iterable[str | Path]) -> tuple[Path, ...]:
    """The inputs: a capture directory stays one, other directories and globs become their files.

    Raises:
        DataError: nothing is there.
    """
    return tuple(
        expanded(
            paths,
            _inside,
            missing="give JSON Lines, a capture or a glob of them",
            nothing="no pairs were named; give JSON Lines files or captures",
        )
    )


def _inside(path: Path) -> list[Path]:
    if is_capture(path):
        return [path]
    inside = sorted(p for p in path.iterdir() if p.name.endswith((".jsonl", ".jsonl.gz")))
    if not inside:
        raise DataError(f"{path}: holds neither pairs-*.parquet nor *.jsonl; give a file or a capture")
    return inside


def is_capture(path: Path) -> bool:
    """Whether a file or directory was written by a capture."""
    if path.is_dir():
        return any(path.glob("*.parquet")) or any(path.glob("open-*.jsonl"))
    if path.suffix == ".parquet" or (path.suffix == ".jsonl" and path.name.startswith("open-")):
        return True
    if not path.is_file():  # a pipe would be waited for
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _lines(path: Path, seen: Seen) -> Iterator[Item]:
    for number, value in json_lines(path):
        where = f"{path}:{number}"
        try:
            pair = parse(value)
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None
        except OverflowError:
            raise DataError(f"{where}: a number beyond all limits; mend or remove the line") from None
        seen.no_prompt += not pair.request.text
        for name in unknown(value):
            if name in seen.ignored or len(seen.ignored) < IGNORED:
                seen.ignored[name] += 1
        yield Item(pair, (), True, number)


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a JSON Lines file, `.gz` or not; blank lines are passed over.

    Raises:
        DataError: with file, line and mend.
    """
    regular(path)
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; give a file with one JSON object a line")
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            yield from objects(path, lines)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; give a file that can be read") from None


def piped(standard: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `json_lines`, of standard input, packed or not.

    Raises:
        DataError: with line and mend.
    """
    peek = getattr(standard, "peek", lambda size: b"")
    packed = peek(2)[:2] == b"\x1f\x8b"
    found = 0
    for found, value in objects(INPUT, gzip.open(standard, "rb") if packed else standard):
        yield found, value
    if not found:
        raise DataError(f"{INPUT}: is empty; give one JSON object a line")


def objects(path: Path, lines: IO[bytes] | gzip.GzipFile) -> Iterator[tuple[int, dict[str, Any]]]:
    """As `json_lines`, of an open file; `path` is its name.

    Raises:
        DataError: with file, line and mend.
    """
    number = 0
    try:
        while line := lines.readline(LONGEST + 1):
            number += 1
            if len(line) > LONGEST:
                raise DataError(
                    f"{path}:{number}: no line ends within {LONGEST >> 20} MiB; give one JSON object a line"
                )
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text.strip():
                    continue
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path}:{number}: not UTF-8 at byte {error.start + 1}; save the file as UTF-8"
                ) from None
            yield number, parsed(path, number, text, cut=not line.endswith(b"\n"), what="pair")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}:{number + 1}: {error}; copy the file again") from None


def unknown(value: Mapping[str, Any]) -> list[str]:
    """Fields of a line that `parse` does not read."""
    found = [name for name in value if name not in FIELDS]
    parts = [(str(leg), SIDE) for leg in Leg] + [("sampling", SAMPLING)]
    for part, known in parts:
        inside = value.get(part)
        if isinstance(inside, dict):
            found += [f"{part}.{name}" for name in inside if name not in known]
    return found


def parse(value: Mapping[str, Any]) -> Pair:
    """One line's object as a pair.

    Raises:
        ValueError: what is missing or of the wrong type, with the mend.
    """
    for name in ("id", "baseline", "candidate"):
        if value.get(name) is None:
            raise ValueError(f"no {name!r}; give every line id, baseline and candidate")
    baseline, candidate, control = (_side(value.get(leg), leg, leg) for leg in Leg)
    assert baseline is not None and candidate is not None
    return _pair(value, baseline, candidate, control)


def parse_reply(value: Mapping[str, Any]) -> Pair:
    """One line's object as a pair of which the baseline alone is there: `{"id", "prompt"?, "text"}`.

    `text` is a text, or an object as a pair's side is; without one, a side's other fields may stand beside it.

    Raises:
        ValueError: what is missing or of the wrong type, with the mend.
    """
    for name in ("id", "text"):
        if value.get(name) is None:
            raise ValueError(f"no {name!r}; give every line id and text, or id, baseline and candidate")
    text = value["text"]
    beside = {name: value[name] for name in SIDE if name in value}
    reply = _side(beside if isinstance(text, str) else text, Leg.BASELINE, "text")
    assert reply is not None
    return _pair(value, reply, Output(Leg.CANDIDATE, "", error=NOT_GIVEN), None)


def _pair(value: Mapping[str, Any], baseline: Output, candidate: Output, control: Output | None) -> Pair:
    if not isinstance(value["id"], str | int):
        raise ValueError("'id' is neither text nor a whole number; give one")
    name = str(value["id"])
    prompt = value.get("prompt") or ""
    if not isinstance(prompt, str):
        raise ValueError("'prompt' is not a text; give the prompt as the engine saw it")
    cluster = value.get("cluster") or (cluster_of(prompt) if prompt else name)
    request = Request(
        id=name,
        cluster=str(cluster),
        method="file",
        model=str(value.get("model") or ""),
        text=_valid(prompt)[0],
        sampling=_sampling(value.get("sampling")),
        received_ns=0,
        categories=_categories(value.get("category")),
    )
    return Pair(
        request=request,
        baseline=baseline,
        candidate=candidate,
        control=control,
        lane=Lane(baseline.fingerprint or "baseline", candidate.fingerprint or "candidate"),
        sampled_by="file",
    )


def _side(side: object, leg: Leg, name: str) -> Output | None:
    """What an engine said; `name` is the field's, None where there is none."""
    if side is None:
        return None
    if isinstance(side, str):
        text, valid = _valid(side)
        return Output(leg, text, valid_utf8=valid)
    if not isinstance(side, dict):
        raise ValueError(f"{str(name)!r} is neither a text nor an object; give a text or {{'text': ...}}")
    given = side.get("text")
    error, status = side.get("error") or "", side.get("status") or 0
    if given is None and (error or status):
        given = ""
    if not isinstance(given, str):
        raise ValueError(f"{str(name)!r} has no 'text'; give one, or an 'error' when the engine failed")
    if not isinstance(status, int):
        raise ValueError(f"{str(name)!r} has a 'status' that is no whole number; give the gRPC status code")
    finish = FINISHES.get(str(side.get("finish_reason") or "").lower(), Finish.UNKNOWN)
    text, valid = _valid(given)
    return Output(
        leg,
        text,
        finish=finish,
        status=status,
        error=_valid(str(error))[0],
        fingerprint=str(side.get("fingerprint") or ""),
        valid_utf8=valid,
        first_ns=_ns(side, name, "first"),
        last_ns=_ns(side, name, "latency"),
        truncated_by="max_tokens" if finish == Finish.LENGTH else "",
    )


def _ns(side: Mapping[str, Any], of: str, name: str) -> int | None:
    for unit, scale in (("_s", 1e9), ("_ms", 1e6), ("_ns", 1), ("", 1e9)):
        number = side.get(name + unit)
        if number is not None:
            if isinstance(number, bool) or not isinstance(number, int | float):
                raise ValueError(f"{str(of)!r} has a {name + unit!r} that is no number; give a number")
            return int(number * scale)
    return None


def _valid(text: str) -> tuple[str, bool]:
    """JSON can hold lone surrogates, UTF-8 cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace"), False
    return text, True


def _categories(value: object) -> dict[str, Category]:
    if value is None:
        return {}
    if isinstance(value, str | int):
        return {"category": Category(str(value), "declared")}
    if isinstance(value, dict) and all(isinstance(item, str | int) for item in value.values()):
        return {str(name): Category(str(item), "declared") for name, item in value.items()}
    raise ValueError('\'category\' is neither a name nor an object of names; give {"task": "math"} or "math"')


def _sampling(value: object) -> Sampling:
    if value is None:
        return Sampling()
    if not isinstance(value, dict):
        raise ValueError("'sampling' is not an object; give {\"temperature\": 0.7, ...}")
    known = {name: value[name] for name in Sampling.__slots__ if value.get(name) is not None}
    stop = known.pop("stop", ())
    if any(isinstance(number, bool) or not isinstance(number, int | float) for number in known.values()):
        raise ValueError("'sampling' holds something that is no number; give numbers, and 'stop' as a list")
    return Sampling(**known, stop=(stop,) if isinstance(stop, str) else tuple(map(str, stop)))
