"""Agreement of each other leg with the baseline: exact, by edits, and by what the task is about.

`agreement_exact` and `agreement_edit` punish harmless rewording, so under greedy or seeded decoding they are
shown and not judged. `task_agreement` compares what matters: JSON by value, code by syntax tree, tables by
cells, lists by items, choices by letter, answers by number, refusals by stance, short replies by their
words, long prose by the words the two have in common. It is 0 or 1 wherever a reply is right or wrong, and
graded for prose.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from rapidfuzz.distance import Indel, Levenshtein
from understudy.pair import Leg, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, refusal, structure
from understudy_analyzers.expectation import Expectation, Structure, expect
from understudy_analyzers.numerals import final, stated

LONGEST = 12_000
"""Characters of each text compared by edits: its head and tail beyond that."""
WORDS = 6_000
"""Words of each text compared."""
SHORT = 30
"""Words up to which a reply is right or wrong as a whole."""
SAME_PROSE, OTHER_PROSE = 0.75, 0.25
"""Similarity from which long prose counts as agreeing fully, and below which not at all."""

_WORD = re.compile(r"\w+")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


def edit(base: str, other: str) -> float:
    """1 - Levenshtein distance / length of the longer text."""
    return float(Levenshtein.normalized_similarity(_ends(base), _ends(other)))


def _ends(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST // 2] + text[-LONGEST // 2 :]


def words(text: str) -> list[str]:
    """The words of a text, case and width folded; characters where the script writes no spaces."""
    folded = unicodedata.normalize("NFKC", text[: WORDS * 12]).casefold()
    return _WORD.findall(_WIDE.sub(r" \g<0> ", folded))[:WORDS]


def task(base: str, other: str, wanted: Expectation) -> judge.Found:
    """Agreement of two texts on the task; the note names what was compared."""
    if base == other:
        return judge.Found(1.0, note="identical")
    stances = [refusal.read(base), refusal.read(other)]
    if (sided := refusal.agree(stances)) is not None:
        return judge.Found(
            float(sided), note="refusal: " + " against ".join(reading.stance for reading in stances)
        )
    for compare in (_json, _code, _choice, _number, _cells, _items):
        if (found := compare(base, other, wanted)) is not None:
            return found
    ours, theirs = words(base), words(other)
    if min(len(ours), len(theirs)) <= SHORT:
        return judge.Found(float(ours == theirs), note="short reply, word by word")
    similar = prose(ours, theirs)
    graded = (similar - OTHER_PROSE) / (SAME_PROSE - OTHER_PROSE)
    return judge.Found(min(1.0, max(0.0, graded)), note=f"prose, similarity {similar:.2f}")


def prose(ours: list[str], theirs: list[str]) -> float:
    """Share of words in common, rare order changes forgiven: the mean of bag and sequence overlap."""
    total = len(ours) + len(theirs)
    if not total:
        return 1.0
    bag = 2 * (Counter(ours) & Counter(theirs)).total() / total
    return 0.6 * bag + 0.4 * float(Indel.normalized_similarity(ours, theirs))


def _json(base: str, other: str, wanted: Expectation) -> judge.Found | None:
    if wanted.structure is not Structure.JSON and not (
        structure.looks_json(base) or structure.looks_json(other)
    ):
        return None
    left, right = structure.json_of(base), structure.json_of(other)
    if left is None and right is None:
        return None
    return judge.Found(float(left == right), note="JSON by value")


def _code(base: str, other: str, wanted: Expectation) -> judge.Found | None:
    if wanted.structure is not Structure.CODE and not structure.looks_python(base):
        return None
    left, right = structure.python_of(base), structure.python_of(other)
    if left is None or right is None:
        return None if left is right else judge.Found(0.0, note="one side's code does not parse")
    if left == right:
        return judge.Found(1.0, note="same syntax tree")
    # Two programs of some length may differ and both be right: graded by their words, as prose is.
    ours, theirs = words(base), words(other)
    value = prose(ours, theirs) if min(len(ours), len(theirs)) > 2 * SHORT else 0.0
    return judge.Found(value, note="other syntax tree")


def _choice(base: str, other: str, wanted: Expectation) -> judge.Found | None:
    alone = len(base.strip()) <= 3 and len(other.strip()) <= 3
    if wanted.structure is not Structure.CHOICE and not alone:
        return None
    left, right = structure.choice(base), structure.choice(other)
    if left is None and right is None:
        return None
    return judge.Found(float(left == right), note=f"choice {left} against {right}")


def _number(base: str, other: str, wanted: Expectation) -> judge.Found | None:
    marked = stated(base) is not None and stated(other) is not None
    if not (wanted.number or marked) or wanted.structure is not None:
        return None
    left, right = final(base), final(other)
    if left is None or right is None:
        return None
    return judge.Found(float(left == right), note=f"answer {left:f} against {right:f}")


def _cells(base: str, other: str, wanted: Expectation) -> judge.Found | None:
    if wanted.structure is Structure.TABLE:
        left, right = structure.table(base), structure.table(other)
    elif wanted.structure is Structure.CSV:
        left, right = structure.csv(base), structure.csv(other)
    else:
        return None
    if left is None and right is None:
        return None
    return judge.Found(float(left == right), note="table by cells")


def _items(base: str, other: str, wanted: Expectation) -> judge.Found | None:
    """Lists in Markdown, and enumerations of many short items such as numbers in words."""
    if wanted.structure in (Structure.BULLETS, Structure.NUMBERED):
        left = structure.bullets(base) or [item for _, item in structure.numbered(base)]
        right = structure.bullets(other) or [item for _, item in structure.numbered(other)]
        if left or right:
            if all(len(item.split()) <= 5 for item in left + right):
                same = [words(item) for item in left] == [words(item) for item in right]
                return judge.Found(float(same), note=f"{len(left)} against {len(right)} items")
            return None
    left, right = enumerated(base), enumerated(other)
    if len(left) < 8 and len(right) < 8:
        return None
    return judge.Found(float(left == right), note=f"enumeration of {len(left)} against {len(right)}")


def enumerated(text: str) -> list[str]:
    """The items of a text that is one long enumeration, comma after comma; empty when it is not."""
    parts = [" ".join(words(part)) for part in text[:LONGEST].split(",")]
    return parts if len(parts) >= 8 and sorted(map(len, parts))[len(parts) * 9 // 10] <= 48 else []


class Agreement:
    """Exact, edit and task agreement of each other leg with the baseline."""

    name = "agreement"
    version = "1"
    metrics = (
        Metric("agreement_exact", Sense.AGREE, "the reply equals the baseline's, outer blanks aside", False),
        Metric("agreement_edit", Sense.AGREE, "the reply is few edits away from the baseline's", False),
        Metric("task_agreement", Sense.AGREE, "the reply agrees with the baseline's on what was asked"),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """Three scores when the baseline and another leg answered."""
        outputs = {} if pair.censored else judge.texts(pair)
        if Leg.BASELINE not in outputs or len(outputs) < 2:
            return ()
        base = outputs.pop(Leg.BASELINE)
        wanted = expect(pair.request.text)
        exact, edits, tasks = self.metrics
        made = (
            (exact, judge.each(outputs, lambda text: judge.Found(float(text.strip() == base.strip())))),
            (edits, judge.each(outputs, lambda text: judge.Found(edit(base, text)))),
            (tasks, judge.each(outputs, lambda text: task(base, text, wanted))),
        )
        return [judge.score(self.name, self.version, metric, found) for metric, found in made]
