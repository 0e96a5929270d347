"""Long-output drift: has the reply degenerated, and from where on? 1 = degenerate, .5 = only its tail is cut.

Signs: a loop at the end (a period repeated), a sentence or line coming back again and again, text that compresses
far better than language does, turns of a conversation that nobody asked for (spill-over), garbled characters
(U+FFFD, mojibake, control characters, scripts mixed within words, runs of symbols), and a tail cut off.

Legitimately repetitive texts (counting in words, lists, tables, code, verse asked for) are clean: every rule
needs *exact* repetition of a kind that those do not have.
"""

# ruff: noqa: RUF001 - word lists read better unbroken, and their letters are meant

import re
import zlib
from collections import Counter
from collections.abc import Callable, Sequence

from understudy.pair import Finish, Leg, Output, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, structure
from understudy_analyzers.expectation import Expectation, expect

TAIL = 4_000
"""Characters from the end in which a loop is looked for."""
ROUNDS = 4
"""Times a piece must come in a row to be a loop."""
LOOPED = 48
"""Characters a loop must cover at least."""
DENSE = 0.055
"""zlib ratio below which 2,000 characters and more are a loop whatever it looks like."""
SENTENCE = 24
"""Characters from which a sentence or line that comes back counts."""

_RULER = re.compile(r"^[\s\-=_*.#~|+:·•─━═─]*$")
_WORD = re.compile(r"[^\W\d_]+")
_GAP = re.compile(r"[\s,;.!?*\"-]{1,4}(?:\d{1,4}[.)]\s{1,3})?")
_UNIT = re.compile(r"[^.!?\n。！？]{4,600}[.!?\n。！？]")
_SPILL = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|user|assistant|system)\|>|\[/?INST\]|<</?SYS>>|<end_of_turn>|"
    r"^ {0,3}(?:#{2,3} ?(?:Instruction|Response|Human|User|Input|Assistant):|(?:USER|Human|User|HUMAN): )",
    re.MULTILINE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_MOJIBAKE = re.compile(
    r"Ã[\u0080-\u00bf\u0192\u2018-\u203a]|â€[\u0080-\u2122]?|Â[\u00a0-\u00bf]|ï¿½|Ð[\u0080-\u00bf]"
)
_MIXED = re.compile(r"[A-Za-z]{2,20}[\u0400-\u04ff]{2,20}[A-Za-z]?|[\u0400-\u04ff]{2,20}[A-Za-z]{2,20}")
_SYMBOLS = re.compile(r"[^\w\s]{24,}")
_DANGLING = re.compile(
    r"(?:[,(\[{;]|[ \n](?:the|a|an|and|or|of|to|in|with|for|that|which|is|are|by|from|as|at|el|la|los|las|de|y|que|"
    r"le|les|et|des|du|der|die|das|und|mit|von|zu|il|e|di|che|o|os|do|da))$"
)


def loop(text: str) -> tuple[int, int] | None:
    """A piece repeated up to the end of the text: (start of the loop, length of the piece); None when there is none.

    The failure function of Knuth, Morris and Pratt over the reversed tail gives the smallest period of every
    suffix in one pass; the longest suffix that holds ROUNDS periods and LOOPED characters is the loop.
    """
    tail = text[-TAIL:].rstrip()
    size = len(tail)
    if size < LOOPED:
        return None
    back = tail[::-1]
    # Whatever loops at the end must repeat its last characters: without that, the pass is not worth its time.
    if back.count(back[:6]) < ROUNDS:
        return None
    fail = [0] * size
    k = 0
    best: tuple[int, int] | None = None
    for i in range(1, size):
        c = back[i]
        while k and back[k] != c:
            k = fail[k - 1]
        if back[k] == c:
            k += 1
        fail[i] = k
        period = i + 1 - k
        if k and i + 1 >= LOOPED and i + 1 >= ROUNDS * period:
            best = (i + 1, period)
    if best is None:
        return None
    length, period = best
    piece = tail[size - period :]
    if _RULER.match(piece) and length < 400:
        return None
    return len(text[-TAIL:]) - (len(text[-TAIL:]) - size) - length + max(0, len(text) - TAIL), period


def recurring(text: str) -> tuple[int, str] | None:
    """A sentence that keeps coming back: (where it comes the second time, the sentence); None when none does."""
    if len(text) < 4 * SENTENCE:
        return None
    units = [(found.start(), " ".join(found.group().lower().split())) for found in _UNIT.finditer(text)]
    counts = Counter(unit for _, unit in units if len(unit) >= SENTENCE)
    if not counts:
        return None
    unit, times = counts.most_common(1)[0]
    repeated = sum(len(one) * (n - 1) for one, n in counts.items() if n >= ROUNDS)
    if times < ROUNDS or repeated < 0.3 * len(text) or _RULER.match(unit) or "|" in unit:
        return None
    second = [start for start, one in units if one == unit][1]
    return second, unit


def dense(text: str) -> bool:
    """True when a text compresses as only a loop does: counting in words stays above twice the limit."""
    raw = text[-20_000:].encode("utf-8", "replace")
    return len(raw) >= 2_000 and len(zlib.compress(raw, 6)) / len(raw) < DENSE


def stammer(text: str) -> tuple[int, str] | None:
    """The same word many times in a row anywhere: (start, word)."""
    last, run, start, end = "", 0, 0, 0
    for found in _WORD.finditer(text):
        word = found.group()
        if word == last and _GAP.fullmatch(text, end, found.start()):
            run += 1
            if run >= 8:
                return start, word
        else:
            last, run, start = word, 1, found.start()
        end = found.end()
    return None


def garbled(text: str, prompt: str) -> tuple[int, str] | None:
    """Characters that no engine means to write: (where, what); what the prompt itself contains is no sign."""
    if (n := text.count("\ufffd")) and "\ufffd" not in prompt and (n > 1 or len(text) < 200):
        return text.index("\ufffd"), f"{n} replacement characters"
    if (found := _CONTROL.search(text)) and not _CONTROL.search(prompt):
        return found.start(), "control characters"
    for pattern, least, what in ((_MOJIBAKE, 3, "mojibake"), (_MIXED, 3, "scripts mixed within words")):
        places = [found.start() for found in pattern.finditer(text[:50_000])]
        if len(places) >= least and not pattern.search(prompt):
            return places[0], what
    for found in _SYMBOLS.finditer(text):
        run = found.group()
        # Rulers, dotted lines and emoji rows are drawn on purpose; a soup of ASCII symbols is not.
        ascii_symbols = [c for c in run if c.isascii()]
        if (
            len(ascii_symbols) > 20
            and not _RULER.match(run)
            and (len(set(run)) >= 6 or set(run) <= {"!", "?", ",", '"'})
        ):
            return found.start(), "run of symbols"
    return None


def judged(output: Output, text: str, prompt: str, wanted: Expectation) -> judge.Found:
    """Judge one leg's text."""
    seen = judge.view(text)
    bare = seen.text
    verbatim = (
        (wanted.structure is not None and structure.looks_json(bare))
        or structure.looks_python(bare)
        or "```" in bare
    )
    signs: list[tuple[Callable[[], tuple[int, str] | None], str]] = [
        (lambda: garbled(bare, prompt) if not verbatim else None, "garbled"),
        (lambda: _spill(bare, prompt), "spill-over"),
    ]
    if not wanted.repetition:
        signs += [
            (lambda: _loop(bare), "loop"),
            (lambda: recurring(bare) if not verbatim else None, "recurring"),
        ]
        signs += [(lambda: stammer(bare), "stammer"), (lambda: (0, "") if dense(bare) else None, "dense")]
    for sign, label in signs:
        if (hit := sign()) is not None:
            start = seen.original(hit[0])
            share = start / max(1, len(text))
            note = f"{label} from character {start} ({share:.0%}): {hit[1][:60]!r}" if hit[1] else label
            return judge.Found(1.0, ((start, len(text), label),), note)
    if output.finish is Finish.LENGTH or output.truncated_by:
        return judge.Found(0.5, ((max(0, len(text) - 40), len(text), "cut"),), "cut at its token budget")
    if not verbatim and len(text) >= 160 and _DANGLING.search(bare[-40:].rstrip(" ")):
        return judge.Found(
            0.5, ((max(0, len(text) - 40), len(text), "cut"),), "ends in the middle of a phrase"
        )
    return judge.Found(0.0)


def _loop(text: str) -> tuple[int, str] | None:
    found = loop(text)
    return None if found is None else (found[0], text[found[0] : found[0] + found[1]])


def _spill(text: str, prompt: str) -> tuple[int, str] | None:
    found = _SPILL.search(text)
    if (
        found is None
        or found.group().strip() in prompt
        or "dialog" in prompt.lower()
        or "conversation" in prompt.lower()
    ):
        return None
    return found.start(), found.group().strip()


class Drift:
    """Whether each leg's reply degenerates, and from where."""

    name = "drift"
    version = "1"
    metrics = (
        Metric(
            "degenerate", Sense.BAD, "the reply loops, spills into other turns, is garbled, or is cut off"
        ),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score over the legs that did not fail."""
        texts = {} if pair.censored else judge.texts(pair)
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
