"""Characters that no engine means to write: replacement and control characters, mojibake, soups of symbols."""

import re

from understudy_analyzers.drift.loop import RULER
from understudy_analyzers.language.mojibake import mojibake

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MIXED = re.compile(r"[A-Za-z]{2,20}[\u0400-\u04ff]{2,20}[A-Za-z]?|[\u0400-\u04ff]{2,20}[A-Za-z]{2,20}")
_SYMBOLS = re.compile(r"[^\w\s]{24,}")


def garbled(text: str, prompt: str) -> tuple[int, str] | None:
    """Characters that no engine means to write: (where, what); what the prompt itself contains is no sign."""
    if (n := text.count("\ufffd")) and "\ufffd" not in prompt and (n > 1 or len(text) < 200):
        return text.index("\ufffd"), f"{n} replacement characters"
    if (found := _CONTROL.search(text)) and not _CONTROL.search(prompt):
        return found.start(), "control characters"
    if (broken := mojibake(text)) and not mojibake(prompt):
        return broken[0], "mojibake"
    if not text.isascii():
        places = [found.start() for found in _MIXED.finditer(text[:50_000])]
        if len(places) >= 3 and not _MIXED.search(prompt):
            return places[0], "scripts mixed within words"
    for found in _SYMBOLS.finditer(text):
        run = found.group()
        # Rulers, dotted lines and emoji rows are drawn on purpose; a soup of ASCII symbols is not.
        ascii_symbols = [c for c in run if c.isascii()]
        if (
            len(ascii_symbols) > 20
            and not RULER.match(run)
            and (len(set(run)) >= 6 or set(run) <= {"!", "?", ",", '"'})
        ):
            return found.start(), "run of symbols"
    return None
