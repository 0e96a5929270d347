"""YAML: lines that no YAML parser would take.

Not a parser: indentation that fits no level, tabs, lines in a mapping without a colon, quotes and brackets left
open, and values with a second mapping in them. Block scalars are passed over.
"""

import re
from collections.abc import Iterator

from understudy_analyzers.format.fault import Fault

_KEY = re.compile(
    r"(?:\"(?:[^\"\\\n]|\\.){0,200}\"|'[^'\n]{0,200}'|[^\s\"'#&*!|>%@`\[\]{},-][^\n#]{0,200}?|-?[^\s\"'#:-][^\n#]{0,200}?):(?=\s|$)"
)
_BLOCK = re.compile(r"(?:^|[:\-\s])[|>][+-]?\d?[+-]?\s*(?:#.*)?$")
_INNER = re.compile(r"^[^\s\"'\[{&*!|>#][^\"'#]*?\S: \S")
_FLOW = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|\'[^\']*(?:\'|\Z)|[\[\]{}]|\s#.*')
_PAIRS = {"]": "[", "}": "{"}
_MARKERS = ("---", "...", "%")


def likely(body: str) -> bool:
    """Whether most lines are keys or items: a block may be called YAML and be something else."""
    lines = [line.strip() for line in body.split("\n") if line.strip()][:200]
    return 2 * sum(line.startswith("- ") or _KEY.match(line) is not None for line in lines) >= len(lines)


def broken(body: str) -> Fault | None:
    """The first line that is no YAML."""
    levels: list[int] = []
    flow: list[str] = []
    block = scalar = -1
    before = ""
    for at, line in _lines(body):
        bare = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if not bare or (block >= 0 and indent > block):
            continue
        block = -1
        if bare.startswith("#") or (not indent and bare.startswith(_MARKERS)):
            levels, scalar = ([], -1) if bare.startswith(_MARKERS) else (levels, scalar)
            continue
        if flow:
            if _flow(bare, flow):
                return Fault("YAML: brackets do not match", at, at + len(line))
            continue
        if line[indent] == "\t":
            return Fault("YAML: a tab indents", at, at + len(line))
        item = bare == "-" or bare.startswith("- ")
        while bare.startswith("- "):
            # A key behind a dash stands where it stands: its siblings line up with it.
            if not _settle(levels, indent):
                return Fault("YAML: indentation fits no level", at, at + len(line))
            rest = bare[2:].lstrip()
            indent += len(bare) - len(rest)
            bare = rest
        key = _KEY.match(bare)
        if key is None and not item and scalar >= 0 and indent > scalar:
            continue
        if key is None and not item and not (bare[0] in "[{\"'" and not levels):
            return Fault("YAML: neither a key nor an item", at, at + len(line))
        if not item and key and before and indent > (levels[-1] if levels else 0):
            return Fault("YAML: a mapping below a value", at, at + len(line))
        if (key or item) and not _settle(levels, indent):
            return Fault("YAML: indentation fits no level", at, at + len(line))
        value = bare[key.end() :].strip() if key else bare if bare != "-" else ""
        if _BLOCK.search(bare):
            block, before = levels[-1] if levels else 0, ""
            continue
        if key and _INNER.match(value):
            return Fault("YAML: a mapping inside a value", at, at + len(line))
        if value.startswith(("[", "{", '"', "'")):
            if _flow(value, flow):
                return Fault("YAML: brackets or quotes do not match", at, at + len(line))
        scalar = levels[-1] if levels else 0
        before = "" if value.startswith(("&", "!", "#")) else value
    return Fault("YAML: a bracket is never closed", 0) if flow else None


def _lines(body: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in body.split("\n"):
        yield at, line.rstrip()
        at += len(line) + 1


def _settle(levels: list[int], indent: int) -> bool:
    """Leave the levels that ended; False when the indentation is between two of them."""
    while levels and levels[-1] > indent:
        levels.pop()
        if not levels or levels[-1] < indent:
            return False
    if not levels or levels[-1] < indent:
        levels.append(indent)
    return True


def _flow(value: str, opened: list[str]) -> bool:
    """Whether brackets or quotes of a value go wrong; those that stay open are kept in `opened`."""
    for found in _FLOW.finditer(value):
        token = found.group()
        if token in ("[", "{"):
            opened.append(token)
        elif token in _PAIRS:
            if not opened or opened.pop() != _PAIRS[token]:
                return True
        elif token[0] in "\"'" and (len(token) == 1 or token[-1] != token[0]):
            return True
    return False
