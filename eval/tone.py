"""Tone: does each dimension move with the tone, in its direction, and rest where the tone rests?"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from statistics import fmean, pstdev

from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.tone import Tone, politeness, reading, sentiment

from bench.stats import Estimate, Limit
from eval.found import Figure, Section
from eval.rewrite import ENGLISH, FAMILIAR, Rewrite, content
from eval.split import held, rows
from eval.stats import agreement, auc, mean, over, spearman
from eval.valence import CORPORA, Snippet, fit, snippets

MIXTRAL, VICUNA = "Mixtral-8x7B-Instruct-v0.1", "vicuna-13b-v1.5"
BATCH, BATCHES = 100, 200
SEED = 5
NULL = 0.025
"""Half of tone's default tolerance: a shift that large between equal models would open a ticket."""

Case = tuple[str, float, float]
Texts = Mapping[str, str]
Changes = Mapping[str, Mapping[str, float]]
"""Metric -> prompt -> candidate minus baseline."""


def measure(data: Path) -> Section:
    """Every figure, on prompts that were held out."""
    plain = replies(data, MIXTRAL)
    null = changes(replies(data, VICUNA), replies(data, f"{VICUNA}-togetherai"))
    concise = changes(plain, replies(data, f"{MIXTRAL}_concise"))
    verbose = changes(plain, replies(data, f"{MIXTRAL}_verbose"))
    return Section(
        "tone",
        (
            polite(data),
            *valences(data),
            ranking(concise["verbosity"], verbose["verbosity"]),
            shifts("asked to be concise", concise),
            shifts("asked to be verbose", verbose),
            *nulls("one model on two servers", null),
            *nulls("fp16 and q8_0", quantized(data)),
            *nulls("other things in the same words", other(plain)),
            *sensitivity(plain, null),
            familiar(data),
        ),
    )


@lru_cache
def replies(data: Path, model: str) -> Texts:
    """Prompt -> reply of a model, where the prompt was held out."""
    path = data / "pairs/alpaca_eval" / f"{model}.json.gz"
    return {row["instruction"]: row["output"] for row in rows(path) if held(row["instruction"])}


def change(prompt: str, one: str, other: str) -> Mapping[str, float]:
    """Metric -> candidate minus baseline of one pair."""
    scores = Tone().score(a_pair(prompt, one, other))
    return {score.metric: score.values[Leg.CANDIDATE] - score.values[Leg.BASELINE] for score in scores}


def changes(one: Texts, other: Texts) -> Changes:
    """What tone says of each prompt's two replies."""
    found: dict[str, dict[str, float]] = {}
    for prompt in one.keys() & other.keys():
        for metric, by in change(prompt, one[prompt], other[prompt]).items():
            found.setdefault(metric, {})[prompt] = by
    return {metric: dict(sorted(by.items())) for metric, by in found.items()}


def polite(data: Path) -> Figure:
    """Requests that people found polite against rude ones; the file holds the outer quarters."""
    cases = [
        (row["sentence"], float(float(row["score"]) > 0), politeness.of(reading.read(row["sentence"])).value)
        for row in rows(data / "tone/tydip/en_train_binary.csv")
        if held(row["sentence"])
    ]
    return Figure(
        "politeness: AUC on TyDiP requests",
        over(cases, auc),
        0.83,
        note="weights set by hand on the other requests",
    )


def valences(data: Path) -> Iterator[Figure]:
    """Sentiment against people's ratings; then with valences that never saw the corpus they are held against."""
    rated = [(one, reading.read(one.text)) for one in snippets(data)]
    test = [(one, read) for one, read in rated if held(one.text)]
    shipped = [(one, sentiment.of(read).value) for one, read in test]
    yield _ratings("sentiment: Spearman with people's ratings", shipped)
    blind: list[tuple[Snippet, float]] = []
    for corpus in CORPORA:
        fitted = fit([(one, read) for one, read in rated if not held(one.text) and one.corpus != corpus])
        for one, read in test:
            if one.corpus == corpus:
                total = sum(value for _, value in sentiment.charges(read, fitted))
                blind.append((one, total / (read.size + sentiment.PRIOR)))
    yield _ratings("sentiment: Spearman, corpus left out of the fit", blind)


def _ratings(name: str, said: Sequence[tuple[Snippet, float]]) -> Figure:
    by = {}
    for corpus in CORPORA:
        found = over([(one.text, one.rating, value) for one, value in said if one.corpus == corpus], spearman)
        by[corpus] = found.value if found else float("nan")
    return Figure(name, over([(one.text, one.rating, value) for one, value in said], spearman), by=by)


def ranking(concise: Mapping[str, float], verbose: Mapping[str, float]) -> Figure:
    """Batches of prompts in which concise replies are found shorter, and verbose ones longer, than plain ones."""
    prompts = sorted(concise.keys() & verbose.keys())
    draw = random.Random(SEED)
    cases: list[Case] = []
    for batch in range(BATCHES):
        chosen = draw.sample(prompts, BATCH)
        right = fmean(concise[p] for p in chosen) < 0 < fmean(verbose[p] for p in chosen)
        cases.append((str(batch), 1.0, float(right)))
    return Figure("verbosity: batches of 100 ranked right", over(cases, agreement), 0.95)


def shifts(name: str, found: Changes) -> Figure:
    """Mean shift of each dimension under a known change of style: told, since nobody labelled all of them."""
    by = {metric: round(fmean(by.values()), 4) for metric, by in found.items()}
    return Figure(f"shift: {name}", _shift(found["verbosity"]), by=by)


def _shift(by: Mapping[str, float]) -> Estimate | None:
    return over([(prompt, 0.0, value) for prompt, value in by.items()], mean)


def _average(by: Mapping[str, float]) -> Estimate:
    """Over dimensions or rewrites, of which there are no more: no interval."""
    return Estimate(fmean(by.values()), None, None, len(by))


def nulls(name: str, found: Changes) -> Iterator[Figure]:
    """Pairs without a change of tone: the largest mean shift, whether its interval holds 0, and the spread."""
    shift = {metric: _shift(by) for metric, by in found.items()}
    known = {metric: one for metric, one in shift.items() if one is not None}
    worst = max(known, key=lambda metric: abs(known[metric].value))
    one = known[worst]
    low, high = (-(one.high or 0.0), -(one.low or 0.0)) if one.value < 0 else (one.low, one.high)
    yield Figure(
        f"null pairs, {name}: largest shift",
        Estimate(abs(one.value), low, high, one.rounds),
        NULL,
        Limit.MOST,
        {metric: round(each.value, 4) for metric, each in known.items()},
        f"of {worst}; the interval of " + (", ".join(_off(known)) or "no dimension") + " leaves 0 out",
    )
    spread = {metric: round(pstdev(by.values()), 4) for metric, by in found.items()}
    yield Figure(f"null pairs, {name}: standard deviation of the shift", _average(spread), by=spread)


def _off(shift: Mapping[str, Estimate]) -> Iterable[str]:
    """Metrics whose interval does not hold 0."""
    return (m for m, one in shift.items() if (one.low or 0.0) > 0 or (one.high or 0.0) < 0)


def quantized(data: Path) -> Changes:
    """A model at 16 and at 8 bits."""
    sides = []
    for side in ("fp16", "q8_0"):
        path = data / "pairs/llama31_8b" / f"extraction_{side}.jsonl.gz"
        sides.append({row["example_id"]: row["output"] for row in rows(path) if held(row["example_id"])})
    return changes(*sides)


def other(texts: Texts) -> Changes:
    """Replies, and the same about other things."""
    return changes(texts, {prompt: content(text) for prompt, text in texts.items()})


def sensitivity(texts: Texts, null: Changes) -> Iterator[Figure]:
    """Half of the texts rewritten: the share that moves the right way, and further than another reply would."""
    right: list[Case] = []
    by: dict[str, float] = {}
    further: dict[str, float] = {}
    for name, rule in ENGLISH.items():
        moved = list(_moved(texts, rule))
        right += [(prompt, 1.0, float(shift > 0)) for prompt, shift in moved]
        by[name] = round(fmean(shift > 0 for _, shift in moved), 4)
        rest = [(prompt, 0.0, rule.sign * value) for prompt, value in null[rule.metric].items()]
        found = over([*((prompt, 1.0, shift) for prompt, shift in moved), *rest], auc)
        further[name] = round(found.value, 4) if found else float("nan")
    yield Figure("rewritten: moved in the right direction", over(right, agreement), 0.9, by=by)
    yield Figure("rewritten: AUC against another reply of the same model", _average(further), by=further)


def _moved(texts: Texts, rule: Rewrite) -> Iterator[tuple[str, float]]:
    """Prompt and change, right = positive, of every second text that the rule applies to."""
    for number, (prompt, text) in enumerate(sorted(texts.items())):
        new = rule.rewrite(text) if number % 2 == 0 else text
        if new != text:
            yield prompt, rule.sign * change(prompt, text, new)[rule.metric]


def familiar(data: Path) -> Figure:
    """Polite forms of address for familiar ones, in real replies of eight languages."""
    cases: list[Case] = []
    by = {}
    for language, rule in FAMILIAR.items():
        texts = {
            f"{language}/{row['source']}/{row['id']}": row["completion"]
            for row in rows(data / "language/gpt-4-turbo.csv.gz")
            if row["language"] == language
        }
        moved = [(key, shift) for key, shift in _moved(texts, rule) if held(key)]
        cases += [(key, 1.0, float(shift > 0)) for key, shift in moved]
        if moved:
            by[language] = round(fmean(shift > 0 for _, shift in moved), 4)
    return Figure(
        "rewritten: polite form of address for the familiar one", over(cases, agreement), 0.9, by=by
    )
