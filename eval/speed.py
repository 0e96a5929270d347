"""What scoring costs one core: pairs a second with all default analyzers, and what long texts cost each of them.

Texts are real outputs of the instruction data, two models' answers to one prompt on the two sides, filled up with
further answers of the same model and cut to size. Time is CPU time, so a busy machine costs nothing; an analyzer that
computed on several cores would pay for all of them.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from understudy.config import Analyzers
from understudy.pair import Pair
from understudy.score import Analyzer
from understudy.service.build import build
from understudy.testing import a_pair

from bench.stats import Estimate, Limit, estimate
from eval.found import Figure, Section
from eval.split import rows

MODELS = ("mistralai__Mistral-7B-Instruct-v0.3", "gpt-4o-mini-2024-07-18")
SHORT, LONG = 1_000, 100_000
"""Characters a side."""
PAIRS, ROUND = 400, 25
"""Pairs of each rate, and of one round of it."""
LONG_PAIRS = 60

Costs = dict[str, list[float]]
"""Analyzer -> CPU seconds of each pair."""


def measure(data: Path) -> Section:
    """Rates with distinct and with half identical replies, and the 99th percentile of long texts."""
    names = Analyzers().names
    analyzers = build(names)
    texts = [_answers(data, model) for model in MODELS]
    short = list(islice(_pairs(texts, SHORT), PAIRS))
    half = [pair if n % 2 else _same(pair) for n, pair in enumerate(short)]
    long = list(islice(_pairs(texts, LONG), LONG_PAIRS))
    taken(analyzers, short[:ROUND])  # what is loaded at the first use is no pair's cost
    costs, alike, lengthy = (taken(analyzers, pairs) for pairs in (short, half, long))
    p99 = {name: 1e3 * _p99(spent) for name, spent in lengthy.items()}
    whole = _p99(np.sum(list(lengthy.values()), axis=0).tolist())
    return Section(
        "speed",
        (
            Figure(
                "pairs/s on one core, 1,000 distinct characters a side",
                _rate(costs),
                100.0,
                by=_means(costs),
                note="by: ms a pair",
            ),
            Figure(
                "pairs/s on one core, half of the pairs identical",
                _rate(alike),
                200.0,
                by=_means(alike),
                note="by: ms a pair",
            ),
            Figure(
                "99th percentile of a pair of 100 kB texts, ms",
                Estimate(1e3 * whole, None, None, len(long)),
                limit=Limit.MOST,
                by=p99,
                note="by: of each analyzer",
            ),
        ),
    )


def taken(analyzers: Sequence[Analyzer], pairs: Sequence[Pair]) -> Costs:
    """Score the pairs, and tell what each took."""
    costs: Costs = {analyzer.name: [] for analyzer in analyzers}
    for pair in pairs:
        for analyzer in analyzers:
            began = time.process_time()
            analyzer.score(pair)
            costs[analyzer.name].append(time.process_time() - began)
    return costs


def _answers(data: Path, model: str) -> list[tuple[str, str]]:
    found = rows(data / "format" / "mifeval" / f"en_{model}.strict.jsonl.gz")
    return [(row["prompt"], row["response"]) for row in found if row["response"]]


def _pairs(texts: Sequence[list[tuple[str, str]]], size: int) -> Iterator[Pair]:
    """Pairs of answers to one prompt, filled up to `size` characters; no text twice."""
    ones, others = texts
    replies = dict(others)
    shared = [(prompt, text, replies[prompt]) for prompt, text in ones if prompt in replies]
    for n, (prompt, *_) in enumerate(shared):
        yield a_pair(prompt, *(_filled([row[side] for row in shared], n, size) for side in (1, 2)), id=str(n))


def _filled(texts: Sequence[str], first: int, size: int) -> str:
    made, n = texts[first], first
    while len(made) < size:
        n += 1
        made += "\n\n" + texts[n % len(texts)]
    return made[:size]


def _same(pair: Pair) -> Pair:
    return a_pair(pair.request.text, pair.baseline.text, id=pair.id)


def _rate(costs: Costs) -> Estimate | None:
    """Pairs a second: the median over rounds, with its interval."""
    whole = np.sum(list(costs.values()), axis=0)
    return estimate([ROUND / float(whole[n : n + ROUND].sum()) for n in range(0, len(whole), ROUND)])


def _means(costs: Costs) -> dict[str, float]:
    return {name: round(1e3 * float(np.mean(spent)), 3) for name, spent in costs.items()}


def _p99(spent: Sequence[float]) -> float:
    return float(np.quantile(spent, 0.99))
