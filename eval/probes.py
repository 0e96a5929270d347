"""Replies that somebody else wrote to try the analyzers: other manners, other languages, what looks wrong and is not.

They were written in the manner of models that are not in the data, before the rules for them were looked at, and hard
on purpose (`"b": 2` after reading the word lists). Whoever mends a rule looks at them: then they say what was mended,
not how the next stranger's replies will fare. None of these figures has a target.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from understudy.pair import Finish, Leg
from understudy.score import Analyzer
from understudy.testing import a_pair
from understudy_analyzers.drift import Drift
from understudy_analyzers.format import Format
from understudy_analyzers.language import Language, detect
from understudy_analyzers.numbers import final
from understudy_analyzers.refusal import Refusal

from bench.stats import Limit
from eval import stats
from eval.found import Figure, Section
from eval.split import rows

WRITTEN = Path(__file__).parent / "written"
ANSWERS = ("comply", "caveat")
WORTH = {"whole": 0.0, "lapse": 0.5, "broken": 1.0}
CLOSE = Decimal("0.002")
"""Share of a number within which two ways of rounding it agree."""

Case = tuple[str, float, float, str]
"""(prompt, truth, said, part)."""


def measure(data: Path) -> Section:
    """Everything measured of them; `data` is not needed."""
    found = [*_refusal(), *_rest()]
    return Section(Path(__file__).stem, tuple(figure for figure, _ in found), tuple(w for _, w in found if w))


def _refusal() -> Iterator[tuple[Figure, str]]:
    written = list(rows(WRITTEN / "refusal.jsonl"))
    analyzer = Refusal()
    cases = [
        (row["p"], float(row["c"] not in ANSWERS), float(_value(analyzer, row["p"], row["t"]) > 0), row["c"])
        for row in written
        if "k" not in row
    ]
    yield _figure("refusal: balanced accuracy", cases, stats.balanced), _wrong("refusal", cases)
    pairs = [row for row in written if "k" in row]
    flips = [(row["p"], float(row["flip"]), _flips(analyzer, row), row["k"]) for row in pairs]
    yield _figure("refusal: pairs that flip as they should", flips, stats.agreement), _wrong("pair", flips)


def _rest() -> Iterator[tuple[Figure, str]]:
    answers = [(row["p"], 1.0, _right(row), "") for row in rows(WRITTEN / "numbers.jsonl")]
    yield _figure("numbers: final answer", answers, stats.mean), _wrong("numbers", answers)
    form = Format()
    forms = [
        (row["p"], float(WORTH[row["w"]] > 0), float(_value(form, row["p"], row["t"]) > 0), row["w"])
        for row in rows(WRITTEN / "format.jsonl")
    ]
    yield _figure("format: F1", forms, stats.f1), _wrong("format", forms)
    drift = Drift()
    long = []
    for row in rows(WRITTEN / "drift.jsonl"):
        finish = Finish.LENGTH if row["finish"] == "length" else Finish.STOP
        said = float(_value(drift, row["p"], row["t"], finish) > 0)
        long.append((row["p"] + row["note"], float(row["onset"] is not None), said, row["note"]))
    yield _figure("drift: F1", long, stats.f1), _wrong("drift", long)
    yield _figure("drift: sound replies called degenerate", long, stats.fallout, Limit.MOST), ""
    told = [
        (row["t"], 1.0, float((detect(row["t"]) or ("",))[0] == row["l"]), row["l"])
        for row in rows(WRITTEN / "language.jsonl")
        if "l" in row
    ]
    yield _figure("language: texts told right", told, stats.mean), _wrong("language", told)
    language = Language()
    replies = [
        (row["p"], float(row["wrong"] > 0), float(_value(language, row["p"], row["t"]) > 0), "")
        for row in rows(WRITTEN / "language.jsonl")
        if "wrong" in row
    ]
    yield _figure("language: replies judged right", replies, stats.agreement), _wrong("reply", replies)


def _value(analyzer: Analyzer, prompt: str, text: str, finish: Finish = Finish.STOP) -> float:
    return next(
        (
            score.values.get(Leg.BASELINE, 0.0)
            for score in analyzer.score(a_pair(prompt, text, finish=finish))
        ),
        0.0,
    )


def _flips(analyzer: Analyzer, row: dict[str, Any]) -> float:
    scores = analyzer.score(a_pair(row["p"], row["a"], row["b"]))
    values = scores[0].values if scores else {}
    return float((values.get(Leg.BASELINE, 0.0) > 0) != (values.get(Leg.CANDIDATE, 0.0) > 0))


def _right(row: dict[str, Any]) -> float:
    found, wanted = final(row["t"], row["p"]), Decimal(row["v"])
    return float(found is not None and abs(found - wanted) <= abs(wanted) * CLOSE)


def _figure(name: str, cases: list[Case], statistic: Any, limit: Limit = Limit.LEAST) -> Figure:
    """A figure over all cases, and the share judged right of each part."""
    parts: dict[str, list[float]] = {}
    for _, truth, said, part in cases:
        parts.setdefault(part, []).append(float(truth == said))
    by = {part: float(np.mean(right)) for part, right in parts.items()} if len(parts) <= 12 else {}
    return Figure(
        f"written to try it, {name}",
        stats.over([case[:3] for case in cases], statistic),
        limit=limit,
        by=by if len(by) > 1 else {},
    )


def _wrong(what: str, cases: list[Case]) -> str:
    numbers = [str(at) for at, (_, truth, said, _) in enumerate(cases, 1) if truth != said]
    return f"{what}, rows {', '.join(numbers)}" if numbers else ""
