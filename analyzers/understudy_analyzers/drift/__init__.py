"""Long-output drift: has the reply degenerated, and from where on? 1 = degenerate, .5 = only its tail is cut.

Signs: loops anywhere, also such as are followed by more text or count up; sentences that keep coming back; text
that compresses far better than language does; a passage in another language; a fence that is never closed, JSON
that turns into prose; turns of a conversation that nobody asked for; a refusal after the answer had begun; a topic
left for good; garbled characters; and a tail cut off.

Legitimately repetitive texts (counting in words, lists, tables, code, verse asked for) are clean: every rule
needs repetition of a kind that those do not have. The earliest sign is the onset.
"""

# ruff: noqa: E501 - phrases read better unbroken

import re
from collections.abc import Sequence

from understudy.pair import Finish, Leg, Output, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, structure
from understudy_analyzers.drift.depart import depart
from understudy_analyzers.drift.garble import garbled
from understudy_analyzers.drift.loop import counted, loop
from understudy_analyzers.drift.recur import dense, recurring, stammer
from understudy_analyzers.drift.shape import derailed, unclosed, without_code
from understudy_analyzers.drift.spill import spill
from understudy_analyzers.drift.splice import splice
from understudy_analyzers.drift.tail import cut
from understudy_analyzers.expectation import Expectation, expect
from understudy_analyzers.language import about, detect, foreign
from understudy_analyzers.language.words import WORD

__all__ = ["Drift", "judged", "signs"]

_VERSE = re.compile(
    r"\b(?:songs?|lyrics?|chorus|poems?|poetry|verses?|ballad|rap|haiku|limericks?|chant|mantra|rhym\w{1,4}|poema|poème|gedicht|"
    r"canción|chanson|lied|canzone|canção|bottles of beer|pattern|ascii|art)\b|诗|歌|詩",
    re.IGNORECASE,
)
_FENCED = re.compile(
    r"```|\bback-?ticks?\b|\bcode[- ]?blocks?\b[^.\n]{0,40}\bmarkdown|\bmarkdown\b[^.\n]{0,40}\bcode[- ]?block",
    re.IGNORECASE,
)
"""A prompt about fences: its answer shows some that are not its own."""
_COUNTS = re.compile(
    r"\bbottles of\b|\bcount(?:s|ing|down)?\b|\btables? of \d|\btimes tables?\b", re.IGNORECASE
)
_TIMES = re.compile(
    r"\brepeat|\bover and over\b|\btimes\b|\bforever\b|\becho\b|\bonly\b|\bkeep\b|\brepite|\brépète|wiederhol|\brepita|\bripeti|重复|繰り返",
    re.IGNORECASE,
)
LEAD = 40
"""Characters at either end of a reply that are no part of their own."""
SWITCHED = 300
"""Characters from which a reply can pass into another language on its way."""


def signs(text: str, prompt: str, wanted: Expectation, verbatim: bool) -> list[tuple[int, str, str]]:
    """(onset, label, what) of every sign of degeneration in a text, the earliest first.

    `verbatim`: the text is code or data as a whole, and not prose with some code in it.
    """
    found: list[tuple[int, str, str]] = []

    def see(label: str, hit: tuple[int, str] | None) -> None:
        if hit is not None:
            found.append((hit[0], label, hit[1]))

    prose = "" if verbatim else without_code(text)
    see("spill-over", spill(text, prompt))
    if (fence := unclosed(text)) is not None and fence[1] and not _FENCED.search(prompt):
        see("fence", (fence[0], ""))
    see("prose", derailed(text))
    see("refusal", splice(text))
    see("garbled", garbled(prose, prompt))
    see("language", _switch(prose, prompt))
    see("topic", depart(prose, prompt))
    verse = _VERSE.search(prompt) is not None
    repeats = loop(prose, verse) or (loop(text, True) if prose != text else None)
    if repeats is None and not _COUNTS.search(prompt):
        repeats = counted(prose, 7 if verse else 5)
    if repeats is not None and not _asked(text[repeats.start : repeats.start + repeats.period], prompt):
        see("loop", (repeats.onset, text[repeats.start : repeats.start + repeats.period]))
    elif not wanted.repetition:
        see("recurring", recurring(prose))
        see("dense", dense(text))
        see("stammer", stammer(text))
    return sorted(found)


def _asked(piece: str, prompt: str) -> bool:
    """True when the prompt itself holds the words that a reply repeats."""
    said = set(WORD.findall(piece.lower()))
    return (
        bool(said)
        and _TIMES.search(prompt) is not None
        and said <= set(WORD.findall(prompt[:20_000].lower()))
    )


def judged(output: Output, text: str, prompt: str, wanted: Expectation) -> judge.Found:
    """Judge one leg's text."""
    seen = judge.view(text)
    bare = seen.text
    verbatim = structure.looks_json(bare) or structure.looks_python(bare)
    if found := signs(bare, prompt, wanted, verbatim):
        places = tuple((seen.original(onset), len(text), label) for onset, label, _ in found)
        start, _, label = places[0]
        what = found[0][2]
        note = f"{label} from character {start} ({start / max(1, len(text)):.0%})"
        return judge.Found(1.0, places, f"{note}: {what[:60]!r}" if what else note)
    if (
        why := cut(
            output, text, verbatim or "```" in bare, unclosed(bare) is not None and not _FENCED.search(prompt)
        )
    ) is not None:
        # A leg that failed by its budget has its vote in `failure`: here only what it degenerated into counts.
        value = 0.0 if output.failed else 0.5
        return judge.Found(value, ((max(0, len(text) - 40), len(text), "cut"),), why)
    return judge.Found(0.0)


def _switch(text: str, prompt: str) -> tuple[int, str] | None:
    """Where a reply passes into a language that neither it began in nor its prompt has to do with."""
    if len(text) < SWITCHED:
        return None
    home = detect(text)
    passage = foreign(text, home[0]) if home is not None else None
    if home is None or passage is None:
        return None
    onset, language = passage.start, passage.language
    own = detect(prompt)
    if (language == own[0] if own else onset < LEAD) and passage.end < len(text) - LEAD:
        # The text begins with the passage, and passes into the language of its greater part: seen from the other side.
        passage = foreign(text, passage.language)
        if passage is None or passage.language != home[0]:
            return None
        onset, language = passage.start, passage.language
    # One that begins in another language than its prompt, and comes back to it, is the language analyzer's.
    if onset < LEAD or about(prompt, language) or (own is not None and own[0] == language):
        return None
    return onset, language


class Drift:
    """Whether each leg's reply degenerates, and from where."""

    name = "drift"
    version = "2"
    metrics = (
        Metric(
            "degenerate",
            Sense.BAD,
            "the reply loops, leaves its language, format, turn or topic, declines midway, is garbled, or is cut off",
        ),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score over the legs that did not fail, or by their token budget alone: what loops has no other end."""
        texts = {} if pair.censored else judge.texts(pair, spent=True)
        if not texts:
            return ()
        prompt = pair.request.text
        wanted = expect(prompt)
        outputs = {output.leg: output for output in pair.legs()}
        known: dict[tuple[str, bool], judge.Found] = {}
        found: dict[Leg, judge.Found] = {}
        for leg, text in texts.items():
            key = (text, outputs[leg].finish is Finish.LENGTH or bool(outputs[leg].truncated_by))
            if key not in known:
                known[key] = judged(outputs[leg], text, prompt, wanted)
            found[leg] = known[key]
        return (judge.score(self.name, self.version, self.metrics[0], found),)
