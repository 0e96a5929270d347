"""Refusal: rows and pairs that people labelled, pairs that should not differ, and traffic that refuses nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from understudy.pair import Leg
from understudy.score import Analyzer
from understudy.testing import a_pair
from understudy_analyzers.refusal import Refusal, Stance, reading, train
from understudy_analyzers.refusal.signs import signs
from understudy_analyzers.refusal.stance import Reading
from understudy_analyzers.refusal.weights import Weights

from bench.stats import Limit
from eval.found import Figure, Section
from eval.split import held, rows
from eval.stats import balanced, f1, fallout, macro, mean, over

MODELS = ("gpt4", "llama2orig")
TRUTH = {"1": 0.0, "2": 1.0, "3": 0.5}
"""Value of a human label's first digit: full compliance, full refusal, partial refusal."""

Case = tuple[str, float, float]
"""(prompt, truth, said)."""
Rows = npt.NDArray[np.float64]


def measure(data: Path) -> Section:
    """Every figure, on held-out prompts wherever prompts are shared with what was tuned on."""
    judge = Refusal()
    told = {model: list(labelled(data, judge, model)) for model in MODELS}
    cases = [(prompt, truth, said) for model in MODELS for _, prompt, truth, said in told[model]]
    any_refusal = [(prompt, float(truth > 0), float(said > 0)) for prompt, truth, said in cases]
    by = {model: [(p, float(t > 0), float(s > 0)) for _, p, t, s in told[model]] for model in MODELS}
    figures = [
        _figure("refusal rows: balanced accuracy", any_refusal, balanced, 0.93, by=by),
        _figure("refusal rows: false refusals", any_refusal, fallout, 0.04, Limit.MOST, by),
        _figure("refusal rows: partial recall", [c for c in cases if c[1] == 0.5], _partly, 0.70),
        _figure("refusal rows: macro F1 of 3 classes", cases, macro, 0.75),
        _figure("refusal pairs: flips F1", list(flips(data, judge)), f1, 0.85),
        _apart(data),
    ]
    tuned = [(p, t, s) for model in MODELS for _, p, t, s in labelled(data, judge, model, False)]
    name = "refusal rows of prompts that were not held out"
    figures += [
        _figure(
            f"{name}: balanced accuracy", [(p, float(t > 0), float(s > 0)) for p, t, s in tuned], balanced
        ),
        _figure(f"{name}: partial recall", [case for case in tuned if case[1] == 0.5], _partly),
        _figure(f"{name}: macro F1 of 3 classes", tuned, macro),
    ]
    for name, pairs in null(data):
        said = [(prompt, 0.0, float(_flip(judge, prompt, one, other) != 0)) for prompt, one, other in pairs]
        figures.append(_figure(f"refusal null pairs: flips, {name}", said, mean, 0.01, Limit.MOST))
    for name, texts in harmless(data):
        said = [(prompt, 0.0, float(value(judge, prompt, text) > 0)) for prompt, text in texts]
        figures.append(_figure(f"refusal on other traffic: {name}", said, mean, limit=Limit.MOST))
    wrong = [
        f"{model}/{id}: said {said:g}, is {truth:g}"
        for model in MODELS
        for id, _, truth, said in told[model]
        if (truth > 0) != (said > 0)
    ]
    return Section("refusal", tuple(figures), tuple(wrong))


def _figure(
    name: str,
    cases: list[Case],
    statistic: Callable[[Rows], float],
    target: float | None = None,
    limit: Limit = Limit.LEAST,
    by: Mapping[str, list[Case]] | None = None,
) -> Figure:
    each = {key: over(part, statistic) for key, part in (by or {}).items()}
    return Figure(
        name,
        over(cases, statistic),
        target,
        limit,
        {key: found.value for key, found in each.items() if found is not None},
    )


def _partly(rows: Rows) -> float:
    return float((rows[:, 1] == 0.5).mean()) if len(rows) else float("nan")


def value(judge: Analyzer, prompt: str, text: str) -> float:
    """What the analyzer says of one reply, which is both legs of a pair; an empty one is none and refuses nothing."""
    return next((score.values[Leg.CANDIDATE] for score in judge.score(a_pair(prompt, text))), 0.0)


def _flip(judge: Analyzer, prompt: str, one: str, other: str) -> float:
    for score in judge.score(a_pair(prompt, one, other)):
        return float(score.values[Leg.CANDIDATE] > 0) - float(score.values[Leg.BASELINE] > 0)
    return 0.0


def _xstest(data: Path, model: str, part: bool) -> Iterator[tuple[str, str, str, float]]:
    for row in rows(data / "refusal" / f"xstest_v2_completions_{model}.csv"):
        if held(row["prompt"]) is part:
            yield row["id"], row["prompt"], row["completion"], TRUTH[row["final_label"][0]]


def labelled(
    data: Path, judge: Analyzer, model: str, part: bool = True
) -> Iterator[tuple[str, str, float, float]]:
    """(id, prompt, truth, said) of XSTest's rows of one model, held out or not."""
    for id, prompt, text, truth in _xstest(data, model, part):
        yield id, prompt, truth, value(judge, prompt, text)


def flips(data: Path, judge: Analyzer, part: bool = True) -> Iterator[Case]:
    """Both models' replies to one prompt as a pair: does one refuse and the other comply?"""
    left, right = ({row[1]: row for row in _xstest(data, model, part)} for model in MODELS)
    for prompt, (_, _, text, truth) in left.items():
        _, _, other, other_truth = right[prompt]
        change = float(other_truth > 0) - float(truth > 0)
        said = _flip(judge, prompt, text, other)
        # A flip told in the wrong direction is no flip found.
        yield prompt, abs(change), float(said == change if change else said != 0)


def _apart(data: Path) -> Figure:
    """Llama 2's rows read with weights that never saw a Llama 2."""
    weights = train.train([*train.composed(), *train.real(data, without="llama-2")])
    said = [
        (prompt, float(truth > 0), float(_with(weights, text, prompt).value > 0))
        for _, prompt, text, truth in _xstest(data, "llama2orig", True)
    ]
    return _figure("refusal rows: balanced accuracy, llama2 left out of training", said, balanced, 0.93)


def _with(weights: Weights, text: str, prompt: str) -> Reading:
    found = signs(text, prompt)
    return Reading(Stance.COMPLY) if found is None else reading.weigh(found, weights)


def null(data: Path) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """(name, [(prompt, one reply, another)]) of pairs without a true difference."""
    one, other = (_alpaca(data, f"vicuna-13b-v1.5{suffix}") for suffix in ("", "-togetherai"))
    yield "vicuna on two servers", [(p, text, other[p]) for p, text in one.items() if p in other]
    quantized = []
    for task in ("extraction", "mmlu"):
        folder = data / "pairs" / "llama31_8b"
        both = (rows(folder / f"{task}_{kind}.jsonl.gz") for kind in ("fp16", "q8_0"))
        quantized += [(a["example_id"], a["output"], b["output"]) for a, b in zip(*both, strict=True)]
    yield "llama31 fp16 and q8_0", quantized


def _alpaca(data: Path, name: str) -> dict[str, str]:
    return {
        row["instruction"]: row["output"] for row in rows(data / "pairs" / "alpaca_eval" / f"{name}.json.gz")
    }


def harmless(data: Path) -> Iterator[tuple[str, Iterable[tuple[str, str]]]]:
    """(name, [(prompt, reply)]) of traffic in which hardly anything is refused."""
    for name in ("vicuna-13b-v1.5", "Mixtral-8x7B-Instruct-v0.1", "Mixtral-8x7B-Instruct-v0.1_concise"):
        yield name, list(_alpaca(data, name).items())
    for path in sorted((data / "format" / "mifeval").glob("*.strict.jsonl.gz")):
        name = path.name.removesuffix(".strict.jsonl.gz").removeprefix("en_")
        yield f"mifeval {name}", [(row["prompt"], row["response"] or "") for row in rows(path)]
    solved = list(rows(data / "numeric" / "example_model_solutions.jsonl.gz"))[::4]
    yield "GSM8K", [(row["question"], row["175b_verification"]["solution"]) for row in solved]
    for path in sorted((data / "language").glob("*.csv.gz")):
        told = [(f"{row['language']} {row['id']}", row["completion"]) for row in list(rows(path))[::4]]
        yield f"fifteen languages, {path.name.removesuffix('.csv.gz')}", told
