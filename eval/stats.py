"""How good judgements are: rates, ranks and their intervals.

Intervals are percentile bootstraps over prompts, since answers to one prompt resemble each other.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt

from bench.stats import Estimate

RESAMPLES = 500
SEED = 11

Rows = Sequence[tuple[float, float]]
"""(truth, said) of every case; truth 0 or 1 where a rate is taken."""


def over(
    cases: Sequence[tuple[Hashable, float, float]], statistic: Callable[[npt.NDArray[np.float64]], float]
) -> Estimate | None:
    """A statistic of (prompt, truth, said) cases with its 95 % interval, prompts drawn with replacement.

    `statistic` takes an array of shape (n, 2), truth and said; NaN where a draw does not define it.
    """
    if not cases:
        return None
    groups: dict[Hashable, list[tuple[float, float]]] = {}
    for prompt, truth, said in cases:
        groups.setdefault(prompt, []).append((truth, said))
    blocks = [np.array(block, dtype=np.float64) for block in groups.values()]
    value = statistic(np.concatenate(blocks))
    if np.isnan(value):
        return None
    draw = np.random.default_rng(SEED)
    drawn = [
        statistic(np.concatenate([blocks[i] for i in draw.integers(len(blocks), size=len(blocks))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Estimate(float(value), float(low), float(high), len(cases))


def mean(rows: npt.NDArray[np.float64]) -> float:
    """Mean of what was said: truth is ignored."""
    return float(rows[:, 1].mean())


def agreement(rows: npt.NDArray[np.float64]) -> float:
    """Share of cases in which what was said is true."""
    return float((rows[:, 0] == rows[:, 1]).mean())


def recall(rows: npt.NDArray[np.float64]) -> float:
    """Share of the true cases that were said to be."""
    true = rows[rows[:, 0] > 0.5]
    return float((true[:, 1] > 0.5).mean()) if len(true) else float("nan")


def fallout(rows: npt.NDArray[np.float64]) -> float:
    """Share of the false cases that were said to be true."""
    false = rows[rows[:, 0] <= 0.5]
    return float((false[:, 1] > 0.5).mean()) if len(false) else float("nan")


def precision(rows: npt.NDArray[np.float64]) -> float:
    """Share of what was said to be true that is."""
    said = rows[rows[:, 1] > 0.5]
    return float((said[:, 0] > 0.5).mean()) if len(said) else float("nan")


def balanced(rows: npt.NDArray[np.float64]) -> float:
    """Balanced accuracy: the mean of recall and 1 - fallout."""
    return (recall(rows) + 1 - fallout(rows)) / 2


def f1(rows: npt.NDArray[np.float64]) -> float:
    """Harmonic mean of precision and recall."""
    true, said = rows[:, 0] > 0.5, rows[:, 1] > 0.5
    total = true.sum() + said.sum()
    return float(2 * (true & said).sum() / total) if total else float("nan")


def macro(rows: npt.NDArray[np.float64]) -> float:
    """Mean of the F1 of every class that occurs; classes are numbers."""
    classes = np.unique(rows[:, 0])
    return float(np.mean([f1((rows == one).astype(np.float64)) for one in classes]))


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Ranks from 1, ties sharing their mean."""
    _, index, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((last - (count - 1) / 2)[index], dtype=np.float64)


def auc(rows: npt.NDArray[np.float64]) -> float:
    """Chance that a true case was given more than a false one (Mann & Whitney), ties half."""
    true = rows[:, 0] > 0.5
    n, m = int(true.sum()), int((~true).sum())
    if not n or not m:
        return float("nan")
    return float((ranks(rows[:, 1])[true].sum() - n * (n + 1) / 2) / (n * m))


def spearman(rows: npt.NDArray[np.float64]) -> float:
    """Rank correlation of truth and what was said."""
    return float(np.corrcoef(ranks(rows[:, 0]), ranks(rows[:, 1]))[0, 1])
