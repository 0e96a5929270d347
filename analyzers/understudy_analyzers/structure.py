"""The structure a reply has: JSON, code, tables, lists, choices, read without side effects and in bounded time.

What is equal by value has one canonical form: JSON by value (a number is the number, however it is written),
tables and CSV by their cells, Python by its syntax tree.
"""

import ast
import csv as rows
import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

LONGEST = 200_000
"""Characters beyond which JSON is not parsed (memory)."""
CODE = 60_000
"""Characters beyond which code is not parsed: a syntax tree takes hundreds of bytes for each of them."""
NESTED = 200
"""Nesting beyond which text is not parsed as JSON: how deep the parser gets depends on who calls it."""
DEEPEST = 60
"""Nesting beyond which text is not handed to Python's parser, which answers depth with MemoryError."""
PYTHON = frozenset({"python", "py", "python3", "py3"})

_FENCE = re.compile(
    r"^[ \t>]{0,32}(?:[-*+•] {1,4}|\d{1,3}[.)] {1,4})?(`{3,40}|~{3,40})[ \t]*([^\n`]{0,200})$", re.MULTILINE
)
_NESTING = re.compile(r"[()\[\]{}]|[-~+]{100,}|(?:\bnot ){100,}|(?: \w{1,40} if){100,}")
_BRACKETS = re.compile(r"[\[\]{}]")
_LANGUAGE = re.compile(r"\{?\.?([\w+#-][\w+#.-]{0,19})")
_BULLET = re.compile(r"^ {0,6}[-*•+] +(\S[^\n]*)$", re.MULTILINE)
_NUMBERED = re.compile(r"^ {0,6}(\d{1,3})[.)] +(\S[^\n]*)$", re.MULTILINE)
_RULE = re.compile(r"^ *\|? *:?-{1,}:? *(?:\| *:?-{1,}:? *){0,60}\|? *$")
_DEF = re.compile(
    r"^(?:def |class |import |from \w[\w.]* import |async def |@\w|for \w+ in |return )", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, its body, where it starts, and whether it was closed."""

    language: str
    body: str
    start: int
    closed: bool
    at: int = 0
    """Where its body starts."""
    end: int = 0
    """Where its closing line ends."""


def fences(text: str) -> list[Fence]:
    """The outermost fenced blocks of a Markdown text, an unclosed last one included.

    A fence that names a language inside an open block opens a block within it: so that code shown in a Markdown
    sample is whole, and a fence that was never closed is seen at the next one that opens.
    """
    if "```" not in text and "~~~" not in text:
        return []
    found: list[Fence] = []
    opened: list[re.Match[str]] = []
    for mark in _FENCE.finditer(text):
        ticks, info = mark.group(1), mark.group(2).strip()
        if not opened or (info and _fits(ticks, opened[-1])):
            opened.append(mark)
        elif not info and _fits(ticks, opened[-1]):
            last = opened.pop()
            if not opened:
                found.append(_fence(text, last, mark))
    return [*found, _fence(text, opened[0], None)] if opened else found


def _fits(ticks: str, opened: re.Match[str]) -> bool:
    """Whether a fence is of the kind of an open one: shorter or other ones are its text."""
    return ticks.startswith(opened.group(1))


def _fence(text: str, opened: re.Match[str], closed: re.Match[str] | None) -> Fence:
    named = _LANGUAGE.match(opened.group(2))
    at = min(opened.end() + 1, len(text))
    body = text[at : closed.start()] if closed else text[at:]
    end = closed.end() if closed else len(text)
    return Fence(named.group(1).lower() if named else "", body, opened.start(), closed is not None, at, end)


def outside(text: str, blocks: Iterable[Fence]) -> str:
    """A text of the same length with blanks in place of fenced blocks; their line ends stay."""
    parts, last = [], 0
    for block in blocks:
        parts += [text[last : block.start], _blank(text[block.start : block.end])]
        last = block.end
    return "".join([*parts, text[last:]])


def _blank(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def json_of(text: str) -> str | None:
    """The canonical form of the JSON container a reply consists of or holds in its first fence; None if none.

    Objects compare by value, key order aside; numbers by value: 1, 1.0 and 10e-1 are one. Prose around a fence is
    allowed, prose around bare JSON is not.
    """
    return _json(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=64)
def _json(text: str) -> str | None:
    body = text.strip()
    if not body.startswith(("{", "[")):
        block = next((fence for fence in fences(body) if fence.language in ("", "json", "json5")), None)
        body = block.body.strip() if block and block.closed else ""
    if not body.startswith(("{", "[")) or deep(body):
        return None
    try:
        value = json.loads(body, parse_float=_number, parse_constant=_constant)
        return json.dumps(value, sort_keys=True, ensure_ascii=True)
    except (ValueError, RecursionError):
        return None


def deep(text: str) -> bool:
    """True when brackets nest too deep to be parsed as JSON; those in strings count, as nobody writes so many."""
    if text.count("[") + text.count("{") <= NESTED:
        return False
    depth = deepest = 0
    for mark in _BRACKETS.finditer(text):
        depth += 1 if mark.group() in "[{" else -1
        deepest = max(deepest, depth)
    return deepest > NESTED


def _number(written: str) -> int | float | str:
    """A number that JSON writes with a fraction or exponent: the whole number it equals, or itself."""
    value = float(written)
    if value in (float("inf"), float("-inf")):
        try:
            return f"number {Decimal(written).normalize()}"
        except InvalidOperation:
            return f"number {written}"
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _constant(name: str) -> None:
    """NaN and Infinity are words of JavaScript."""
    raise ValueError(f"{name} is no JSON")


def looks_json(text: str) -> bool:
    """True when a whole reply sets out to be a JSON container, parsable or not."""
    body = text.lstrip()[:400]
    return bool(re.match(r"(?:```json\s*)?(?:\{\s*[\"}]|\[\s*(?:[\[{\"\]]|-?\d))", body))


def python_of(text: str) -> str | None:
    """A canonical dump of the Python a reply consists of or holds in its fences; None when it does not parse."""
    return _python(text) if len(text) <= CODE else None


@lru_cache(maxsize=64)
def _python(text: str) -> str | None:
    blocks = [fence for fence in fences(text) if not fence.language or fence.language in PYTHON]
    source = "\n".join(block.body for block in blocks) if blocks else text.strip("\n")
    if not source.strip():
        return None
    parsed = tree(source)
    try:
        return None if isinstance(parsed, SyntaxError) else ast.dump(parsed)
    except RecursionError:
        return None


def tree(source: str) -> ast.Module | SyntaxError:
    """The syntax tree of Python source, or what is wrong with it; text nested too deep counts as wrong."""
    if len(source) > CODE or _depth(source) > DEEPEST:
        return SyntaxError("too long or nested too deep")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError) as error:
        return SyntaxError(str(error))


def looks_python(text: str) -> bool:
    """True when an unfenced reply sets out to be Python code."""
    return bool(_DEF.match(text.lstrip()[:200]))


def _depth(source: str) -> int:
    """An upper bound of nesting: open brackets, indentation, and runs of unary operators."""
    deepest = depth = 0
    for mark in _NESTING.finditer(source):
        token = mark.group()
        if len(token) > 1:
            return DEEPEST + 1
        depth += 1 if token in "([{" else -1
        deepest = max(deepest, depth)
    longest = max((len(line) - len(line.lstrip()) for line in source.splitlines()), default=0)
    return max(deepest, longest // 4)


def bullets(text: str) -> list[str]:
    """The items of a bullet list."""
    return [item.strip() for item in _BULLET.findall(text) if not _RULE.match(item)]


def numbered(text: str) -> list[tuple[int, str]]:
    """The items of a numbered list with their numbers."""
    return [(int(number), item.strip()) for number, item in _NUMBERED.findall(text)]


def table(text: str) -> list[list[str]] | None:
    """The cells of the first Markdown table, without its rule; None when there is none."""
    if "|" not in text:
        return None
    lines = text.splitlines()
    for at, line in enumerate(lines[1:], 1):
        if "|" in lines[at - 1] and is_rule(line):
            made = [lines[at - 1]]
            for row in lines[at + 1 :]:
                if "|" not in row:
                    break
                made.append(row)
            return [cells(row) for row in made]
    return None


def is_rule(line: str) -> bool:
    """True for the line of dashes between a table's head and its rows."""
    return "-" in line and "|" in line and len(line) < 2_000 and _RULE.match(line) is not None


def cells(row: str) -> list[str]:
    """The cells of a table's row; an escaped bar is text."""
    line = row.strip().replace("\\|", "\0")
    line = line.removeprefix("|")
    line = line.removesuffix("|") if line.endswith("|") else line
    return [cell.strip().replace("\0", "\\|") for cell in line.split("|")]


def csv(text: str) -> list[list[str]] | None:
    """The cells of comma- or semicolon-separated lines, bare or fenced; None when fewer than two lines have any."""
    block = next(iter(fences(text)), None)
    body = block.body if block else text
    for mark in (",", ";", "\t"):
        made = separated(body, mark)
        if made and len(made) >= 2 and sum(len(row) >= 2 for row in made) >= 2:
            return made
    return None


def separated(text: str, mark: str) -> list[list[str]] | None:
    """The cells of lines separated by a mark outside double quotes (RFC 4180); None when a quote is left open."""
    if mark not in text or "\0" in text:
        return None
    try:
        lines = rows.reader(
            text.splitlines(keepends=True), delimiter=mark, skipinitialspace=True, strict=True
        )
        return [[cell.strip() for cell in row] for row in lines if any(map(str.strip, row))]
    except rows.Error:
        return None


def even(rows: Iterable[list[str]]) -> bool:
    """True when every row has as many cells as the first."""
    return len({len(row) for row in rows}) == 1
