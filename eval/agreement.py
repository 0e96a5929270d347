"""Agreement against people's judgement of likeness, a near-null quantization, and pairs whose change is known."""

import gzip
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.agreement import Agreement, likeness

from bench.stats import Limit
from eval import stats
from eval.found import Figure, Section
from eval.split import held, rows

NAME = "agreement"
METRICS = ("task_agreement", "agreement_semantic", "agreement_edit")
SETS = (
    ("answers-forums", 2000),
    ("answers-students", 3500),
    ("belief", 5500),
    ("headlines", 7000),
    ("images", 8500),
    ("2014", 99_999),
)
"""The parts of the STS file, by the first line behind each; what follows 2015's sets are those of 2014."""  # fmt: skip
VICUNA = ("vicuna-13b-v1.5", "vicuna-13b-v1.5-togetherai")
MIXTRAL = "Mixtral-8x7B-Instruct-v0.1"

Case = tuple[str, float, float]
"""(prompt, truth, said)."""


def sentences(data: Path) -> Iterator[tuple[str, str, str, float]]:
    """(set, sentence, sentence, likeness from 0 to 5) of every pair that people rated."""
    with gzip.open(data / "semantic" / "2015.test.tsv.gz", "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            score, one, other = line.rstrip("\n").split("\t")[:3]
            if score:
                yield next(name for name, end in SETS if number < end), one, other, float(score)


def semantic(data: Path, out: bool = True) -> dict[str, list[Case]]:
    """Rated against reckoned likeness, by set."""
    found: dict[str, list[Case]] = defaultdict(list)
    for name, one, other, rated in sentences(data):
        if held(one) is out:
            found[name].append((one, rated, likeness(one, other)))
    return found


def replies(data: Path, model: str) -> dict[str, str]:
    """Prompt -> reply of one of AlpacaEval's models."""
    return {
        row["instruction"]: row["output"] for row in rows(data / "pairs" / "alpaca_eval" / f"{model}.json.gz")
    }


def agreed(pairs: list[tuple[str, str, str]]) -> dict[str, list[float]]:
    """Metric -> the candidate's agreement with the baseline, pair by pair."""
    analyzer = Agreement()
    found: dict[str, list[float]] = defaultdict(list)
    for prompt, base, other in pairs:
        for score in analyzer.score(a_pair(prompt, base, other)):
            found[score.metric].append(score.values[Leg.CANDIDATE])
    return found


def other_facts(text: str, draw: random.Random, donors: list[str]) -> str:
    """The same reply with half of its sentences taken from another one: what a lost thread looks like."""
    own = re.split(r"(?<=[.!?])\s+", text)
    other = re.split(r"(?<=[.!?])\s+", draw.choice(donors))
    keep = max(1, len(own) // 2)
    return " ".join(own[:keep] + (other * (1 + len(own) // max(1, len(other))))[: len(own) - keep])


def changed(data: Path, out: bool = True) -> dict[str, list[tuple[str, str, str]]]:
    """(prompt, baseline, candidate) by what changed between the two: nothing, the model, the style, the facts."""
    one, other, mixtral = (replies(data, name) for name in (*VICUNA, MIXTRAL))
    concise = replies(data, f"{MIXTRAL}_concise")
    shared = [p for p in one if p in other and p in mixtral and p in concise and held(p) is out]
    donors = [one[p] for p in shared]
    return {
        "null": [(p, one[p], other[p]) for p in shared],
        "another model": [(p, one[p], mixtral[p]) for p in shared],
        "another style": [(p, one[p], concise[p]) for p in shared],
        "half of it another reply": [
            (p, one[p], other_facts(other[p], random.Random(p), donors)) for p in shared
        ],
    }


def quantized(data: Path, task: str) -> list[tuple[str, str, str]]:
    """Llama-3.1-8B fp16 and q8_0: nearly a null pair."""
    folder = data / "pairs" / "llama31_8b"
    left, right = (rows(folder / f"{task}_{kind}.jsonl.gz") for kind in ("fp16", "q8_0"))
    return [("", a["output"], b["output"]) for a, b in zip(left, right, strict=True)]


def per_vote(rows: npt.NDArray[np.float64]) -> float:
    """Mean over standard deviation of (agreement of a null pair - agreement of a changed one): signal per vote."""
    difference = rows[:, 0] - rows[:, 1]
    spread = float(difference.std())
    return float(difference.mean()) / spread if spread else float("nan")


def measure(data: Path) -> Section:
    """The figures of agreement, on held-out prompts."""
    by_set = semantic(data)
    rated = [case for cases in by_set.values() for case in cases]
    each = {name: stats.over(cases, stats.spearman) for name, cases in by_set.items()}
    this_year = [case for name, cases in by_set.items() if name != "2014" for case in cases]
    figures = [
        Figure(
            "semantic: Spearman with people's ratings, STS 2015",
            stats.over(this_year, stats.spearman),
            0.75,
            by={name: found.value for name, found in each.items() if found is not None},
        ),
        Figure(
            "semantic: Spearman with people's ratings, all pairs of the file",
            stats.over(rated, stats.spearman),
            0.75,
        ),
    ]
    extraction, choice = agreed(quantized(data, "extraction")), agreed(quantized(data, "mmlu"))
    figures += [
        Figure(
            "canonical JSON: equal between fp16 and q8_0",
            stats.over(_cases(extraction["task_agreement"]), stats.mean),
            0.946,
        ),
        Figure(
            "identical: fp16 and q8_0, extraction",
            stats.over(_cases(extraction["agreement_exact"]), stats.mean),
        ),
        Figure(
            "multiple choice: flips between fp16 and q8_0",
            stats.over(_cases([1 - value for value in choice["task_agreement"]]), stats.mean),
            0.01,
            Limit.MOST,
        ),
    ]
    kinds = {kind: (pairs, agreed(pairs)) for kind, pairs in changed(data).items()}
    prompts = [prompt for prompt, _, _ in kinds["null"][0]]
    null = kinds.pop("null")[1]
    for metric in METRICS:
        aucs, votes = {}, {}
        for kind, (_, found) in kinds.items():
            both = [(p, 1.0, v) for p, v in zip(prompts, null[metric], strict=True)]
            both += [(p, 0.0, v) for p, v in zip(prompts, found[metric], strict=True)]
            told = stats.over(both, stats.auc)
            aucs[kind] = told.value if told else float("nan")
            paired = list(zip(prompts, null[metric], found[metric], strict=True))
            signal = stats.over(paired, per_vote)
            votes[kind] = signal.value if signal else float("nan")
        mixed = [(p, 1.0, v) for p, v in zip(prompts, null[metric], strict=True)]
        mixed += [
            (p, 0.0, v) for _, found in kinds.values() for p, v in zip(prompts, found[metric], strict=True)
        ]
        figures.append(
            Figure(
                f"{metric}: one model's two servers apart from real change, AUC",
                stats.over(mixed, stats.auc),
                by=aucs,
            )
        )
        figures.append(
            Figure(
                f"{metric}: signal of a vote (mean over spread)",
                stats.over(
                    list(zip(prompts, null[metric], kinds["another model"][1][metric], strict=True)), per_vote
                ),
                by=votes,
            )
        )
    return Section(NAME, tuple(figures))


def _cases(values: list[float]) -> list[Case]:
    return [(str(n), 0.0, value) for n, value in enumerate(values)]
