"""Fit the valences of English words that sentiment reads: `python -m eval.valence` writes them into the room.

Ratings: the ICWSM 2014 snippets of Hutto & Gilbert (MIT), about twenty people each. A snippet's rating is taken as the
sum of its words' valences, negation and intensifiers applied, by its length: linear in the valences, so ridge
regression towards our own list finds them. A word needs snippets of two kinds, or several that are no reviews: what
only film critics rate low is a film.
"""

import tarfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from understudy_analyzers.tone import lexicon, sentiment
from understudy_analyzers.tone.reading import Reading, read

from eval.split import data, held

CORPORA = {
    "tweets": "tweets",
    "movies": "movieReviewSnippets",
    "amazon": "amazonReviewSnippets",
    "news": "nytEditorialSnippets",
}
GENERAL = frozenset({"tweets", "news"})
SEEN, SEEN_GENERAL = 4, 8
"""Snippets that a word must stand in: of two corpora, or of those that are about anything."""
RIDGE = 0.03
STEPS = 60
LEAST = 6.0
"""Nearer to 0 a valence is left out: such words say what a text is about, and a fit without them carries over
as well to a corpus it never saw."""
HEAD = "# Fitted by eval/valence.py to ratings of the ICWSM 2014 snippets: MIT License, Copyright (c) 2016 C.J. Hutto."
FILE = Path(sentiment.__file__).parent / "lists" / "valence.tsv"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Snippet:
    """A sentence or two and its mean rating, -4 to 4."""

    corpus: str
    text: str
    rating: float


def snippets(folder: Path) -> list[Snippet]:
    """Every rated snippet of the four corpora."""
    found = []
    with tarfile.open(folder / "tone/vader/hutto_ICWSM_2014.tgz") as archive:
        for corpus, name in CORPORA.items():
            file = archive.extractfile(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            assert file is not None
            for line in file.read().decode("utf-8", "replace").splitlines():
                _, rating, text = line.split("\t", 2)
                found.append(Snippet(corpus, text, float(rating)))
    return found


def fit(rated: Sequence[tuple[Snippet, Reading]]) -> sentiment.Valences:
    """Valences that explain the ratings best, in the units of `sentiment`."""
    prior = {
        **dict.fromkeys(_single("good"), sentiment.LISTED),
        **dict.fromkeys(_single("bad"), -sentiment.LISTED),
    }
    barred = {word for mark in ("not", "very", "slightly", "you") for word in lexicon.listed("en")[mark]}
    barred |= set(lexicon.listed("en")["stop"]) | {"0", ".", "anonymous", "url", "removed", "http", "rt"}
    known = _known([(one.corpus, reading) for one, reading in rated]) | set(prior)
    words = sorted(known - barred)
    number = {word: n for n, word in enumerate(words)}
    rows, columns, amounts = [], [], []
    for n, (_, reading) in enumerate(rated):
        factor = sentiment.factors(reading)
        for index, word in enumerate(reading.words):
            if (column := number.get(word)) is not None:
                rows.append(n)
                columns.append(column)
                amounts.append(factor.get(index, 1.0) / (reading.size + sentiment.PRIOR))
    start = np.array([prior.get(word, 0.0) for word in words])
    rating = np.array([one.rating for one, _ in rated])
    found = _ridge(np.array(rows), np.array(columns), np.array(amounts), rating, start)
    return {
        word: round(float(value)) for word, value in zip(words, found, strict=True) if abs(value) >= LEAST
    }


def _single(mark: str) -> list[str]:
    return [word for word in lexicon.listed("en")[mark] if " " not in word]


def _known(rated: Sequence[tuple[str, Reading]]) -> set[str]:
    """Words that enough snippets have."""
    seen: Counter[str] = Counter()
    general: Counter[str] = Counter()
    kinds: dict[str, set[str]] = {}
    for corpus, reading in rated:
        words = set(reading.words)
        seen.update(words)
        if corpus in GENERAL:
            general.update(words)
        for word in words:
            kinds.setdefault(word, set()).add(corpus)
    return {
        word
        for word, times in seen.items()
        if (times >= SEEN and len(kinds[word]) > 1) or general[word] >= SEEN_GENERAL
    }


def _ridge(
    rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_], amounts: Floats, rating: Floats, start: Floats
) -> Floats:
    """Ridge regression towards `start`, by conjugate gradients on the normal equations."""

    def said(valence: Floats) -> Floats:
        return np.bincount(rows, amounts * valence[columns], minlength=len(rating)).astype(np.float64)

    def back(error: Floats) -> Floats:
        return np.bincount(columns, amounts * error[rows], minlength=len(start)).astype(np.float64)

    change = np.zeros_like(start)
    residue = back(rating - said(start))
    along, norm = residue.copy(), float(residue @ residue)
    for _ in range(STEPS):
        curved = back(said(along)) + RIDGE * along
        step = norm / float(along @ curved)
        change += step * along
        residue -= step * curved
        norm, before = float(residue @ residue), norm
        along = residue + norm / before * along
    return start + change


def main() -> None:
    """Fit on the snippets that were not held out, and write the file."""
    rated = [(one, read(one.text)) for one in snippets(data()) if not held(one.text)]
    found = fit(rated)
    lines = (HEAD, *(f"{word}\t{value}" for word, value in found.items()))
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{len(found)} valences of {len(rated)} snippets: {FILE}")


if __name__ == "__main__":
    main()
