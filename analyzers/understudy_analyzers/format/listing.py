"""Lists: does the numbering go on, and how many items are there?"""

import re
from collections.abc import Iterator, Sequence

from understudy_analyzers.format.fault import Fault
from understudy_analyzers.structure import bullets, numbered

_ITEM = re.compile(r"^([ \t]{0,12})(?:\*\*|__|#{1,4} )?(\d{1,3})[.)](?:\*\*|__)?[ \t]+\S", re.MULTILINE)
_TOP = re.compile(r"^(?:[-*+•] +\S|\d{1,3}[.)] +\S)", re.MULTILINE)


_Item = tuple[int, int, int]
"""Number, start, end."""


def jump(text: str, least: int = 2) -> Fault | None:
    """The first item whose number does not follow, in a list that had `least` items before it or goes on behind it.

    A list may start anywhere, start again at 1 (nested and repeated lists do), count down, or have one number for all.
    """
    faults = (_odd(run, least) for run in _runs(text))
    return min((fault for fault in faults if fault), key=lambda fault: fault.start, default=None)


def _runs(text: str) -> Iterator[list[_Item]]:
    """The items of one indentation that stand together, from one start of the numbering to the next."""
    open_: dict[int, list[_Item]] = {}
    for item in _ITEM.finditer(text):
        indent, number = len(item.group(1).expandtabs(4)), int(item.group(2))
        for deeper in [one for one in open_ if one > indent]:
            yield open_.pop(deeper)
        here = open_.setdefault(indent, [])
        falling = len(here) >= 2 and here[-1][0] < here[-2][0]
        if here and number <= 1 and not falling and not here[-1][0] == 2 == here[0][0]:
            yield open_.pop(indent)
            here = open_.setdefault(indent, [])
        here.append((number, item.start(), item.end()))
    yield from open_.values()


def _odd(run: Sequence[_Item], least: int) -> Fault | None:
    numbers = [number for number, _, _ in run]
    first = 0
    same = len(set(numbers)) == 1
    for at in range(1, len(run)):
        if numbers[at] == numbers[at - 1] and not same:
            return Fault(f"number {numbers[at]} comes twice", *run[at][1:])
        step = numbers[at] - numbers[at - 1]
        falls = at - first == 1 or numbers[at - 1] <= numbers[at - 2]
        if step in (0, 1) or (step == -1 and falls):
            continue
        follows = at + 1 < len(run) and numbers[at + 1] in (
            numbers[at - 1] + 2,
            numbers[at] + (numbers[0] == 1),
        )
        if at - first >= least or follows:
            return _fault(run, at)
        if at == 1 and numbers[1:3] == [2, 3]:
            return _fault(run, 0)
        first = at
    return None


def _fault(run: Sequence[_Item], at: int) -> Fault:
    number, start, end = run[at]
    note = (
        f"numbering jumps from {run[at - 1][0]} to {number}" if at else f"numbering jumps from {number} to 2"
    )
    return Fault(note, start, end)


def count(text: str, wanted: int) -> Fault | None:
    """Whether a list has as many items as were asked for, counted with or without nested ones."""
    counts = [len(bullets(text)), len(_TOP.findall(text)), len(numbered(text))]
    if wanted in counts:
        return None
    return Fault(f"{counts[0] or counts[2]} items instead of {wanted}")
