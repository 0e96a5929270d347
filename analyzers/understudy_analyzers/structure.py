"""The structure a reply has: JSON, code, tables, lists, choices, read without side effects and in bounded time."""

import ast
import json
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

LONGEST = 200_000
"""Characters beyond which JSON and code are not parsed (memory)."""
DEEPEST = 60
"""Nesting beyond which text is not handed to Python's parser, which answers depth with MemoryError."""

_FENCE = re.compile(r"^ {0,3}(```|~~~)[ \t]*([\w+#.-]{0,20})[^\n]*\n?", re.MULTILINE)
_BULLET = re.compile(r"^ {0,6}[-*•+] +(\S[^\n]*)$", re.MULTILINE)
_NUMBERED = re.compile(r"^ {0,6}(\d{1,3})[.)] +(\S[^\n]*)$", re.MULTILINE)
_RULE = re.compile(r"^ *\|? *:?-{1,}:? *(?:\| *:?-{1,}:? *){0,60}\|? *$")
_LETTER = re.compile(
    r"^\W{0,4}(?:the )?(?:correct )?(?:answer|option|choice)?(?: is)?\W{0,5}([A-E])(?:[).:,*]|\b)(?!')",
    re.IGNORECASE,
)
_ANSWER_IS = re.compile(r"\b(?:answer|option|choice)\b(?: is)?:?\s*\**\(?([A-E])\b", re.IGNORECASE)
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


def fences(text: str) -> list[Fence]:
    """The fenced blocks of a Markdown text, an unclosed last one included."""
    found: list[Fence] = []
    opened: re.Match[str] | None = None
    for mark in _FENCE.finditer(text):
        if opened is None:
            opened = mark
        elif mark.group(1) == opened.group(1) and not mark.group(2):
            found.append(
                Fence(opened.group(2).lower(), text[opened.end() : mark.start()], opened.start(), True)
            )
            opened = None
    if opened is not None:
        found.append(Fence(opened.group(2).lower(), text[opened.end() :], opened.start(), False))
    return found


def json_of(text: str) -> str | None:
    """The canonical form of the JSON container a reply consists of or holds in its first fence; None if none.

    Objects compare by value, key order aside; numbers as JSON writes them. Prose around a fence is allowed,
    prose around bare JSON is not.
    """
    return _json(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=64)
def _json(text: str) -> str | None:
    body = text.strip()
    if not body.startswith(("{", "[")):
        block = next((fence for fence in fences(body) if fence.language in ("", "json", "json5")), None)
        body = block.body.strip() if block and block.closed else ""
    if not body.startswith(("{", "[")):
        return None
    try:
        return json.dumps(json.loads(body), sort_keys=True, ensure_ascii=True)
    except (ValueError, RecursionError):
        return None


def looks_json(text: str) -> bool:
    """True when a whole reply sets out to be a JSON container, parsable or not."""
    body = text.lstrip()[:400]
    return bool(re.match(r"(?:```json\s*)?(?:\{\s*[\"}]|\[\s*(?:[\[{\"\]]|-?\d))", body))


def python_of(text: str) -> str | None:
    """A canonical dump of the Python a reply consists of or holds in its fences; None when it does not parse."""
    return _python(text) if len(text) <= LONGEST else None


@lru_cache(maxsize=64)
def _python(text: str) -> str | None:
    blocks = [fence for fence in fences(text) if fence.language in ("", "python", "py", "python3")]
    source = "\n".join(block.body for block in blocks) if blocks else text.strip("\n")
    if not source.strip() or _depth(source) > DEEPEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def looks_python(text: str) -> bool:
    """True when an unfenced reply sets out to be Python code."""
    return bool(_DEF.match(text.lstrip()[:200]))


def _depth(source: str) -> int:
    """An upper bound of nesting: open brackets, indentation, and runs of unary operators."""
    deepest = depth = 0
    for mark in re.finditer(r"[()\[\]{}]|[-~+]{20,}|(?:\bnot ){20,}|(?: \w+ if){20,}", source):
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
    lines = text.splitlines()
    for at, line in enumerate(lines[1:], 1):
        if "|" in lines[at - 1] and "-" in line and len(line) < 2_000 and _RULE.match(line) and "|" in line:
            rows = [lines[at - 1]]
            for row in lines[at + 1 :]:
                if "|" not in row:
                    break
                rows.append(row)
            return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]
    return None


def csv(text: str) -> list[list[str]] | None:
    """The cells of comma- or semicolon-separated lines, bare or fenced; None when fewer than two lines have any."""
    block = next(iter(fences(text)), None)
    lines = [line for line in (block.body if block else text).splitlines() if line.strip()]
    for mark in (",", ";", "\t"):
        rows = [_split(line, mark) for line in lines]
        if len(rows) >= 2 and sum(len(row) >= 2 for row in rows) >= 2:
            return rows
    return None


def _split(line: str, mark: str) -> list[str]:
    """Split on a mark outside double quotes."""
    cells, quoted, start = [], False, 0
    for at, character in enumerate(line):
        if character == '"':
            quoted = not quoted
        elif character == mark and not quoted:
            cells.append(line[start:at].strip())
            start = at + 1
    return [*cells, line[start:].strip()]


def even(rows: Iterable[list[str]]) -> bool:
    """True when every row has as many cells as the first."""
    return len({len(row) for row in rows}) == 1


def choice(text: str) -> str | None:
    """The letter of a multiple-choice answer: at the start, or after "answer is"."""
    head = text[:400]
    if found := _LETTER.match(head):
        # "A dog barks" is prose: a bare A counts only when it stands alone or is marked off.
        letter, rest = found.group(1), head[found.end(1) : found.end(1) + 1]
        if letter.isupper() and (not rest or rest in ").:,*\n" or len(head.strip()) <= 3):
            return letter
    found = _ANSWER_IS.search(head) or _ANSWER_IS.search(text[-400:])
    return found.group(1).upper() if found else None
