"""A prompt as the rules read it."""

import re
from dataclasses import dataclass

READ = 3_000
"""Characters read from each end of a prompt: instructions stand at its start or its end."""
LONG = 40
"""Characters from which a quotation is matter to work on, in which nothing is asked of the reply."""
_STOP = re.compile(r"[.!?](?=[\s\"”')]|$)|\n")
_QUOTATION = re.compile(r'"[^"\n]{0,3000}"|“[^”\n]{0,3000}”|```[^`]{0,4000}```')


@dataclass(frozen=True, slots=True)
class Prompt:
    """Three views of one prompt, of equal length: characters of one are characters of the others."""

    text: str
    lower: str
    plain: str
    """Long quotations blanked."""

    @classmethod
    def of(cls, prompt: str) -> "Prompt":
        """Both ends of a prompt, or all of it."""
        text = prompt if len(prompt) <= 2 * READ else f"{prompt[:READ]}\n{prompt[-READ:]}"
        lower = text.lower()
        plain = _QUOTATION.sub(_blank, text) if '"' in text or "“" in text or "```" in text else text
        return cls(text, lower if len(lower) == len(text) else text, plain)

    def sentence(self, start: int, end: int) -> str:
        """The sentence around characters [start, end), at most 200 to each side."""
        before = _STOP.split(self.plain[max(0, start - 200) : start])[-1]
        after = _STOP.split(self.plain[end : end + 200], maxsplit=1)[0]
        return before + self.plain[start:end] + after


def _blank(found: re.Match[str]) -> str:
    whole = found.group()
    return whole if len(whole) < LONG else whole[0] + " " * (len(whole) - 2) + whole[-1]
