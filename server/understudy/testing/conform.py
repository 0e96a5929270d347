"""The conformance kit: whether an analyzer is safe to run."""

import hashlib
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, combinations

from understudy.pair import Leg, Output, Pair
from understudy.score import Analyzer, Metric, Score, Sense
from understudy.testing.nasty import big_pairs, nasty_pairs
from understudy.testing.trial import Exceeded, Meter, held

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
EXPLANATION = 2_000
"""Characters of an explanation: people read it, and every score carries it."""
SPANS = 100
UNABLE = 4
"""Exit code of a process that cannot have the analyzer."""
ELSEWHERE_S = 300.0
"""How long another process may take over the small pairs, by the clock."""

Digests = tuple[tuple[str, str], ...]
"""(pair id, hash of its scores)."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the kit saw of an analyzer that passed."""

    pairs: int
    """Scored, each of the small ones three times or more."""
    slowest: tuple[str, float]
    """The pair that took longest, and how long: seconds of CPU time."""
    largest: tuple[str, int]
    """The pair that took most memory, and how much: bytes beyond what was there before."""
    left_out: tuple[str, ...] = ()
    """Rules that could not be tried, and why."""


def check_analyzer(
    analyzer: Analyzer,
    pairs: Iterable[Pair] | None = None,
    *,
    big: bool = True,
    seconds: float = 2.0,
    memory: int = 200_000_000,
    isolated: bool = True,
) -> Report:
    """Hold an analyzer to its contract; raises AssertionError, naming the rule and the pair, on the first breach.

    Rules: declared name, version and metrics; only declared metrics, once each, with the declared sense; values in
    [0, 1], never NaN, keyed by legs of the pair (AGREE: never by the baseline); reasons of what is unscored; spans
    inside the texts; equal outputs score equally (AGREE: 1); a score that names its analyzer and version names these.
    The same pair scored twice, by a second instance in another order, and in another process whose strings hash
    otherwise, gives the same scores. Never raises; never takes longer than `seconds` or more than `memory`, 1 MB texts
    included: the work is done in a process of its own, so an analyzer that never returns is named and ended.

    Args:
        analyzer: An instance. The second instance is one of its class made without arguments; an analyzer that needs
            arguments must be picklable for the other process.
        pairs: Pairs of your own domain to check besides the kit's nasty ones.
        big: Include the 1 MB texts.
        seconds: CPU time for a pair.
        memory: Bytes for a pair, beyond what was resident before it.
        isolated: False runs it here, for analyzers that a forked process cannot run (threads of torch or gRPC); one
            that never returns hangs then.

    Returns:
        What it cost, and which rules could not be tried.
    """
    metrics = _declared(analyzer)
    kind = type(analyzer)
    try:
        twin: Analyzer | None = kind()
    except TypeError:
        twin = None
    left_out = [] if twin is not None else ["a second instance: the class needs arguments"]
    small = [*nasty_pairs(), *(pairs or ())]
    meter = Meter(seconds, memory)

    def work(meter: Meter) -> tuple[Digests, Report]:
        # What is loaded at the first use is no pair's cost.
        for one in filter(None, (analyzer, twin)):
            for pair in (small[0], small[-1]):
                with suppress(Exception):
                    list(one.score(pair))
        found = []
        for pair in chain(small, big_pairs() if big else ()):
            found.append((pair.id, _examined(analyzer, metrics, pair, meter)))
        by_pair = found[: len(small)]
        if twin is not None:
            for pair, (_, first) in zip(reversed(small), reversed(by_pair), strict=True):
                with meter.step(_where(pair)):
                    again = digest(list(twin.score(pair)))
                _check(again == first, f"{analyzer.name} keeps no state: {_where(pair)}")
        return tuple(by_pair), Report(meter.steps, meter.slowest, meter.largest)

    try:
        digests, report = held(work, meter) if isolated and hasattr(os, "fork") else work(meter)
    except Exceeded as error:
        raise Exceeded(f"{analyzer.name} {error}") from None
    try:
        elsewhere = _elsewhere(analyzer, twin is not None, small)
    except _Unable as reason:
        left_out.append(f"another process: {reason}")
    else:
        for (pair_id, here), (_, there) in zip(digests, elsewhere, strict=True):
            _check(here == there, f"{analyzer.name} is deterministic over processes: pair {pair_id!r}")
    return Report(report.pairs, report.slowest, report.largest, tuple(left_out))


def _declared(analyzer: Analyzer) -> dict[str, Metric]:
    _check(isinstance(analyzer, Analyzer), "an analyzer has name, version, metrics and score()")
    for name in ("name", "version"):
        told = getattr(analyzer, name)
        _check(isinstance(told, str) and bool(told), "an analyzer has a name and a version, texts")
    _check(
        isinstance(analyzer.metrics, tuple) and bool(analyzer.metrics), "metrics is a tuple of at least one"
    )
    metrics = {metric.name: metric for metric in analyzer.metrics}
    _check(len(metrics) == len(analyzer.metrics), "metric names are unique")
    for name in metrics:
        _check(NAME.fullmatch(name) is not None, f"metric name {name!r} is a_b_c")
    return metrics


def _examined(analyzer: Analyzer, metrics: Mapping[str, Metric], pair: Pair, meter: Meter) -> str:
    """Score a pair, hold what it says to the rules, and do it again; the digest of the scores."""
    where = _where(pair)
    try:
        with meter.step(where):
            scores = list(analyzer.score(pair))
    except Exceeded:
        raise
    except (Exception, SystemExit) as error:
        at = error.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        place = f" ({at.tb_frame.f_code.co_filename}:{at.tb_lineno})" if at else ""
        raise AssertionError(
            f"{analyzer.name} never raises: {type(error).__name__} on {where}{place}"
        ) from error
    names = [score.metric for score in scores]
    _check(len(set(names)) == len(names), f"{analyzer.name} scores each metric once on {where}")
    for score in scores:
        _check(score.metric in metrics, f"{score.metric!r} is declared ({where})")
        about = f"{score.metric} on {where}"
        _check(score.analyzer in ("", analyzer.name), f"{about}: analyzer is its own name or empty")
        _check(score.version in ("", analyzer.version), f"{about}: version is its own or empty")
        _check_score(score, metrics[score.metric], pair, about)
    found = digest(scores)
    if not pair.id.startswith("big-"):
        with meter.step(where):
            again = digest(list(analyzer.score(pair)))
        _check(again == found, f"{analyzer.name} is deterministic on {where}")
    return found


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
    for leg, reason in score.unscored.items():
        _check(leg in legs, f"{where}: {leg} is a leg of the pair")
        _check(isinstance(reason, str) and bool(reason), f"{where}: what is unscored has a reason")
    _check(
        len(score.explanation) <= EXPLANATION, f"{where}: an explanation has {EXPLANATION} characters at most"
    )
    _check(len(score.spans) <= SPANS, f"{where}: a score has {SPANS} spans at most")
    for span in score.spans:
        inside = span.leg in legs and 0 <= span.start <= span.end <= len(legs[span.leg].text)
        _check(inside, f"{where}: span {span} lies inside the text")
    for one, other in combinations(legs.values(), 2):
        if _same(one, other) and not one.failed:
            _check_equal(score, one.leg, other.leg, where)


def _check_equal(score: Score, one: Leg, other: Leg, where: str) -> None:
    if score.sense is not Sense.AGREE:
        values = score.values.get(one), score.values.get(other)
        _check(values[0] == values[1], f"{where}: identical outputs score equally, not {values}")
    elif one is Leg.BASELINE and other in score.values:
        _check(score.values[other] == 1.0, f"{where}: identical outputs agree fully")


def _same(one: Output, other: Output) -> bool:
    return (one.text, one.finish, one.status, one.error, one.truncated_by) == (
        *(other.text, other.finish, other.status, other.error),
        other.truncated_by,
    )


def digest(scores: Iterable[Score]) -> str:
    """A hash of everything that scores say; the order of legs in a mapping says nothing."""
    told = [
        (
            *(score.metric, str(score.sense), score.analyzer, score.version, score.explanation),
            sorted((str(leg), repr(float(value))) for leg, value in score.values.items()),
            sorted((str(leg), reason) for leg, reason in score.unscored.items()),
            [(str(span.leg), span.start, span.end, span.label) for span in score.spans],
            sorted((score.parameters or {}).items()),
        )
        for score in scores
    ]
    return hashlib.sha256(repr(told).encode("utf-8", "surrogatepass")).hexdigest()


class _Unable(Exception):
    """Why an analyzer cannot be taken to another process."""


def _elsewhere(analyzer: Analyzer, plain: bool, pairs: Sequence[Pair]) -> Digests:
    """The digests that a fresh interpreter with another seed of hashes finds, which takes the pairs backwards."""
    if type(analyzer).__module__ == "__main__":
        raise _Unable("the class is of the running script: put it into a module")
    try:
        given = pickle.dumps((type(analyzer) if plain else analyzer, list(pairs)))
    except Exception as error:
        raise _Unable(f"{type(error).__name__}: {error}") from None
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-m", "understudy.testing.elsewhere"],
        input=given,
        capture_output=True,
        timeout=ELSEWHERE_S,
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
    )
    said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if done.returncode == UNABLE:
        raise _Unable(said)
    _check(not done.returncode, f"{analyzer.name} never raises, in another process neither: {said}")
    told: Digests = pickle.loads(done.stdout)
    return told


def _where(pair: Pair) -> str:
    return f"pair {pair.id!r}"


def _check(holds: bool, rule: str) -> None:
    """An assertion that `python -O` does not strip."""
    if not holds:
        raise AssertionError(rule)
