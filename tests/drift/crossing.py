"""Streams of pairs that are in two slices each, for the tests of discovery."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from understudy.drift.digest import Hashes
from understudy.drift.engine import Drift
from understudy.drift.tally import Name
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change, Verdict

from tests.drift import streams
from tests.drift.streams import LANE

HARMED = "language=de&task=math"
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Columns = tuple[Floats, list[Name], Hashes, Hashes, Floats, Ints]
Harm = Callable[[Ints, Ints], Floats]
"""The harm to each pair of a language and a task, both counted from 0."""


def tolerances(tau: float = 0.02, **more: object) -> Tolerances:
    return streams.tolerances(tau, **{"discovery": {}, **more})


class Traffic:
    """Pairs with a language and a task, a vote of each in `all` and both: `per_tick` of them in every tick.

    Three in ten are German, three in ten are mathematics, and `both` of all are German mathematics.
    """

    def __init__(
        self,
        seed: int,
        languages: int = 8,
        tasks: int = 8,
        per_tick: int = 100,
        both: float = 0.015,
        metrics: Sequence[str] = ("m",),
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.languages = ["language=de", *(f"language=l{i}" for i in range(1, languages))]
        self.tasks = ["task=math", *(f"task=t{i}" for i in range(1, tasks))]
        self.per_tick, self.both, self.metrics = per_tick, both, metrics
        self.harmed = 0
        """Pairs of German mathematics so far."""

    @property
    def slices(self) -> list[str]:
        return ["all", *self.languages, *self.tasks]

    def tick(self, number: int, harm: Harm, p01: float = 0.005) -> Columns:
        """A tick's columns, as `Drift.add_columns` takes them."""
        n, rest = self.per_tick, 0.3 - self.both
        kind = self.rng.choice(4, n, p=[self.both, rest, rest, 1 - self.both - 2 * rest])
        languages = np.where(kind < 2, 0, self.rng.integers(1, len(self.languages), n))
        tasks = np.where((kind == 0) | (kind == 2), 0, self.rng.integers(1, len(self.tasks), n))
        self.harmed += int((kind == 0).sum())
        ids = self.rng.integers(0, 2**63, n).astype(np.uint64)
        ts = 10.0 * number + np.sort(self.rng.random(n)) * 9.9
        names: list[Name] = []
        told = []
        for metric in self.metrics:
            u = self.rng.random(n)
            told.append(np.where(u < p01, -1.0, np.where(u < 2 * p01 + harm(languages, tasks), 1.0, 0.0)))
            for slices in (
                ["all"] * n,
                [self.languages[i] for i in languages],
                [self.tasks[i] for i in tasks],
            ):
                names += [(LANE, slice_, metric) for slice_ in slices]
        each = 3 * len(self.metrics)
        d = np.concatenate([np.tile(one, 3) for one in told])
        return (
            np.tile(ts, each),
            names,
            np.tile(ids, each),
            np.tile(ids, each),
            d,
            np.zeros(n * each, np.int64),
        )


def here(size: float) -> Harm:
    """To German mathematics alone."""
    return lambda languages, tasks: np.where((languages == 0) & (tasks == 0), size, 0.0)


def everywhere(size: float) -> Harm:
    """To every pair alike."""
    return lambda languages, tasks: np.full(len(languages), size)


def german(size: float) -> Harm:
    """To all that is German."""
    return lambda languages, tasks: np.where(languages == 0, size, 0.0)


def engine(traffic: Traffic, chosen: Tolerances | None = None, *, announced: bool = True) -> Drift:
    """An engine that knows the slices."""
    drift = Drift(chosen or tolerances())
    drift.declare(LANE, traffic.slices, traffic.metrics)
    if announced:
        drift.announce("start")
    return drift


def given(
    drift: Drift, traffic: Traffic, ticks: range, harm: Harm, p01: float = 0.005
) -> Iterator[list[Change]]:
    """What each tick changed."""
    for number in ticks:
        drift.add_columns(*traffic.tick(number, harm, p01))
        yield drift.close(number)


def found(drift: Drift) -> dict[tuple[str, str], Verdict]:
    """The discovered cells there are."""
    return {(v.slice, v.metric): v for v in drift.verdicts() if v.discovered}
