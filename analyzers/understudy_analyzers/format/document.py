"""JSON: where a reply holds it, whether it parses, whether anything stands around it, and which names it lacks."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from understudy_analyzers.format.fault import Fault
from understudy_analyzers.structure import LONGEST, deep, fences

_TAGS = ("json", "json5", "jsonc", "jsonl", "ndjson")
_OPENING = re.compile(r"^[ \t]*(?=\{\s{0,200}[\"'}\w]|\[\s{0,200}(?:[\[{\"\]]|-?\d))", re.MULTILINE)
_PADDING = re.compile(r"[_\s-]")
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*"|"[^\n]*)|//[^\n]*|/\*[^*]{0,2000}\*/|#[^\n]*')
_ELLIPSIS = re.compile(
    r",?[ \t]{0,40}\n?[ \t]{0,40}(?:\.\.\.|…)[ \t]{0,40},?(?=\s{0,200}(?:[\]}]|\Z|[\"{\[]))"
)


@dataclass(frozen=True, slots=True)
class Document:
    """The JSON of a reply."""

    values: tuple[Any, ...] = ()
    """One for each document; several where the reply has several fences or lines."""
    start: int = 0
    fault: Fault | None = None
    around: bool = False
    """Words stand before or after it."""
    fenced: bool = False


@lru_cache(maxsize=16)
def read(text: str) -> Document:
    """The JSON of a reply: all of it, in its fences, or from the first line on that begins with a bracket."""
    if len(text) > LONGEST or deep(text):
        return Document(fault=Fault("too long or nested too deep to be parsed as JSON"))
    body = text.strip()
    lead = text.find(body) if body else 0
    if body.startswith(("{", "[", '"')) or _scalar(body):
        return _bare(text, lead, False)
    held = [block for block in fences(text) if block.language in _TAGS]
    held = held or [b for b in fences(text) if not b.language and b.body.lstrip().startswith(("{", "["))]
    if held:
        values: list[Any] = []
        around = bool((text[: held[0].start] + text[held[-1].end :]).strip())
        for block in held:
            found, fault = documents(block.body)
            values += found
            if fault:
                return Document((), block.at, fault.later(block.at), around, True)
        return Document(tuple(values), held[0].at, None, around, True)
    if opening := _OPENING.search(text):
        return _bare(text, opening.end(), True)
    return Document(fault=Fault("no JSON"))


def _scalar(body: str) -> bool:
    return len(body) < 40 and (
        body in ("true", "false", "null") or body.lstrip("-").replace(".", "", 1).isdigit()
    )


def _bare(text: str, start: int, around: bool) -> Document:
    try:
        value, end = _decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        return Document((), start, _fault(error), around)
    except ValueError as error:
        return Document((), start, Fault(f"JSON: {error}"[:80], start), around)
    rest = text[end:].strip()
    if rest[:1] in ("{", "[") and not around:
        # JSON Lines: one document after the other.
        values, fault = documents(text)
        return Document(tuple(values), start, fault)
    if rest[:1] in ("}", "]", ",", '"', ":"):
        at = text.index(rest[0], end)
        return Document((), start, Fault("JSON goes on after its end", at), around)
    return Document((value,), start, None, around or bool(rest))


def documents(body: str) -> tuple[list[Any], Fault | None]:
    """The documents of a text that holds nothing else, and where it stops being JSON."""
    values: list[Any] = []
    at, length = 0, len(body)
    while at < length and len(values) < 10_000:
        at = _next(body, at)
        if at == length:
            break
        try:
            value, at = _decoder.raw_decode(body, at)
        except json.JSONDecodeError as error:
            return values, _fault(error)
        except ValueError as error:
            return values, Fault(f"JSON: {error}"[:80], at)
        values.append(value)
    return (values, None) if values else (values, Fault("no JSON"))


_SPACE = re.compile(r"\s*")


def _next(body: str, at: int) -> int:
    found = _SPACE.match(body, at)
    return found.end() if found else at


def _constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_constant)


def _fault(error: json.JSONDecodeError) -> Fault:
    # A document that was cut breaks behind its last character: that one is shown.
    return Fault(f"JSON does not parse: {error.msg}", min(error.pos, max(0, len(error.doc) - 1)))


def shown(body: str) -> Fault | None:
    """What is broken in a JSON block that illustrates something: comments, ellipses and lone members are allowed."""
    if not body.strip() or deep(body):
        return None
    _, fault = documents(body)
    if fault is None:
        return None
    lax = _ELLIPSIS.sub("", _COMMENT.sub(lambda found: found.group(1) or "", body))
    if lax != body and documents(lax)[1] is None:
        return None
    if lax.lstrip().startswith('"') and documents("{" + lax.strip().rstrip(",") + "}")[1] is None:
        return None
    return fault


def lacking(values: Sequence[Any], keys: Sequence[str]) -> str | None:
    """The first of the names asked for that an object lacks; case, blanks and underscores aside."""
    wanted = [(key, _plain(key)) for key in keys]
    for one in _objects(values, {plain for _, plain in wanted}):
        known = {_plain(name) for name in one}
        for key, plain in wanted:
            if plain not in known:
                return key
    return None


def _objects(values: Sequence[Any], wanted: set[str]) -> Iterator[dict[str, Any]]:
    """The objects that must have the names: those on top, or those held by one on top that has none of them."""
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, dict):
                continue
            inner = [held for held in one.values() if isinstance(held, (dict, list)) and held]
            if not wanted & {_plain(name) for name in one} and len(inner) == 1:
                yield from (
                    o for o in (inner[0] if isinstance(inner[0], list) else inner) if isinstance(o, dict)
                )
            else:
                yield one


def _plain(name: str) -> str:
    return _PADDING.sub("", name).casefold()
