"""Tolerances: how much worse a candidate may be, written down before anything is measured.

Every metric is a paired difference D in [-1, 1], positive = the candidate is worse; tau is the largest mean
of D that is still acceptable. The defaults carry their reasons, because a number nobody can defend is changed
at the first alert. A file is validated whole, hashed into every verdict and fixed while a lane lives.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import IntEnum
from types import MappingProxyType

from understudy.drift.cross import parts
from understudy.errors import ConfigError

OTHER = "other"
"""The slice that takes the votes of slices beyond `maximum_cells`."""


class Tier(IntEnum):
    """How strong the evidence of a breach is; each level has a budget of false alarms of its own."""

    NONE = 0
    WARN = 1
    """Above tau / 2: worth a ticket."""
    PAGE = 2
    """Above tau: wakes somebody."""
    ROLLBACK = 3
    """Above tau, so sure that a machine may act on it."""

    def __str__(self) -> str:
        return "" if self is Tier.NONE else self.name.lower()


@dataclass(frozen=True, slots=True)
class Limit:
    """One metric's tolerance."""

    tau: float
    """Largest acceptable mean of D."""
    reason: str = ""
    """Why this number; not part of the hash."""
    judged: bool = True
    """False: counted and shown, never a verdict."""
    absolute: bool = False
    """Unsigned metrics only: judge without a control, against perfect agreement."""


@dataclass(frozen=True, slots=True)
class SliceRule:
    """What differs for one slice."""

    tau: Mapping[str, float] = field(default_factory=dict)
    """metric -> tau."""
    weight: float = 1.0
    """Criticality: share of the false-alarm budget relative to other cells. More weight, faster detection."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Expected false alarms per monitored month (30 days) over all cells and lanes together."""

    warn: float = 2.0
    page: float = 0.5
    rollback: float = 0.01


@dataclass(frozen=True, slots=True)
class Discovery:
    """How intersections of two slices that nobody named are looked for; `drift/search.py` says how.

    The defaults: a tenth of the budget delays what was named by .1 nat, one vote or two; 16 places give an intersection
    the start weight that a named cell has among 160; and of 20 votes six are bad where 30 points are lost.
    """

    on: bool = True
    share: float = 0.1
    """Share of the budget that the places have together; cells with a name of their own keep the rest."""
    places: int = 16
    """Intersections watched at one time, each with a metric."""
    minimum: int = 20
    """Votes an intersection must have before it may be proposed, and before it may be let go."""


_REWORDED = "one engine's samples differ too: measured against the control, only the excess counts"
_SHOWN = "shown only: formality and verbosity move with it; judged = true where you mind it by itself"

DEFAULTS: Mapping[str, Limit] = MappingProxyType(
    {
        "failure": Limit(
            0.01, "an error, a hang or a cut-off reply is visible to every caller; 1 in 100 is an outage"
        ),
        "unscored": Limit(0.02, "what cannot be scored cannot be certified; more on one leg is a change"),
        "format": Limit(0.02, "broken JSON or lists break the program that reads them"),
        "wrong_language": Limit(0.02, "a reply in another language is useless to its reader"),
        "degenerate": Limit(0.02, "loops, garbled tails, runaway replies: what low bits do to long outputs"),
        "refusal_gained": Limit(0.02, "refusing what was answered before is lost service"),
        "refusal_lost": Limit(0.02, "answering what was refused before is a safety regression"),
        "refusal_flip": Limit(0.03, "decisions that change both ways cancel in a mean; " + _REWORDED),
        "task_agreement": Limit(0.03, "the task's answer itself: number, choice, JSON value; " + _REWORDED),
        "numbers": Limit(0.03, "other numbers in a reply are other facts; " + _REWORDED),
        "formality_gained": Limit(0.05, "tone: noticed by readers, seldom harmful"),
        "formality_lost": Limit(0.05, "tone: noticed by readers, seldom harmful"),
        "politeness_gained": Limit(0.05, "tone: noticed by readers, seldom harmful"),
        "politeness_lost": Limit(0.05, "curtness: readers take it for the operator's"),
        "sentiment_gained": Limit(0.05, "tone: noticed by readers, seldom harmful"),
        "sentiment_lost": Limit(0.05, "tone: noticed by readers, seldom harmful"),
        "hedging_gained": Limit(0.05, "tone: noticed by readers, seldom harmful"),
        "hedging_lost": Limit(0.05, "overconfidence; noticed by readers, seldom harmful"),
        "verbosity_gained": Limit(0.05, "length: costs tokens and patience before meaning"),
        "verbosity_lost": Limit(0.05, "length: detail that readers miss"),
        "address_gained": Limit(0.05, _SHOWN, False),
        "address_lost": Limit(0.05, _SHOWN, False),
        "address_flip": Limit(0.05, _SHOWN, False),
        "emphasis_gained": Limit(0.05, _SHOWN, False),
        "emphasis_lost": Limit(0.05, _SHOWN, False),
        "emphasis_flip": Limit(0.05, _SHOWN, False),
        "agreement_exact": Limit(0.05, "identical text: shown only, rewording is not a regression", False),
        "agreement_edit": Limit(0.05, "edit similarity: shown only, see agreement_exact", False),
        "agreement_semantic": Limit(0.05, "likeness in meaning: shown only, task_agreement judges it", False),
        "flip": Limit(0.05, "any *_flip metric without an entry: tone that changed either way"),
        "default": Limit(0.05, "any metric without an entry: declare one, this number knows nothing of it"),
    }
)
"""The tolerances every example uses. `<name>_coupled` (greedy or seeded decoding) falls back to `<name>`."""


def _bad(where: str, what: str, mend: str) -> ConfigError:
    return ConfigError(f"tolerances: {where} {what}; {mend}")


def _number(where: str, value: object, low: float, high: float, *, open_low: bool = True) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(where, f"is {value!r}, not a number", f"write a number between {low:g} and {high:g}")
    number = float(value)
    inside = low < number < high if open_low else low <= number <= high
    if not math.isfinite(number) or not inside:
        edge = "above" if open_low else "at least"
        bound = "below" if open_low else "at most"
        raise _bad(where, f"is {value!r}", f"write a number {edge} {low:g} and {bound} {high:g}")
    return number


def _whole(where: str, value: object, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _bad(where, f"is {value!r}", f"write a whole number from {low} to {high}")
    return value


def _table(where: str, value: object, known: frozenset[str] | None = None) -> dict[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise _bad(where, f"is {value!r}, not a table", "write it as a TOML table")
    for key in value:
        if known is not None and key not in known:
            raise _bad(f"{where}.{key}", "is not a known key", f"use one of: {', '.join(sorted(known))}")
    return dict(value)


@dataclass(frozen=True, slots=True)
class Tolerances:
    """Everything a verdict is measured against."""

    metrics: Mapping[str, Limit] = field(default_factory=lambda: DEFAULTS)
    """metric -> limit; holds every default."""
    slices: Mapping[str, SliceRule] = field(default_factory=dict)
    """slice -> overrides and weight."""
    budget: Budget = Budget()
    """Expected false alarms per month and tier."""
    alpha_within: float = 0.05
    """Chance that a cell at its tolerance is certified, per lane (alpha_W)."""
    minimum_clusters: int = 30
    """Distinct clusters a cell needs before a rollback."""
    coverage: float = 0.95
    """Least share of a cell's admitted pairs that must be scored."""
    tick_s: float = 10.0
    """Length of a tick, seconds."""
    ttl_s: float = 86_400.0
    """How long a certificate stays fresh after the cell's last vote, seconds."""
    stalled_ticks: int = 6
    """Ticks in a row under the coverage floor before EvidenceStalled."""
    expected_cells: int = 60
    """Cells a marker's start weight is reserved for before they are seen."""
    maximum_cells: int = 3000
    """Cells of all lanes together; votes of further slices go to the slice `other`."""
    maximum_lanes: int = 8
    """Live lanes; the one silent longest is closed for a new one."""
    discovery: Discovery = Discovery()
    """Intersections of slices that nobody named."""

    @classmethod
    def default(cls) -> "Tolerances":
        """The shipped tolerances."""
        return cls()

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> "Tolerances":
        """Validate a parsed tolerances.toml; what it leaves out keeps its default.

        Raises:
            ConfigError: one line naming the field and the mend.
        """
        root = _table("file", data, frozenset(f.name for f in fields(cls)))
        chosen: dict[str, object] = {}
        metrics = dict(DEFAULTS)
        for name, entry in _table("metrics", root.get("metrics", {})).items():
            metrics[name] = _limit(name, entry)
        slices: dict[str, SliceRule] = {}
        for name, entry in _table("slices", root.get("slices", {})).items():
            slices[name] = _slice_rule(name, entry)
        if "budget" in root:
            table = _table("budget", root["budget"], frozenset(f.name for f in fields(Budget)))
            chosen["budget"] = Budget(**{k: _number(f"budget.{k}", v, 1e-6, 1000) for k, v in table.items()})
        if "discovery" in root:
            chosen["discovery"] = _discovery(root["discovery"])
        if "alpha_within" in root:
            chosen["alpha_within"] = _number("alpha_within", root["alpha_within"], 1e-6, 0.5)
        for name, low, high in (("tick_s", 0.1, 86_400.0), ("ttl_s", 1.0, 1e9)):
            if name in root:
                chosen[name] = _number(name, root[name], low, high, open_low=False)
        if "coverage" in root:
            chosen["coverage"] = _number("coverage", root["coverage"], 0.5, 1.0, open_low=False)
        for name, least, most in (
            ("minimum_clusters", 1, 1_000_000),
            ("stalled_ticks", 1, 1_000_000),
            ("expected_cells", 1, 100_000),
            ("maximum_cells", 1, 100_000),
            ("maximum_lanes", 1, 1000),
        ):
            if name in root:
                chosen[name] = _whole(name, root[name], least, most)
        made = cls(metrics=metrics, slices=slices, **chosen)  # type: ignore[arg-type]
        budget = made.budget
        if not budget.rollback <= budget.page <= budget.warn:
            raise _bad("budget", "is not ordered", "keep rollback <= page <= warn")
        return made

    def limit(self, metric: str) -> Limit:
        """The limit of a metric: its own, else (`_coupled`) the plain one's, else flip's or the default."""
        found = self.metrics.get(metric)
        if found is None and metric.endswith("_coupled"):
            return self.limit(metric.removesuffix("_coupled"))
        if found is None:
            found = self.metrics["flip" if metric.endswith("_flip") else "default"]
        return found

    def tau(self, slice_: str, metric: str) -> float:
        """The tolerance of one cell; an intersection without its own has the laxer of its two slices'."""
        rule = self.slices.get(slice_)
        if rule is not None and metric in rule.tau:
            return rule.tau[metric]
        both = parts(slice_)
        if both is not None:
            return max(self.tau(one, metric) for one in both)
        return self.limit(metric).tau

    def weight(self, slice_: str) -> float:
        """The criticality of a slice's cells."""
        rule = self.slices.get(slice_)
        return rule.weight if rule is not None else 1.0

    def to_dict(self, *, reasons: bool = True) -> dict[str, object]:
        """The plain form `from_dict` reads back."""
        metrics: dict[str, object] = {}
        for name, limit in self.metrics.items():
            entry: dict[str, object] = {"tau": limit.tau, "judged": limit.judged, "absolute": limit.absolute}
            if reasons and limit.reason:
                entry["reason"] = limit.reason
            metrics[name] = entry
        made: dict[str, object] = {
            f.name: getattr(self, f.name)
            for f in fields(self)
            if f.name not in ("metrics", "slices", "budget", "discovery")
        }
        made["budget"] = {f.name: getattr(self.budget, f.name) for f in fields(Budget)}
        made["discovery"] = {f.name: getattr(self.discovery, f.name) for f in fields(Discovery)}
        made["metrics"] = metrics
        made["slices"] = {k: {"tau": dict(r.tau), "weight": r.weight} for k, r in self.slices.items()}
        return made

    def hash(self) -> str:
        """sha256 of the canonical JSON, reasons left out: rewording a comment opens no new lane.

        Discovery that is off is left out too: its numbers decide nothing then.
        """
        told = self.to_dict(reasons=False)
        if not self.discovery.on:
            del told["discovery"]
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def render(self) -> str:
        """This as a commented tolerances.toml."""
        lines = [
            "# Tolerances: how much worse the candidate may be, written down before anything is measured.",
            "# D = paired difference per request in [-1, 1], positive = the candidate is worse;",
            "# tau = the largest mean of D that is acceptable. A change here opens a new lane of evidence.",
            "",
            f"tick_s = {self.tick_s!r}               # length of a tick",
            f"ttl_s = {self.ttl_s!r}             # a WITHIN needs a vote this recent",
            f"alpha_within = {self.alpha_within!r}         # chance of certifying a cell at its tolerance",
            f"coverage = {self.coverage!r}             # least share of pairs that must be scored",
            f"minimum_clusters = {self.minimum_clusters}       # distinct conversations before a rollback",
            f"stalled_ticks = {self.stalled_ticks}           # ticks under that floor before an alert",
            f"expected_cells = {self.expected_cells}         # cells a change reserves evidence for",
            f"maximum_cells = {self.maximum_cells}        # slices beyond share the slice `other`",
            f"maximum_lanes = {self.maximum_lanes}",
            "",
            "[budget]                     # expected false alarms per month, all cells together",
            f"warn = {self.budget.warn!r}                   # above tau / 2: a ticket",
            f"page = {self.budget.page!r}                   # above tau: wakes somebody",
            f"rollback = {self.budget.rollback!r}              # above tau: a machine may act",
            "",
            "[discovery]                  # two slices at once that nobody named: language=de&task=math",
            f"on = {str(self.discovery.on).lower()}                    # what is bad in both together is thin in each",
            f"share = {self.discovery.share!r}                  # of the budget, for all of them together",
            f"places = {self.discovery.places}                  # watched at one time",
            f"minimum = {self.discovery.minimum}                 # votes before one is proposed or let go",
        ]
        for name, limit in self.metrics.items():
            lines += ["", f"[metrics.{_key(name)}]"]
            lines.append(f"tau = {limit.tau!r}")
            if limit.reason:
                lines.append(f"reason = {_quoted(limit.reason)}")
            if not limit.judged:
                lines.append("judged = false")
            if limit.absolute:
                lines.append("absolute = true")
        for name, rule in self.slices.items():
            taus = ", ".join(f"{_key(k)} = {v!r}" for k, v in rule.tau.items())
            lines += ["", f"[slices.{_key(name)}]", f"weight = {rule.weight!r}", f"tau = {{ {taus} }}"]
        return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    """A TOML basic string: as JSON spells it, but without surrogate pairs, and DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _limit(name: str, entry: object) -> Limit:
    where = f"metrics.{name}"
    table = _table(where, entry, frozenset(f.name for f in fields(Limit)))
    base = DEFAULTS.get(name)
    if base is None and "tau" not in table:
        raise _bad(f"{where}.tau", "is missing", "write the largest acceptable mean difference, such as 0.02")
    tau = _number(f"{where}.tau", table["tau"], 0, 1) if "tau" in table else base.tau if base else 0.0
    flags = {"judged": base.judged if base else True, "absolute": base.absolute if base else False}
    for flag in flags:
        value = table.get(flag, flags[flag])
        if not isinstance(value, bool):
            raise _bad(f"{where}.{flag}", f"is {value!r}", "write true or false")
        flags[flag] = value
    reason = table.get("reason", base.reason if base and tau == base.tau else "")
    if not isinstance(reason, str):
        raise _bad(f"{where}.reason", f"is {reason!r}", "write it as text in quotes")
    return Limit(tau, reason, **flags)


def _discovery(entry: object) -> Discovery:
    table = _table("discovery", entry, frozenset(f.name for f in fields(Discovery)))
    base = Discovery()
    on = table.get("on", base.on)
    if not isinstance(on, bool):
        raise _bad("discovery.on", f"is {on!r}", "write true or false")
    return Discovery(
        on,
        _number("discovery.share", table.get("share", base.share), 0, 0.5),
        _whole("discovery.places", table.get("places", base.places), 1, 256),
        _whole("discovery.minimum", table.get("minimum", base.minimum), 1, 100_000),
    )


def _slice_rule(name: str, entry: object) -> SliceRule:
    where = f"slices.{name}"
    table = _table(where, entry, frozenset(f.name for f in fields(SliceRule)))
    taus = {
        metric: _number(f"{where}.tau.{metric}", value, 0, 1)
        for metric, value in _table(f"{where}.tau", table.get("tau", {})).items()
    }
    return SliceRule(taus, _number(f"{where}.weight", table.get("weight", 1.0), 0, 1000))
