"""The betting mathematics: a fixed grid of bets, and what can be read off a histogram of votes.

A bet lambda against H0: E[D | past] <= tau multiplies the bettor's wealth by 1 + lambda (D - tau); under H0
wealth is a supermartingale, so large wealth is evidence (Waudby-Smith & Ramdas, arXiv 2010.09686). Averaging
over a fixed grid of bets keeps counts sufficient: no order of votes is needed within a tick.

Votes are integers b in -32..32 with D = b / 32; bin = b + 32.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEPS = 32
BINS = 2 * STEPS + 1
VALUES: Floats = (np.arange(BINS) - STEPS) / STEPS
"""D of every bin."""
RHO: Floats = np.geomspace(0.02, 0.95, 16)
"""Bet sizes as shares of the largest admissible bet."""
GRID = len(RHO)


def increments(tau: float, sign: int = 1) -> Floats:
    """Logs of the wealth factors, shape (bins, grid).

    sign +1 bets on E[D] > tau with lambda = rho / (1 + tau), sign -1 on E[D] < tau with psi = rho / (1 -
    tau).
    """
    edge: Floats = sign * (VALUES - tau) / (1.0 + sign * tau)
    return np.log1p(np.multiply.outer(edge, RHO))


def mean_log(logs: Floats) -> Floats:
    """Ln of the mean over the last axis of exp(logs)."""
    top = logs.max(axis=-1)
    made: Floats = top + np.log(np.exp(logs - top[..., None]).mean(axis=-1))
    return made


def shares(counts: npt.NDArray[np.generic]) -> Floats:
    """Histograms (cells, bins) as probabilities; a cell without votes becomes a point at D = 0."""
    made: Floats = np.array(counts, dtype=np.float64)
    total = made.sum(axis=-1, keepdims=True)
    made = np.divide(made, total, out=np.zeros_like(made), where=total > 0)
    made[total[..., 0] == 0, STEPS] = 1.0
    return made


def kl_inf(probabilities: Floats, tau: Floats, sign: int = 1) -> Floats:
    """Growth rate of the best bet, nats per vote.

    The maximum over lambda in [0, 1/(1+tau)) of E ln(1 + lambda (D - tau)).

    The expected number of votes to a threshold t is about ln(t) / KL_inf (Honda & Takemura 2010). Zero where
    the mean does not exceed tau. With sign -1 the mirror: evidence that the mean is below tau.

    Args:
        probabilities: shape (cells, bins).
        tau: shape (cells,).
        sign: +1 or -1.
    """
    used = probabilities.any(axis=0)
    p = probabilities[:, used]
    edge = sign * (VALUES[used][None, :] - tau[:, None])
    low = np.zeros(len(p))
    high = (1.0 - 1e-9) / (1.0 + sign * tau)
    for _ in range(28):
        middle = (low + high) / 2
        slope = (p * (edge / (1.0 + middle[:, None] * edge))).sum(axis=1)
        low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
    rate: Floats = (p * np.log1p(low[:, None] * edge)).sum(axis=1)
    return np.where((p * edge).sum(axis=1) > 0, np.maximum(rate, 0.0), 0.0)


def interval(counts: Ints, alpha: float = 0.05) -> tuple[Floats, Floats]:
    """Time-uniform confidence sequence for the mean of D: valid at every look, (low, high) per cell.

    The set {m : both one-sided grid mixtures < 2 / alpha}. With rho instead of lambda a factor reads
    1 - rho + rho (1 + D) / (1 + m): it falls with m, so each end is one bisection.
    """
    target = math.log(2.0 / alpha)
    used = counts.any(axis=0)
    n = counts[:, used].astype(np.float64)
    values = VALUES[used]
    mean = shares(counts)[:, used] @ values

    def end(reach: Floats, centre: Floats) -> Floats:
        """The smallest m in [-1, centre] that the mixture does not reject, for values 1 + D = reach."""
        low, high = np.full(len(n), -1.0), centre.copy()
        for _ in range(30):
            middle = (low + high) / 2
            ratio = reach[None, :] / np.maximum(1.0 + middle, 1e-12)[:, None]
            logs = np.zeros((len(n), GRID))
            for bin_ in range(len(values)):
                logs += n[:, bin_, None] * np.log1p(RHO * (ratio[:, bin_, None] - 1.0))
            rejected = mean_log(logs) >= target
            low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
        return low

    empty = n.sum(axis=1) == 0
    return np.where(empty, -1.0, end(1.0 + values, mean)), np.where(empty, 1.0, -end(1.0 - values, -mean))


def detectable(counts: Ints, tau: Floats, needed: Floats) -> Floats:
    """Smallest mean effect these many votes would have shown as a breach; NaN where none would.

    The alternative mixes the observed votes with a share of wholly bad ones (D = 1) until their number times
    KL_inf reaches `needed` = ln(threshold / start weight).
    """
    p = shares(counts)
    n = counts.sum(axis=1).astype(np.float64)
    mean = p @ VALUES
    worst = np.zeros(BINS)
    worst[-1] = 1.0

    def reaches(share: Floats) -> npt.NDArray[np.bool_]:
        mixed = p * (1.0 - share)[:, None] + worst * share[:, None]
        enough: npt.NDArray[np.bool_] = n * kl_inf(mixed, tau) >= needed
        return enough

    low, high = np.zeros(len(p)), np.ones(len(p))
    possible = reaches(high)
    for _ in range(12):
        middle = (low + high) / 2
        found = reaches(middle)
        low, high = np.where(found, low, middle), np.where(found, middle, high)
    effect: Floats = mean + high * (1.0 - mean)
    return np.where(possible, effect, np.nan)
