"""The specification written out slowly: one cell in plain Python, lists of logarithms, no array and no shortcut.

Straight from the formulas of the drift engine's design; it shares no code with the engine.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

GRID = [0.02 * (0.95 / 0.02) ** (k / 15) for k in range(16)]
MONTH_S = 30 * 86_400
NOTHING = -math.inf


def add(a: float, b: float) -> float:
    """ln(e^a + e^b)."""
    top = max(a, b)
    return top if top == NOTHING else top + math.log(math.exp(a - top) + math.exp(b - top))


def mean(logs: list[float]) -> float:
    """Ln of the mean of e^logs."""
    top = max(logs)
    return top if top == NOTHING else top + math.log(sum(math.exp(x - top) for x in logs) / len(logs))


def ln(x: float) -> float:
    return math.log(x) if x > 0 else NOTHING


@dataclass
class Slow:
    """One cell's detectors; `tick` takes the votes b in -32..32 of one tick."""

    tau: float
    cells: int
    """Cells that share the weights, of equal criticality."""
    expected: int = 60
    page: float = 0.4
    """Budgets: four fifths of the page budget of .5 belong to cells."""
    warn: float = 2.0
    rollback: float = 0.01
    alpha: float = 0.05
    minimum: int = 30
    m: dict[float, list[float]] = field(default_factory=lambda: {k: [NOTHING] * 16 for k in (0.5, 1, 3, 6)})
    v: list[float] = field(default_factory=lambda: [0.0] * 16)
    votes: int = 0
    breach: bool = False
    tier: str = ""
    severity: int = 0
    blocked: bool = False

    @property
    def state(self) -> str:
        if self.breach:
            return "BREACH"
        return "WITHIN" if self.votes and mean(self.v) >= -math.log(self.alpha) else "NOT_ENOUGH_EVIDENCE"

    def tick(self, marker: float, length: float, bs: list[int]) -> None:
        """`marker`: weight of changes announced at it; `length`: of the tick before, as a share of half a month."""
        for multiple in self.m:
            x = 2.0 if multiple == 0.5 else 0.5
            weight = marker / max(self.expected, self.cells) + min(1 / self.cells, 0.05 / x) * length
            self.m[multiple] = [add(a, ln(weight)) for a in self.m[multiple]]
        self.v = [add(a, ln(length)) for a in self.v]
        if not bs:
            return
        self.votes += len(bs)
        for multiple, logs in self.m.items():
            level = multiple * self.tau
            for k, rho in enumerate(GRID):
                if level >= 1:
                    logs[k] = NOTHING
                else:
                    logs[k] += sum(math.log(1 + rho / (1 + level) * (b / 32 - level)) for b in bs)
        for k, rho in enumerate(GRID):
            self.v[k] += sum(math.log(1 + rho / (1 - self.tau) * (self.tau - b / 32)) for b in bs)
        self._judge()
        self._cap()

    def _judge(self) -> None:
        alarm, sure = -math.log(self.page), -math.log(self.rollback)
        if mean(self.m[1]) >= alarm and not self.breach:
            self.breach, self.tier, self.v = True, "page", [NOTHING] * 16
        if self.breach:
            reached = [k for k in (3, 6) if mean(self.m[k]) >= alarm]
            self.severity = max([self.severity, 1, *reached])
        if self.breach and self.tier != "rollback" and mean(self.m[1]) >= sure:
            self.blocked = self.votes < self.minimum
            self.tier = "page" if self.blocked else "rollback"
        warned = mean(self.m[0.5])
        if mean(self.v) >= -math.log(self.alpha):
            if self.breach:
                self.breach, self.tier, self.severity, self.blocked = False, "", 0, False
                self.m = {k: [NOTHING] * 16 for k in self.m}
            elif self.tier == "warn" and warned <= -math.log(self.warn) - 6:
                self.tier, self.m[0.5] = "", [NOTHING] * 16
        if mean(self.m[0.5]) >= -math.log(self.warn) and not self.tier:
            self.tier = "warn"

    def _cap(self) -> None:
        """Test first, then cap: 3 above the highest tier of a tau, 6 above the certificate's threshold."""
        for multiple, logs in self.m.items():
            top = -math.log(self.warn if multiple == 0.5 else self.rollback) + 3
            excess = max(0.0, mean(logs) - top)
            self.m[multiple] = [a - excess for a in logs]
        excess = max(0.0, mean(self.v) - (-math.log(self.alpha) + 6))
        self.v = [a - excess for a in self.v]


def rate(histogram: Mapping[int, int], tau: float, sign: int = 1) -> float:
    """KL_inf by golden section: the largest mean of ln(1 + lambda * sign * (D - tau))."""
    n = sum(histogram.values())

    def gain(lam: float) -> float:
        return sum(c / n * math.log(1 + lam * sign * (b / 32 - tau)) for b, c in histogram.items() if c)

    low, high = 0.0, (1 - 1e-9) / (1 + sign * tau)
    golden = (math.sqrt(5) - 1) / 2
    for _ in range(200):
        one, two = high - golden * (high - low), low + golden * (high - low)
        low, high = (one, high) if gain(one) < gain(two) else (low, two)
    return max(0.0, gain((low + high) / 2))


def ends(histogram: Mapping[int, int], alpha: float = 0.05) -> tuple[float, float]:
    """The confidence sequence: bisection of {m : both mixtures < 2 / alpha} on either side of the mean."""
    n = sum(histogram.values())
    centre = sum(b * c for b, c in histogram.items()) / 32 / n

    def rejected(m: float, sign: int) -> bool:
        logs = [
            sum(
                c * math.log(1 + rho * sign * (b / 32 - m) / (1 + sign * m))
                for b, c in histogram.items()
                if c
            )
            for rho in GRID
        ]
        return mean(logs) >= math.log(2 / alpha)

    def end(sign: int) -> float:
        out, inside = -sign * (1 - 1e-15), centre
        if not rejected(out, sign):
            return float(-sign)
        for _ in range(60):
            middle = (out + inside) / 2
            out, inside = (middle, inside) if rejected(middle, sign) else (out, middle)
        return out

    return end(1), end(-1)
