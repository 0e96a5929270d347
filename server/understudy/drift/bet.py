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
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


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
    mean = shares(counts)[:, used] @ VALUES[used]
    # Both ends at once, the upper one as the lower one of -D.
    n = np.concatenate([counts[:, used]] * 2).astype(np.float64)
    reach = np.repeat(np.stack([1.0 + VALUES[used], 1.0 - VALUES[used]]), len(counts), axis=0)
    low, high = np.full(len(n), -1.0), np.concatenate([mean, -mean])
    for _ in range(30):
        middle = (low + high) / 2
        ratio = reach / np.maximum(1.0 + middle, 1e-12)[:, None] - 1.0
        logs = np.zeros((len(n), GRID))
        for bin_ in range(n.shape[1]):
            logs += n[:, bin_, None] * np.log1p(RHO * ratio[:, bin_, None])
        rejected = mean_log(logs) >= target
        low, high = np.where(rejected, middle, low), np.where(rejected, high, middle)
    low[n.sum(axis=1) == 0] = -1.0
    return low[: len(counts)], -low[len(counts) :]


def detectable(counts: Ints, tau: Floats, needed: Floats) -> Floats:
    """Smallest mean effect these many votes would have shown as a breach; NaN where none would.

    The alternative mixes the observed votes with a share s of wholly bad ones (D = 1) until their number times
    KL_inf reaches `needed` = ln(threshold / start weight). A bet lambda gains a + s (b - a) of each vote, with
    a = E ln(1 + lambda (D - tau)) as observed and b the same of D = 1; so the share that suffices it is a quotient,
    and over lambda that has one minimum, because what a bet gains is concave in it.
    """
    p, n = shares(counts), counts.sum(axis=1)
    mean = p @ VALUES
    used = p.any(axis=0)
    p, edge = p[:, used], VALUES[used][None, :] - tau[:, None]
    goal = np.divide(needed, n, out=np.full(len(p), np.inf), where=n > 0)

    def share(bet: Floats) -> Floats:
        own = (p * np.log1p(bet[:, None] * edge)).sum(axis=1)
        more = np.log1p(bet * (1.0 - tau)) - own
        enough = np.where(goal <= own, 0.0, np.inf)
        made: Floats = np.divide(goal - own, more, out=enough, where=more > 0)
        return made

    low, high = np.zeros(len(p)), (1.0 - 1e-9) / (1.0 + tau)
    left, right = high - GOLDEN * high, GOLDEN * high
    of_left, of_right = share(left), share(right)
    for _ in range(36):
        down = of_left < of_right
        low, high = np.where(down, low, left), np.where(down, right, high)
        new = np.where(down, high - GOLDEN * (high - low), low + GOLDEN * (high - low))
        of_new = share(new)
        left, right = np.where(down, new, right), np.where(down, left, new)
        of_left, of_right = np.where(down, of_new, of_right), np.where(down, of_left, of_new)
    least = np.minimum(of_left, of_right)
    return np.where(least <= 1.0, mean + np.clip(least, 0.0, 1.0) * (1.0 - mean), np.nan)
