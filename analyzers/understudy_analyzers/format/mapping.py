"""YAML: lines that no YAML parser would take.

Not a parser: indentation that fits no level, tabs, lines in a mapping without a colon, quotes and brackets left
open, and values with a second mapping in them. Block scalars are passed over.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from understudy_analyzers.format.fault import Fault

_KEY = re.compile(
    r"(?:\"(?:[^\"\\\n]|\\.){0,200}\"|'[^'\n]{0,200}'|[^\s\"'#&*!|>%@`\[\]{},-][^\n#]{0,200}?|-[^\s\"'#:\[{-][^\n#]{0,200}?):(?=\s|$)"
)
_BLOCK = re.compile(r"(?:^|[:\-\s])[|>][+-]?\d?[+-]?\s*(?:#.*)?$")
_INNER = re.compile(r"^[^\s\"'\[{&*!|>#][^\"'#]*?\S: \S")
_FLOW = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|\'[^\']*(?:\'|\Z)|[\[\]{}]|\s#.*')
_TAG = re.compile(r"[&!]\S*")
_PAIRS = {"]": "[", "}": "{"}
_MARKERS = ("---", "...", "%")


def likely(body: str) -> bool:
    """Whether most lines are keys or items: a block may be called YAML and be something else."""
    lines = [line.strip() for line in body.split("\n") if line.strip()][:200]
    return 2 * sum(line.startswith("- ") or _KEY.match(line) is not None for line in lines) >= len(lines)


def broken(body: str) -> Fault | None:
    """The first line that is no YAML."""
    reader = _Reader()
    for at, line in _lines(body):
        if line and (note := reader.line(line)):
            return Fault(f"YAML: {note}", at, at + len(line))
    return Fault("YAML: a bracket is never closed") if reader.flow else None


@dataclass(slots=True)
class _Reader:
    """What the lines so far leave open."""

    levels: list[int] = field(default_factory=list)
    """Indentations of the mappings and lists that are open."""
    flow: list[str] = field(default_factory=list)
    """Brackets that are open."""
    block: int = -1
    """Indentation above which lines are text of a block scalar; -1 outside of one."""
    text: int = -1
    """Indentation of its text; -1 before the first line."""
    plain: int = -1
    """Indentation above which a line may go on with the value before it."""
    value: str = ""
    """The value before; empty where a mapping may stand below."""

    def line(self, line: str) -> str | None:
        """Read a line that is not blank; what is wrong with it."""
        bare = line.strip()
        indent = len(line) - len(line.lstrip(" "))
        if self.block >= 0 and indent > self.block:
            self.text = indent if self.text < 0 else self.text
            return "a text's indentation shrinks" if indent < self.text else None
        self.block = self.text = -1
        if not indent and bare.startswith(_MARKERS):
            self.levels, self.plain = [], -1
            return None
        if bare.startswith("#"):
            return None
        if self.flow:
            return "brackets do not match" if _flow(bare, self.flow) else None
        if line[indent] == "\t":
            return "a tab indents"
        return self._entry(bare, indent)

    def _entry(self, bare: str, indent: int) -> str | None:
        """Read a key, an item or what goes on with the value before."""
        item = bare == "-" or bare.startswith("- ")
        while bare.startswith("- "):
            # A key behind a dash stands where it stands: its siblings line up with it.
            if not self._settle(indent):
                return "indentation fits no level"
            rest = bare[2:].lstrip()
            indent += len(bare) - len(rest)
            bare = rest
        key = _KEY.match(bare)
        if not key and not item:
            if self.plain >= 0 and indent > self.plain:
                self.value = self.value or bare
                return None
            if self.levels or bare[0] not in "[{\"'":
                return "neither a key nor an item"
        if key and not item and self.value and indent > (self.levels[-1] if self.levels else 0):
            return "a mapping below a value"
        if (key or bare == "-") and not self._settle(indent):
            return "indentation fits no level"
        return self._scalar(bare[key.end() :].strip() if key else bare.removeprefix("-"), key is not None)

    def _scalar(self, value: str, keyed: bool) -> str | None:
        """Read what stands behind a key or a dash."""
        self.plain = self.levels[-1] if self.levels else 0
        if _BLOCK.search(value):
            self.block, self.value = self.plain, ""
            return None
        self.value = "" if value.startswith("#") or _TAG.fullmatch(value) else value
        if keyed and _INNER.match(value):
            return "a mapping inside a value"
        if value.startswith(("[", "{", '"', "'")) and _flow(value, self.flow):
            return "brackets or quotes do not match"
        return None

    def _settle(self, indent: int) -> bool:
        """Leave the levels that ended; False when the indentation is between two of them."""
        while self.levels and self.levels[-1] > indent:
            self.levels.pop()
            if not self.levels or self.levels[-1] < indent:
                return False
        if not self.levels or self.levels[-1] < indent:
            self.levels.append(indent)
        return True


def _lines(body: str) -> Iterator[tuple[int, str]]:
    at = 0
    for line in body.split("\n"):
        yield at, line.rstrip()
        at += len(line) + 1


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
