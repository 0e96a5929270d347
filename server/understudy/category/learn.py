"""Makes a codebook: learnt from prompts, or from lists of words.

Learnt: spherical k-means on bags of terms (Dhillon & Modha 2001). It begins at texts far from each other (k-means++
with a fixed seed), and a topic is named after the two words that tell it best. The same texts in the same order give
the same codebook.

From lists: a topic is its words, rarer ones weighing more; texts tell only how rare each is. The shipped topics are
made so. To learn further words from texts beside the lists was tried, and told topics worse: texts that are at hand
under a free licence are of few kinds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from understudy.category.codebook import OTHER, TERMS, Codebook
from understudy.category.terms import terms, words
from understudy.errors import DataError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST = 2.0
"""A term in more than this many topics' shares of the texts tells none of them."""
KEPT = 8192
"""Terms a codebook keeps, the commonest first, beside those of its lists."""
ROUNDS = 12
STARTS = 4
"""Beginnings that are tried without lists; the one whose texts are nearest to their topics is kept."""
CHUNK = 4096
ALIKE = 0.5
"""Cosine from which a topic learnt anew is an old one."""
FLOOR = 0.05
"""Similarity below which a prompt is `other`, with learnt topics."""
LISTED = 0.001
"""The same with lists: one word of a topic that no other has, among a hundred, is enough."""


@dataclass(frozen=True, slots=True)
class Bags:
    """Texts as rows of terms, compressed: row i holds `term[start[i]:start[i + 1]]`."""

    start: Ints
    term: Ints
    idf: Floats
    length: Floats
    """Of each row, terms that are not kept included."""

    def __len__(self) -> int:
        return len(self.start) - 1

    def times(self, directions: Floats) -> Floats:
        """Cosines of all rows with directions (terms, topics)."""
        weighted = self.idf[:, None] * directions
        made = np.zeros((len(self), directions.shape[1]))
        for first in range(0, len(self), CHUNK):
            last = min(first + CHUNK, len(self))
            begin, end = self.start[first], self.start[last]
            if begin == end:
                continue
            rows = np.repeat(np.arange(last - first), np.diff(self.start[first : last + 1]))
            np.add.at(made[first:last], rows, weighted[self.term[begin:end]])
        return made / self.length[:, None]

    def sums(self, label: Ints, topics: int) -> Floats:
        """Sum of the rows of each topic, shape (terms, topics); rows labelled -1 are in none."""
        rows = np.repeat(np.arange(len(self)), np.diff(self.start))
        used = label[rows] >= 0
        made = np.zeros((len(self.idf), topics))
        values = self.idf[self.term] / self.length[rows]
        np.add.at(made, (self.term[used], label[rows][used]), values[used])
        return made


def learn(texts: Sequence[str], topics: int = 24, *, least: int = 3) -> Codebook:
    """Learn a codebook from prompts.

    Args:
        texts: prompts; the same one twice counts twice, so leave repeats out.
        topics: how many.
        least: texts a term must be in to be kept: what only a few people wrote does not get into the file.

    Raises:
        DataError: too few texts for so many topics.
    """
    found = [terms(text) for text in texts]
    count = Counter(term for one in found for term in one)
    able = sorted((-n, term) for term, n in count.items() if least <= n <= MOST / topics * len(texts))
    kept = sorted(term for _, term in able[:KEPT])
    if len(texts) < 10 * topics or len(kept) < 10 * topics:
        raise DataError(
            f"topics: {len(texts)} prompts with {len(kept)} terms in {least} or more are too few for {topics} topics: "
            "give more prompts, or ask for fewer topics"
        )
    bags = _bags(found, kept, count, len(texts))
    directions = max((_grown(bags, topics, seed) for seed in range(STARTS)), key=lambda d: _fit(bags, d))
    return _made(_named(directions, kept, texts), kept, bags.idf[:, None] * directions, bags.idf, FLOOR)


def continued(made: Codebook, old: Codebook) -> Codebook:
    """The topics of `made` under the names that `old` gave them: a topic learnt anew keeps its slice.

    Topics are paired by the cosine of what their terms weigh, the most alike first; a topic without a like keeps the
    name that it was given, and never takes one that stood for another.
    """
    shared = sorted(made.index.keys() & old.index.keys())
    ours = made.weights[[made.index[term] for term in shared]].astype(np.float64)
    theirs = old.weights[[old.index[term] for term in shared]].astype(np.float64)
    lengths = np.outer(np.linalg.norm(made.weights, axis=0), np.linalg.norm(old.weights, axis=0))
    alike = ours.T @ theirs / np.maximum(lengths, 1e-12)
    names: dict[int, str] = {}
    for flat in np.argsort(-alike, axis=None, kind="stable").tolist():
        topic, like = divmod(flat, len(old.names))
        if alike[topic, like] < ALIKE:
            break
        if topic not in names and old.names[like] not in names.values():
            names[topic] = old.names[like]
    taken = {*old.names, *names.values()}
    for topic, name in enumerate(made.names):
        if topic not in names:
            number, new = 2, name
            while new in taken:
                new, number = f"{name[:36]}-{number}", number + 1
            names[topic] = new
            taken.add(new)
    return replace(made, names=tuple(names[topic] for topic in range(len(made.names))))


def listed(lists: Mapping[str, Sequence[str]], texts: Sequence[str]) -> Codebook:
    """Make a codebook of lists of words.

    Args:
        lists: topic -> texts of words that are about it; a word of several topics tells less of each.
        texts: what tells how common a word is.
    """
    count = Counter(term for text in texts for term in terms(text))
    given = {name: set().union(*map(terms, said)) for name, said in lists.items()}
    kept = sorted(set().union(*given.values()))[:TERMS]
    idf = _idf(kept, count, len(texts))
    weights = np.array([[float(term in words_) for words_ in given.values()] for term in kept])
    weights *= (idf / np.sqrt(weights.sum(axis=1)))[:, None]
    return _made(list(given), kept, weights / np.linalg.norm(weights, axis=0).mean(), idf, LISTED)


def _made(names: Sequence[str], kept: Sequence[str], weights: Floats, idf: Floats, floor: float) -> Codebook:
    """Only terms that speak for a topic need be there."""
    used = np.flatnonzero(weights.max(axis=1) > 0)
    return Codebook(
        tuple(names),
        {kept[row]: i for i, row in enumerate(used.tolist())},
        weights[used].astype(np.float32),
        (idf[used] ** 2).astype(np.float32),
        float(np.median(idf)) ** 2,
        floor,
    )


def _idf(kept: Sequence[str], count: Mapping[str, int], total: int) -> Floats:
    made: Floats = np.log((total + 1.0) / (np.array([count.get(term, 0) for term in kept]) + 1.0))
    return np.clip(made, 1.0, 7.0)


def _bags(found: Sequence[set[str]], kept: Sequence[str], count: Mapping[str, int], total: int) -> Bags:
    where = {term: row for row, term in enumerate(kept)}
    idf = _idf(kept, count, total)
    unknown = float(np.median(idf))
    start, flat, length = [0], list[int](), []
    for one in found:
        rows = sorted(where[term] for term in one if term in where)
        flat += rows
        start.append(len(flat))
        length.append(max(1e-9, float((idf[rows] ** 2).sum()) + (len(one) - len(rows)) * unknown**2) ** 0.5)
    return Bags(np.array(start), np.array(flat, dtype=np.int64), idf, np.array(length))


def _unit(directions: Floats) -> Floats:
    made: Floats = directions / np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
    return made


def _labels(bags: Bags, directions: Floats, floor: float) -> Ints:
    similar = bags.times(directions)
    return np.where(similar.max(axis=1) >= floor, similar.argmax(axis=1), -1)


def _grown(bags: Bags, topics: int, seed: int) -> Floats:
    """Directions from nothing: k-means++, then rounds of assignment and mean."""
    rng = np.random.default_rng(seed)
    directions = np.zeros((len(bags.idf), topics))
    distance = np.ones(len(bags))
    for topic in range(topics):
        row = int(rng.choice(len(bags), p=distance / distance.sum()))
        at = bags.term[bags.start[row] : bags.start[row + 1]]
        directions[at, topic] = bags.idf[at]
        directions[:, topic : topic + 1] = _unit(directions[:, topic : topic + 1])
        distance = np.minimum(
            distance, 1.0 - np.clip(bags.times(directions[:, topic : topic + 1])[:, 0], 0.0, 1.0)
        )
        distance = np.maximum(distance, 1e-12)
    for _ in range(ROUNDS):
        sums = bags.sums(_labels(bags, directions, 1e-9), topics)
        empty = ~sums.any(axis=0)
        directions = np.where(empty, directions, _unit(sums))
    return directions


def _fit(bags: Bags, directions: Floats) -> float:
    return float(bags.times(directions).max(axis=1).sum())


def _named(directions: Floats, kept: Sequence[str], texts: Iterable[str]) -> list[str]:
    """Each topic after the two words that speak most for it and least for the others."""
    written: dict[str, Counter[str]] = {}
    wanted = set(kept)
    for text in texts:
        for term, word in words(text):
            if term in wanted:
                written.setdefault(term, Counter())[word] += 1
    telling = directions - (directions.sum(axis=1, keepdims=True) - directions) / max(
        1, directions.shape[1] - 1
    )
    names: list[str] = []
    for topic in range(directions.shape[1]):
        best = np.argsort(-telling[:, topic], kind="stable")[:12]
        said = [min(written[kept[i]].items(), key=lambda item: (-item[1], item[0]))[0] for i in best.tolist()]
        for second in said[1:]:
            name = f"{said[0]}-{second}"[:40]
            if name not in names and name != OTHER:
                names.append(name)
                break
        else:
            names.append(f"topic-{topic}")
    return names
