"""Tables and CSV: does every row have as many cells as the head, and does a Markdown table have its rule?

GFM fills short rows and cuts long ones when it renders, so a parser never tells that a cell was lost; and a table
without its rule is to it a paragraph. Lines are read here instead.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from understudy_analyzers.format.fault import Fault
from understudy_analyzers.structure import cells, even, fences, is_rule, outside, separated

_WORD = re.compile(r"[^\W\d_]\S?[^\W\d_]|^\s*[^\W\d_]\s*$")
_SPAN = re.compile(r"`[^`\n]{1,200}`|\\\||\[\[[^\]\n]{1,200}\]\]")
_SAMPLES = ("markdown", "md", "gfm")
_LINED = re.compile(
    r"<t(?:able|r|d)\b|\\begin\{tabular|\+-{2,}|^[^|\n]{1,200}\|[^\n]*$|^\S[^\n\t]{0,200}\t\S", re.MULTILINE
)
_COLUMNS = re.compile(r"^\S[^\n]{0,60}?\S {2,}\S", re.MULTILINE)


def faults(text: str, ruled: bool = True) -> Iterator[Fault]:
    """What is broken in the tables of a text; `ruled`: rows between bars need a rule to be a table."""
    if "|" not in text:
        return
    for start, lines in _runs(text):
        rule = next((at for at, line in enumerate(lines[:8]) if at and is_rule(line)), 0)
        if rule:
            yield from _uneven(lines[rule - 1 :], start + sum(len(line) + 1 for line in lines[: rule - 1]))
        elif ruled and is_rule(lines[0]) and len(lines) > 1 and _barred(lines[1]) and _headed(lines[1]):
            yield Fault("a table without its head", start, start + len(lines[0]))
        elif (
            ruled
            and len(lines) >= 2
            and _headed(lines[0])
            and all(map(_barred, lines))
            and even(map(cells, lines))
        ):
            yield Fault("a table without its rule", start, start + len(lines[0]))


def _runs(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines with bars that stand together: where they start, and they themselves."""
    at, first, run = 0, 0, list[str]()
    for line in text.split("\n"):
        if "|" in line:
            first = first if run else at
            run.append(line)
        elif run:
            yield first, run
            run = []
        at += len(line) + 1
    if run:
        yield first, run


def _barred(line: str) -> bool:
    """A row between bars, of at least two cells."""
    bare = line.strip()
    return bare.startswith("|") and bare.endswith("|") and len(cells(bare)) >= 2


def _headed(line: str) -> bool:
    """A row of names: scores of music, boards and sums stand between bars too."""
    named = [cell for cell in cells(line) if cell]
    return bool(named) and all(map(_WORD.search, named))


def heads(text: str) -> frozenset[str]:
    """The heads of the tables of a text, as they are written."""
    if "|" not in text:
        return frozenset()
    lines = text.split("\n")
    return frozenset(
        head.strip() for head, rule in pairwise(lines) if "|" in head and is_rule(rule) and not is_rule(head)
    )


def ruleless(text: str, known: frozenset[str]) -> Fault | None:
    """The head of a table that stands in another reply with a rule below it, and here without."""
    lines, at = text.split("\n") if known else [], 0
    for line, below in zip(lines, [*lines[1:], ""], strict=False):
        if line.strip() in known and "|" in below and not is_rule(below):
            return Fault("a table without its rule", at, at + len(line))
        at += len(line) + 1
    return None


def _uneven(lines: Sequence[str], start: int) -> Iterator[Fault]:
    width = len(cells(lines[0]))
    at = start
    for number, line in enumerate(lines):
        found = len(cells(line))
        if found != width and len(cells(_SPAN.sub("", line))) != width:
            what = "the rule" if number == 1 else f"row {number - 1}"
            yield Fault(f"table: {what} has {found} cells instead of {width}", at, at + len(line))
            return
        at += len(line) + 1


def table(text: str, markdown: bool) -> Fault | None:
    """What is broken in the table that was asked for; `markdown`: no other kind of table will do."""
    prose = outside(text, [block for block in fences(text) if block.language not in _SAMPLES])
    ruled = "|" in prose and any(map(is_rule, prose.split("\n")))
    for fault in faults(prose if ruled else text, ruled or markdown):
        return fault
    if ruled or any(map(is_rule, text.split("\n"))):
        return None
    if not markdown and (_LINED.search(text) or len(_COLUMNS.findall(text)) >= 3):
        return None
    return Fault("no table")


def csv(text: str) -> Fault | None:
    """What is broken in the CSV that was asked for: fenced, or the longest run of lines with separators."""
    blocks = fences(text)
    named = next((b for b in blocks if b.language in ("csv", "tsv")), next(iter(blocks), None))
    if named:
        return broken(named.body, named.at)
    best, start, at = "", 0, 0
    for part in re.split(r"(\n[ \t]*\n)", text):
        if part.count("\n") >= best.count("\n") and any(mark in part for mark in ",;\t") and part.strip():
            best, start = part, at
        at += len(part)
    return broken(best, start) if best else Fault("no CSV")


def broken(body: str, start: int) -> Fault | None:
    """What is broken in lines that are to be CSV."""
    fault: Fault | None = None
    for mark in (",", ";", "\t", "|"):
        if mark not in body:
            continue
        rows = separated(body, mark)
        if rows is None:
            fault = fault or Fault("CSV: a quote is left open", start)
        elif len(rows) >= 2 and sum(len(row) >= 2 for row in rows) >= 2:
            if even(rows):
                return _unquoted(body, rows, start)
            width = len(rows[0])
            at, row = next((n, row) for n, row in enumerate(rows) if len(row) != width)
            note = f"CSV: row {at + 1} has {len(row)} fields instead of {width}"
            fault = fault or Fault(note, start + _line(body, at))
    return fault or Fault("no CSV", start)


def _unquoted(body: str, rows: list[list[str]], start: int) -> Fault | None:
    """A field that doubles its quotes as quoted ones do, and does not begin with one."""
    for at, row in enumerate(rows):
        if any('""' in cell for cell in row):
            return Fault(f"CSV: row {at + 1} lost a quote", start + _line(body, at))
    return None


def _line(body: str, number: int) -> int:
    """Where a line that is not blank starts."""
    at = 0
    for line in body.split("\n"):
        if line.strip():
            if not number:
                return at
            number -= 1
        at += len(line) + 1
    return 0
