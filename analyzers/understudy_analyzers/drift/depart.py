"""Topic departure: from some place on, a long reply says nothing of what it and its prompt spoke about before.

Lexical: in windows of the text, the share of content words whose stem stood in the prompt or earlier in the reply.
Prose that keeps to its topic takes up a third and more of its words again, whatever the topic; what was written
for another prompt takes up next to none.
"""

import re

LONG = 1_200
"""Characters from which a reply has a topic to depart from."""
WINDOW = 60
"""Content words in a window."""
TAKEN_UP = 0.1
"""Share of a window's words below which it has nothing to do with what was before."""
KEPT = 0.25
"""Share that the reply must have taken up before: a list of names never does, and departs from nothing."""
STEM = 6

_CONTENT = re.compile(r"[^\W\d_]{5,40}")


def depart(text: str, prompt: str) -> tuple[int, str] | None:
    """(where the reply leaves its topic for good, its share of words taken up there); None when it does not."""
    if len(text) < LONG:
        return None
    words = [(found.start(), found.group()[:STEM].lower()) for found in _CONTENT.finditer(text[:20_000])]
    if len(words) < 4 * WINDOW:
        return None
    known = {found.group()[:STEM].lower() for found in _CONTENT.finditer(prompt[:8_000])}
    known.update(word for _, word in words[:WINDOW])
    shares: list[float] = []
    # The window before is left out: where the topic changes within it, it holds words of both.
    last: set[str] = set()
    for at in range(WINDOW, len(words) - WINDOW // 2, WINDOW):
        window = words[at : at + WINDOW]
        taken = sum(word in known for _, word in window) / len(window)
        if shares and taken < TAKEN_UP and sum(shares) / len(shares) >= KEPT:
            rest = words[at:]
            if sum(word in known for _, word in rest) < TAKEN_UP * 1.5 * len(rest):
                return window[0][0], f"{taken:.0%} of the words taken up again"
        shares.append(taken)
        known |= last
        last = {word for _, word in window}
    return None
