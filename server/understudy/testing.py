"""For tests, ours and third parties': builders of the shared values, and the analyzers' conformance kit.

`check_analyzer(MyAnalyzer())` is what a third party runs against its own analyzer; `a_pair(...)` and
`an_output(...)` build whole values from the few facts a test is about.
"""

import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from itertools import combinations
from typing import TypedDict, Unpack

from understudy.pair import EMPTY, Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.score import Analyzer, Metric, Score, Sense

LANE = Lane("b" * 64, "c" * 64)
"""The lane of built pairs: two fingerprints that differ."""

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def an_output(
    text: str = "Hello.",
    *,
    leg: Leg = Leg.BASELINE,
    finish: Finish = Finish.STOP,
    status: int = 0,
    error: str = "",
    cancelled_by: str = "",
    truncated_by: str = "",
) -> Output:
    """An output of one leg, fine unless told otherwise; other fields by `dataclasses.replace`."""
    return Output(
        leg,
        text,
        finish,
        status=status,
        error=error,
        fingerprint=LANE.candidate if leg is Leg.CANDIDATE else LANE.baseline,
        live=leg is Leg.BASELINE,
        cancelled_by=cancelled_by,
        truncated_by=truncated_by,
        first_ns=10_000_000,
        last_ns=50_000_000,
    )


class PairFields(TypedDict, total=False):
    """The fields of a Pair that `a_pair` passes on as they are."""

    lane: Lane
    tick: int
    admitted_ns: int
    probability: float
    sampled_by: str
    censored: bool


def a_pair(
    prompt: str = "Say hello.",
    baseline: str | Output = "Hello.",
    candidate: str | Output | None = None,
    control: str | Output | None = None,
    *,
    id: str | None = None,
    cluster: str | None = None,
    sampling: Sampling | None = None,
    categories: Mapping[str, str | Category] = EMPTY,
    metadata: Mapping[str, str] = EMPTY,
    model: str = "lm",
    finish: Finish = Finish.STOP,
    **fields: Unpack[PairFields],
) -> Pair:
    """A pair from texts: unless given, the candidate repeats the baseline and there is no control.

    A side may be a whole `Output` (a failure, say), which is put on that leg. The id and cluster derive from
    the prompt, so that distinct prompts are distinct votes and a test run twice builds equal pairs.
    """
    digest = sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    request = Request(
        id=digest if id is None else id,
        cluster=(digest if id is None else id) if cluster is None else cluster,
        method=METHOD,
        model=model,
        text=prompt,
        sampling=Sampling() if sampling is None else sampling,
        received_ns=1_700_000_000_000_000_000,
        categories={
            name: value if isinstance(value, Category) else Category(value, "declared")
            for name, value in categories.items()
        },
        metadata=metadata,
    )

    def side(given: str | Output, leg: Leg) -> Output:
        return an_output(given, leg=leg, finish=finish) if isinstance(given, str) else replace(given, leg=leg)

    left = side(baseline, Leg.BASELINE)
    fields.setdefault("lane", LANE)
    return Pair(
        request,
        left,
        side(left.text if candidate is None else candidate, Leg.CANDIDATE),
        control=None if control is None else side(control, Leg.CONTROL),
        **fields,
    )


NASTY: tuple[str, ...] = (
    " ",
    "\n\n\n",
    "\0\x01\x02\x7f",
    "\ufffd" * 50,
    "\ud800 a lone surrogate \udfff",
    "İstanbul " * 40 + "ǅ ﬁ ẞ",
    "a" * 5_000,
    "((((" * 2_000,
    "[" * 5_000,
    '{"a":' * 3_000,
    "- " * 2_000 + "\n" * 500,
    "|" * 3_000 + "\n" + "|-" * 1_500,
    "```" * 1_001,
    "```python\n" + "x = " + "-" * 4_000 + "1\n```",
    "not " * 3_000 + "x",
    "1," * 4_000,
    "9" * 5_000 + "." + "9" * 5_000,
    "-1e999999 NaN Infinity 1/0 #### \\boxed{\\boxed{1}}",
    "I'm sorry, but " * 400,
    "a b " * 3_000 + "!",
    "e\u0301\u0302\u0303" * 800,
    "\u202e\u200b\u2066" * 500,
    "日本語のテキスト。" * 300,
    "🙂" * 2_000,
    "<" * 3_000 + ">" * 3_000,
    '"' * 3_001,
    "A) B) C) " * 1_000,
    "in " * 3_000 + "french",
    ("word " * 19 + "\n") * 200,
)
"""Texts that break careless readers: controls, lone surrogates, deep nesting, long runs, half-open marks."""


def nasty_pairs() -> list[Pair]:
    """Pairs that combine every nasty text with itself, with plain prose, as prompt, and with failed legs."""
    plain = "The quick brown fox jumps over the lazy dog, and nobody is surprised by it any more."
    failed = an_output("", leg=Leg.CANDIDATE, status=14, error="unavailable")
    pairs = [
        a_pair(plain, failed, plain, id="failed-baseline"),
        a_pair(plain, plain, failed, id="failed-candidate"),
        a_pair(plain, failed, failed, id="failed-both"),
        a_pair("", plain, "", id="empty-candidate"),
        a_pair("Write JSON.", plain, plain[:40], plain, id="cut", finish=Finish.LENGTH),
        a_pair(plain, plain, plain[:40], id="censored", censored=True),
    ]
    for n, text in enumerate(NASTY):
        pairs.append(a_pair(plain, text, text, text, id=f"same-{n}"))
        pairs.append(a_pair(text, plain, text, plain, id=f"prompt-{n}"))
        pairs.append(a_pair("Return JSON with Python code as a table.", text, plain, id=f"other-{n}"))
    return pairs


def big_pairs() -> list[Pair]:
    """Pairs of 1 MB texts: prose, one character, brackets, digits, lines."""
    size = 1_000_000
    texts = (
        ("a" * size, "a" * (size - 1) + "b"),
        ("( " * (size // 2), "[{" * (size // 2)),
        ("1234567 " * (size // 8), "1,234,567.8 " * (size // 12)),
        ("- one item, of a list (or so).\n" * (size // 31), "| a | b |\n" * (size // 10)),
        ("I cannot, sorry; " * (size // 17), "`'\"<>$*_~!?" * (size // 11)),
    )
    return [a_pair("Say something long.", one, other, id=f"big-{n}") for n, (one, other) in enumerate(texts)]


def check_analyzer(
    analyzer: Analyzer, pairs: Iterable[Pair] | None = None, *, big: bool = True, seconds: float = 2.0
) -> None:
    """The conformance kit: raises AssertionError, naming the rule and the pair, on the first breach.

    Rules: declared name, version and metrics; only declared metrics, once each, with the declared sense;
    values in [0, 1], never NaN, keyed by legs of the pair (AGREE: never by the baseline); spans inside the
    texts; equal outputs score equally (AGREE: 1); the same pair scored twice, and by a second instance, gives
    the same scores; never raises; no pair takes longer than `seconds`, 1 MB texts included.

    Args:
        analyzer: An instance; its class must be constructible without arguments for the second-instance rule,
            which is skipped otherwise.
        pairs: Pairs of your own domain to check besides the kit's nasty ones.
        big: Include the 1 MB texts.
        seconds: Time bound per pair, of CPU time.
    """
    _check(bool(analyzer.name) and bool(analyzer.version), "an analyzer has a name and a version")
    _check(isinstance(analyzer, Analyzer), "an analyzer has name, version, metrics and score()")
    _check(
        isinstance(analyzer.metrics, tuple) and bool(analyzer.metrics), "metrics is a tuple of at least one"
    )
    metrics = {metric.name: metric for metric in analyzer.metrics}
    _check(len(metrics) == len(analyzer.metrics), "metric names are unique")
    for name in metrics:
        _check(
            re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) is not None, f"metric name {name!r} is a_b_c"
        )
    try:
        twin: Analyzer | None = type(analyzer)()
    except TypeError:
        twin = None
    for pair in [*nasty_pairs(), *(pairs or ()), *(big_pairs() if big else ())]:
        where = f"pair {pair.id!r}"
        started = time.process_time()
        try:
            scores = list(analyzer.score(pair))
        except Exception as error:
            raise AssertionError(
                f"{analyzer.name} never raises: {type(error).__name__} on {where}"
            ) from error
        took = time.process_time() - started
        _check(took <= seconds, f"{analyzer.name} is bounded: {took:.2f} s of {seconds} s on {where}")
        names = [score.metric for score in scores]
        _check(len(set(names)) == len(names), f"{analyzer.name} scores each metric once on {where}")
        for score in scores:
            _check(score.metric in metrics, f"{score.metric!r} is declared ({where})")
            _check_score(score, metrics[score.metric], pair, f"{score.metric} on {where}")
        if not pair.id.startswith("big-"):
            _check(list(analyzer.score(pair)) == scores, f"{analyzer.name} is deterministic on {where}")
            if twin is not None:
                _check(list(twin.score(pair)) == scores, f"{analyzer.name} keeps no state: {where}")


def _check_score(score: Score, metric: Metric, pair: Pair, where: str) -> None:
    legs = {output.leg: output for output in pair.legs()}
    _check(score.sense is metric.sense, f"{where}: the sense is the declared one")
    _check(score.judged_coupled == metric.judged_coupled, f"{where}: judged_coupled is the declared one")
    _check(bool(score.values) or bool(score.unscored), f"{where}: a score says something")
    _check(not set(score.values) & set(score.unscored), f"{where}: a leg is scored or unscored, not both")
    for leg, value in score.values.items():
        _check(leg in legs, f"{where}: {leg} is a leg of the pair")
        _check(isinstance(value, float | int) and 0.0 <= value <= 1.0, f"{where}: {value!r} is within [0, 1]")
        if score.sense is Sense.AGREE:
            _check(leg is not Leg.BASELINE, f"{where}: agreement is keyed by the other leg")
    for span in score.spans:
        inside = span.leg in legs and 0 <= span.start <= span.end <= len(legs[span.leg].text)
        _check(inside, f"{where}: span {span} lies inside the text")
    for one, other in combinations(legs.values(), 2):
        same = (one.text, one.finish, one.status, one.error, one.truncated_by) == (
            *(other.text, other.finish, other.status, other.error),
            other.truncated_by,
        )
        if not same or one.failed:
            continue
        if score.sense is Sense.AGREE and one.leg is Leg.BASELINE and other.leg in score.values:
            _check(score.values[other.leg] == 1.0, f"{where}: identical outputs agree fully")
        elif score.sense is not Sense.AGREE:
            values = score.values.get(one.leg), score.values.get(other.leg)
            _check(values[0] == values[1], f"{where}: identical outputs score equally, not {values}")


def _check(holds: bool, rule: str) -> None:
    """An assertion that `python -O` does not strip."""
    if not holds:
        raise AssertionError(rule)
