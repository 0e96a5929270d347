"""Lists: does the numbering go on, and how many items are there?"""

import re
from dataclasses import dataclass

from understudy_analyzers.format.fault import Fault
from understudy_analyzers.structure import bullets, numbered

_ITEM = re.compile(r"^([ \t]{0,12})(?:\*\*|__|#{1,4} )?(\d{1,3})[.)](?:\*\*|__)?[ \t]+\S", re.MULTILINE)
_TOP = re.compile(r"^(?:[-*+•] +\S|\d{1,3}[.)] +\S)", re.MULTILINE)


@dataclass(slots=True)
class _List:
    last: int
    step: int = 0
    count: int = 1


def jump(text: str, least: int = 2) -> Fault | None:
    """The first item whose number does not follow, in a list that had `least` items before it.

    A list may start anywhere, start again at 1 (nested and repeated lists do), repeat its number, or count down.
    """
    lists: dict[int, _List] = {}
    for item in _ITEM.finditer(text):
        indent, number = len(item.group(1).expandtabs(4)), int(item.group(2))
        for deeper in [one for one in lists if one > indent]:
            del lists[deeper]
        here = lists.get(indent)
        step = number - here.last if here else 0
        if here is None or (number <= 1 and here.step != -1):
            lists[indent] = _List(number)
        elif step in (0, 1) or (step == -1 and here.step in (0, -1)):
            lists[indent] = _List(number, step or here.step, here.count + 1)
        elif here.count >= least:
            return Fault(f"numbering jumps from {here.last} to {number}", item.start(), item.end())
        else:
            lists[indent] = _List(number)
    return None


def count(text: str, wanted: int) -> Fault | None:
    """Whether a list has as many items as were asked for, counted with or without nested ones."""
    counts = [len(bullets(text)), len(_TOP.findall(text)), len(numbered(text))]
    if wanted in counts:
        return None
    return Fault(f"{counts[0] or counts[2]} items instead of {wanted}")
