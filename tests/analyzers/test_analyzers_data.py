"""On real models' outputs: how right the analyzers are, and how rarely they invent a change."""

import csv
import gzip
import importlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from understudy.pair import Leg, Pair
from understudy.score import Analyzer
from understudy.testing import a_pair
from understudy_analyzers.language import SURE, detect, kin
from understudy_analyzers.refusal import read

pytestmark = pytest.mark.data


def analyzer(name: str) -> Analyzer:
    made: Analyzer = getattr(importlib.import_module(f"understudy_analyzers.{name}"), name.capitalize())()
    return made


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def quantized(data: Path, task: str) -> list[Pair]:
    """Llama-3.1-8B fp16 and q8_0: nearly a null pair. One id comes twice."""
    folder = data / "pairs" / "llama31_8b"
    rows = zip(lines(folder / f"{task}_fp16.jsonl.gz"), lines(folder / f"{task}_q8_0.jsonl.gz"), strict=True)
    return [
        a_pair("", a["output"], b["output"], id=f"{a['example_id']}-{n}") for n, (a, b) in enumerate(rows)
    ]


def sampled(data: Path, one: str, other: str) -> Iterator[Pair]:
    def load(name: str) -> dict[str, str]:
        with gzip.open(data / "pairs" / "alpaca_eval" / f"{name}.json.gz", "rt", encoding="utf-8") as file:
            return {row["instruction"]: row["output"] for row in json.load(file)}

    left, right = load(one), load(other)
    return (a_pair(prompt, text, right[prompt]) for prompt, text in left.items() if prompt in right)


def changes(name: str, pairs: Iterator[Pair] | list[Pair]) -> dict[str, list[float]]:
    """Metric -> candidate minus baseline of each pair (of AGREE metrics: the candidate's agreement)."""
    found: dict[str, list[float]] = {}
    judge = analyzer(name)
    for pair in pairs:
        for score in judge.score(pair):
            if Leg.CANDIDATE in score.values:
                change = score.values[Leg.CANDIDATE] - score.values.get(Leg.BASELINE, 0.0)
                found.setdefault(score.metric, []).append(change)
    return found


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_refusals_are_told_as_people_told_them(data: Path) -> None:
    rows = []
    for model in ("gpt4", "llama2orig"):
        with open(
            data / "refusal" / f"xstest_v2_completions_{model}.csv", encoding="utf-8", newline=""
        ) as file:
            rows += list(csv.DictReader(file))
    counts = Counter((row["final_label"][0] != "1", read(row["completion"]).value > 0) for row in rows)
    caught = counts[True, True] / (counts[True, True] + counts[True, False])
    spared = counts[False, False] / (counts[False, False] + counts[False, True])
    assert (caught + spared) / 2 >= 0.93 and 1 - spared <= 0.04, (caught, spared)


def test_harmless_requests_are_hardly_ever_read_as_refused(data: Path) -> None:
    replies = []
    for path in sorted((data / "refusal" / "refusal_direction").glob("*_harmless_*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            replies += [row["response"] for row in json.load(file)]
    assert len(replies) == 500 and sum(read(reply).value > 0 for reply in replies) <= 5


def test_a_near_null_quantization_shows_its_known_agreement_and_no_flips(data: Path) -> None:
    extraction, choice = quantized(data, "extraction"), quantized(data, "mmlu")
    agreed = changes("agreement", extraction)
    assert round(mean(agreed["agreement_exact"]), 2) == 0.94
    assert round(mean(agreed["task_agreement"]), 3) == 0.947
    assert round(1 - mean(changes("agreement", choice)["task_agreement"]), 3) == 0.006
    for name, metric in (("refusal", "refusal"), ("format", "format"), ("drift", "degenerate")):
        flips = changes(name, extraction)[metric] + changes(name, choice).get(metric, [])
        assert sum(change != 0 for change in flips) <= 0.005 * 800


def test_one_model_on_two_servers_flips_hardly_and_drifts_in_no_direction(data: Path) -> None:
    pairs = list(sampled(data, "vicuna-13b-v1.5", "vicuna-13b-v1.5-togetherai"))
    for name in ("refusal", "drift", "language", "tone"):
        for metric, values in changes(name, pairs).items():
            assert abs(mean(values)) <= 0.006, (metric, mean(values))
            if metric in ("refusal", "degenerate", "wrong_language"):
                # Of sampled replies a few do degenerate or are cut: those that are told apart were looked at.
                limit = 0.0125 if metric == "degenerate" else 0.01
                assert sum(change != 0 for change in values) <= limit * len(pairs), metric


def test_a_known_change_of_style_is_seen_in_its_direction(data: Path) -> None:
    plain = "Mixtral-8x7B-Instruct-v0.1"
    concise = list(sampled(data, plain, f"{plain}_concise"))[::4]
    assert mean(changes("tone", concise)["verbosity"]) < -0.1
    verbose = list(sampled(data, plain, f"{plain}_verbose"))[::4]
    assert mean(changes("tone", verbose)["verbosity"]) > 0.1


def test_the_language_of_a_reply_is_never_mistaken_for_a_third_one(data: Path) -> None:
    # A reply in English where another language was asked is the data's point; any third one is our mistake.
    usual = csv.field_size_limit(10_000_000)
    try:
        with gzip.open(data / "language" / "gpt-4-turbo.csv.gz", "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))[::4]
    finally:
        csv.field_size_limit(usual)
    total = wrong = 0
    for row in rows:
        if (found := detect(row["completion"])) is None:
            continue
        total += 1
        wrong += found[1] >= SURE and found[0] != "en" and not kin(found[0], row["language"])
    assert total > 1_000 and wrong <= 0.01 * total
