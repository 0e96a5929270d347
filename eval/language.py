"""Language, measured: which one a text is in, whether a reply is in the wrong one, and whether it is legible.

Truth is the language asked for, in the rows of for-ai/language-confusion in which gpt-4-turbo was asked in the
language itself (`monolingual`): a strong model answers those in it. Prompts are not in the data, so the rows are
split by their number, which all models share.
"""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.language import Language, detect, mojibake

from bench.stats import Limit
from eval import stats
from eval.found import Figure, Section
from eval.split import held, rows

NAME = "language"
MODEL = "gpt-4-turbo"
SHORT = (20, 60)
"""Characters of the short pieces."""
LETTERS = 12
"""Letters that a piece must have: figures and punctuation say no language."""
PIECES = 3
SEED = 5

_WESTERN = ("de", "es", "fr", "it", "pt")
_FORMS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "latin-1": ("latin-1", ()), "cp1252": ("cp1252", ()), "twice": ("latin-1", ()), "cp1251": ("cp1251", ("ru",)),
    "mac-roman": ("mac-roman", _WESTERN), "gbk": ("gbk", _WESTERN),
}  # fmt: skip
"""Form of mojibake -> the encoding that UTF-8 was taken for, and the languages it befalls (none: all)."""


def read(data: Path, model: str = MODEL, out: bool = True) -> Iterator[dict[str, Any]]:
    """The held-out rows (or, to tune on, the others) of one model that were asked in the language they must be in."""
    for row in rows(data / "language" / f"{model}.csv.gz"):
        if row["task"] == "monolingual" and held(f"{row['source']} {row['id']}") is out:
            yield row


def measure(data: Path) -> Section:
    """Detection on whole replies and short pieces, wrong languages in pairs, mojibake."""
    known = list(read(data))
    wrong: list[str] = []
    figures = [
        _detection("whole replies", known, wrong, 0.99),
        _detection("pieces of 20-60 characters", _pieces(known), wrong, None),
    ]
    figures += _pairs(known)
    figures += _legible(known, wrong)
    return Section(NAME, tuple(figures), tuple(wrong))


def _detection(what: str, cases: list[dict[str, Any]], wrong: list[str], target: float | None) -> Figure:
    judged = []
    for row in cases:
        if len(row["completion"].strip()) < SHORT[0]:
            continue
        told = detect(row["completion"])
        right = told is not None and told[0] == row["language"]
        judged.append((row["id"], 1.0, float(right), row["language"]))
        if not right:
            wrong.append(
                f"{what} {row['source']} {row['id']}: {told and told[0]}, {row['language']} asked for"
            )
    by = {
        code: sum(said for _, _, said, one in judged if one == code) / sum(one == code for *_, one in judged)
        for code in sorted({one for *_, one in judged})
    }
    found = stats.over([(key, truth, said) for key, truth, said, _ in judged], stats.mean)
    return Figure(f"language: accuracy, {what}", found, target, by=by)


def _pieces(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """PIECES of each reply, cut between words at places drawn by lot; Chinese and Japanese have none to cut between."""
    draw = random.Random(SEED)
    made = []
    for row in cases * PIECES:
        text = " ".join(row["completion"].split())
        if len(text) < 2 * SHORT[1]:
            continue
        size = draw.randint(*SHORT)
        start = draw.randrange(len(text) - SHORT[1])
        start = text.find(" ", start, start + 30) + 1 or start
        piece = text[start : start + size]
        if " " in piece[SHORT[0] :]:
            piece = piece[: piece.rindex(" ")]
        if len(piece) >= SHORT[0] and sum(map(str.isalpha, piece)) >= LETTERS:
            made.append({**row, "completion": piece})
    return made


def _pairs(cases: list[dict[str, Any]]) -> list[Figure]:
    """Prompts in a language, answered in it by the baseline and in another by the candidate, all by lot."""
    analyzer = Language()
    by_code: dict[str, list[dict[str, Any]]] = {}
    for row in cases:
        by_code.setdefault(row["language"], []).append(row)
    draw = random.Random(SEED)
    judged, alarms = [], []
    for row in cases:
        same = draw.choice(by_code[row["language"]])["completion"]
        code = draw.choice(sorted(by_code.keys() - {row["language"]}))
        other = draw.choice(by_code[code])["completion"]
        for score in analyzer.score(a_pair(row["completion"][:300], same, other)):
            if Leg.BASELINE in score.values:
                alarms.append((row["id"], 0.0, float(score.values[Leg.BASELINE] > 0)))
            if Leg.CANDIDATE in score.values:
                judged.append((row["id"], 1.0, float(score.values[Leg.CANDIDATE] >= 1)))
    return [
        Figure("language: F1, replies in another language", stats.over(judged + alarms, stats.f1), 0.98),
        Figure(
            "language: alarms on replies in the right one",
            stats.over(alarms, stats.fallout),
            0.01,
            Limit.MOST,
        ),
    ]


def _legible(cases: list[dict[str, Any]], wrong: list[str]) -> list[Figure]:
    """Every reply that ASCII cannot write, in several forms of mojibake, and as it was."""
    broken, by = [], {}
    for form, (encoding, languages) in _FORMS.items():
        hits = []
        for row in cases:
            text = row["completion"]
            if sum(not c.isascii() for c in text) < 4 or (languages and row["language"] not in languages):
                continue
            spoiled = text.encode().decode(encoding, "ignore")
            if form == "twice":
                spoiled = spoiled.encode().decode(encoding)
            hits.append((row["id"], 1.0, float(mojibake(spoiled) is not None)))
            if not hits[-1][2]:
                wrong.append(f"mojibake {form} {row['id']}: sound, {row['language']}")
        broken += hits
        by[form] = sum(said for *_, said in hits) / len(hits)
    sound = [(row["id"], 0.0, float(mojibake(row["completion"]) is not None)) for row in cases]
    wrong += [f"mojibake {key}: broken, sound" for key, _, said in sound if said]
    return [
        Figure("language: mojibake seen", stats.over(broken, stats.recall), 0.98, by=by),
        Figure("language: mojibake seen in sound text", stats.over(sound, stats.fallout), 0.001, Limit.MOST),
    ]
