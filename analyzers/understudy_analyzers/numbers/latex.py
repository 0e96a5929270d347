r"""LaTeX as plain text, as far as answers need it: `\frac{1}{2}` is 1/2, `12\text{ eggs}` is 12 eggs."""

# ruff: noqa: RUF001 - the letters are meant

import re

_BOX = ("\\boxed", "\\fbox")
_RULES = (
    (re.compile(r"(?<=[0-9])\s?\\[dtc]?frac\s?\{([^{}]{1,40})\}\s?\{([^{}]{1,40})\}"), r" \1/\2"),
    (re.compile(r"\\[dtc]?frac\s?\{([^{}]{1,40})\}\s?\{([^{}]{1,40})\}"), r"\1/\2"),
    (re.compile(r"\\[dtc]?frac\s?([0-9])([0-9])"), r"\1/\2"),
    (re.compile(r"(?<=[0-9])(?:\{,\}|\\[,!;])(?=[0-9]{3})"), ","),
    (re.compile(r"\\(?:times|cdot)(?![a-z])"), "×"),
    (re.compile(r"\\(?:approx|simeq)(?![a-z])"), "≈"),
    (re.compile(r"\\([$%#&_])"), r"\1"),
    # What is left of commands is dropped and what they wrap kept.
    (re.compile(r"\\[a-zA-Z]{1,20}\*?|\\[()\[\],;:! ]"), " "),
    (re.compile(r"(?<!\^)\{([^{}]{0,80})\}"), r"\1"),
    (re.compile(r"(?<!\^)\{([^{}]{0,80})\}"), r"\1"),
)
_VULGAR = {
    "½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4",
    "⅕": "1/5", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"
}  # fmt: skip
_WORKED = re.compile("<<[^<>]{0,200}>>")
"""A calculator's note, as in GSM8K: `3 * 4 = <<3*4=12>>12`."""
_PART = re.compile(r"(?<=[0-9])(?=[½⅓⅔¼¾⅕⅛⅜⅝⅞])")


def plain(phrase: str) -> str:
    """A phrase without its markup; as it was when it has none."""
    if "<<" in phrase:
        phrase = _WORKED.sub("", phrase)
    if "\\" in phrase or "{" in phrase:
        for pattern, instead in _RULES:
            phrase = pattern.sub(instead, phrase)
    if not phrase.isascii() and any(mark in phrase for mark in _VULGAR):
        phrase = _PART.sub(" ", phrase)
        for mark, instead in _VULGAR.items():
            phrase = phrase.replace(mark, instead)
    return phrase


def boxed(text: str, longest: int = 200) -> tuple[int, int] | None:
    """The place of what the last LaTeX box holds, [start, end); braces may nest, an unclosed box counts."""
    at = max(text.rfind(box) for box in _BOX)
    if at < 0:
        return None
    start = at + 6 if text.startswith(_BOX[0], at) else at + 5
    while start < len(text) and text[start] == " ":
        start += 1
    if start >= len(text) or text[start] != "{":
        return start, min(len(text), start + 1)
    depth = 0
    for end in range(start, min(len(text), start + longest)):
        depth += (text[end] == "{") - (text[end] == "}")
        if not depth:
            return start + 1, end
    return start + 1, min(len(text), start + longest)
