"""The rollback decision: pure, with a named reason for every answer.

A rollback needs rollback-tier evidence in one lane and every precondition (design: drift engine, "Many
cells"; data path, "primary switch"), or a candidate that serves callers and is not there: such calls fail before
anything could be compared, so no evidence would ever form. Whatever is missing is named in
`Decision.blocked_by`; the answer is then to hold, never to guess. Carrying a decision out (fsync, two-phase
switch) is the relay's affair.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State as Verdicted
from understudy.drift.verdict import Verdict
from understudy.errors import ConfigError
from understudy.pair import Lane, Leg

Cell = tuple[str, str, str]
"""(slice, metric, lane in short form)."""


class Action(StrEnum):
    """What is to be done."""

    NONE = "none"
    """Nothing to say."""
    HOLD = "hold"
    """Stay as it is and promote nothing: the gate is closed."""
    ROLLBACK = "rollback"
    """Make the baseline the primary now."""
    CLEAR = "clear"
    """What held is positively gone: the gate opens."""


class Why(StrEnum):
    """The named reason of a decision."""

    QUIET = "quiet"
    """No cell is in breach and nothing is held."""
    BREACH = "breach"
    """Rollback-tier evidence and every precondition."""
    CANDIDATE_UNREACHABLE = "candidate_unreachable"
    """The candidate serves callers and has answered no connection for rollback.unreachable_s."""
    BLOCKED = "blocked"
    """A rollback is due, but `blocked_by` stands against it."""
    BELOW_TIER = "below_tier"
    """A breach at the page tier: worth a person's look, not a machine's switch."""
    GATE_CLOSED = "gate_closed"
    """The baseline is the primary already (pre-rollout): the candidate must not be promoted."""
    LATCHED = "latched"
    """A rollback was done and holds until `understudy rearm`."""
    HELD = "held"
    """An earlier hold stands: its cells have not been certified since."""
    CERTIFIED = "certified"
    """Every held cell was certified, or its lane closed."""


class Blocker(StrEnum):
    """What can stand between the evidence and a rollback."""

    DISABLED = "disabled"
    """The operator set rollback.automatic = false."""
    IN_PROGRESS = "in_progress"
    """A switch is being carried out."""
    COOL_DOWN = "cool_down"
    """The last switch or rearm was too short ago."""
    INSTRUMENT_FAULT = "instrument_fault"
    """A/A health is breached: the instrument is at fault."""
    COVERAGE = "coverage"
    """Too few of the cell's pairs were scored."""
    CLUSTERS = "clusters"
    """Too few distinct clusters voted."""
    STALE = "stale_watermark"
    """The evidence stands still."""
    OTHER_CANDIDATE = "other_candidate"
    """The evidence is about an engine that is not the one now serving."""
    OTHER_BASELINE = "other_baseline"
    """The evidence compares with an engine that is not the recorded target."""
    TARGET_DEAD = "target_dead"
    """The target has answered no real inference probe lately."""
    TARGET_UNRECORDED = "target_unrecorded"
    """No baseline fingerprint was ever recorded."""
    TARGET_CHANGED = "target_changed"
    """What answers at the target's address is not the recorded baseline."""


class Note(StrEnum):
    """What a reader of the decision should know beside it."""

    NO_CONTROL = "no_control"
    """There is no control leg, so A/A health is unknown."""
    CONTROL_UNDECIDED = "control_undecided"
    """A/A shows no fault, but is not certified yet."""


@dataclass(frozen=True, slots=True)
class Settings:
    """When a machine may switch the primary."""

    automatic: bool = True
    """False: decide and alert, but leave the switch to people."""
    coverage: float = 0.95
    """Smallest share of the breached cell's pairs that must be scored."""
    clusters: int = 30
    """Fewest distinct clusters in the breached cell."""
    cool_down_s: float = 600.0
    """No automatic rollback this soon after a switch or a rearm, seconds."""
    probe_age_s: float = 10.0
    """The target must have answered a real inference probe this recently, seconds."""
    watermark_age_s: float = 600.0
    """Oldest unresolved request with which evidence still counts as current, seconds."""
    unreachable_s: float = 10.0
    """A serving candidate that answers no connection, and from which no caller gets anything, for this long is rolled
    back, seconds; 0 = never for that."""

    def __post_init__(self) -> None:
        """Refuse limits that would make every or no breach a rollback."""
        if not 0 < self.coverage <= 1:
            raise ConfigError(f"rollback.coverage = {self.coverage}: must be in (0, 1]")
        if self.clusters < 1:
            raise ConfigError(f"rollback.clusters = {self.clusters}: must be at least 1")
        for name in ("cool_down_s", "probe_age_s", "watermark_age_s", "unreachable_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"rollback.{name} = {getattr(self, name)}: must be 0 or more")


@dataclass(frozen=True, slots=True)
class Facts:
    """The preconditions as they stand now."""

    primary: Leg
    """Who serves the callers: BASELINE or CANDIDATE."""
    candidate: str = ""
    """Fingerprint of the candidate engine now; empty: unknown."""
    target: str = ""
    """Fingerprint of what answers at the baseline's address now; empty: unknown."""
    recorded: str = ""
    """The baseline's fingerprint as recorded; empty: never."""
    probed_ns: int | None = None
    """Wall clock of the target's last answer to a real inference probe; None: never."""
    control: bool = False
    """A control leg is configured."""
    aa_healthy: bool | None = None
    """A/A health: True certified, False at fault, None undecided."""
    watermark_age_s: float | None = None
    """Age of the oldest unresolved request; None: unknown, which is not current."""
    in_progress: bool = False
    """A switch is being carried out."""
    silent_s: float | None = None
    """How long the primary has answered no connection; 0: it answers; None: not known."""


@dataclass(frozen=True, slots=True)
class RollbackState:
    """What the decision remembers; the caller keeps it on disk with the latch."""

    latched: bool = False
    """A rollback was done and not rearmed."""
    switched_ns: int | None = None
    """Wall clock of the last switch of primary or rearm; None: never."""
    held: frozenset[Cell] = frozenset()
    """The cells because of which the gate is closed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, why, and what stands against doing more."""

    action: Action
    reason: Why
    blocked_by: tuple[Blocker, ...] = ()
    lane: Lane | None = None
    """The lane whose evidence decided."""
    cells: tuple[tuple[str, str], ...] = ()
    """(slice, metric) of the breached cells of that lane."""
    notes: tuple[Note, ...] = ()
    detail: str = ""
    """One line with the numbers, for the log and the audit record."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A decision on its way to the relay, the notifiers and whoever watches."""

    action: Action
    reason: Why
    alerts: tuple[str, ...]
    """Fingerprints of the alerts behind it."""
    issued_ns: int
    target: str
    """Fingerprint of the engine to serve; empty when nothing is switched."""
    detail: str = field(default="", compare=False)


def decide(
    verdicts: Sequence[Verdict],
    state: RollbackState,
    facts: Facts,
    now_ns: int,
    settings: Settings,
    closed: Collection[Lane] = (),
) -> Decision:
    """Return what to do about the verdicts under these preconditions.

    `verdicts` holds every cell's current verdict; `closed` the lanes closed since the last call. Silence is
    never a reason: a cell that is missing from `verdicts` keeps what it held.
    """
    breached = [v for v in verdicts if v.state is Verdicted.BREACH]
    if state.latched:
        return _hold(Why.LATCHED, breached, "the baseline serves until `understudy rearm`")
    if gone(facts, settings):
        detail = f"the candidate serves callers and has answered no connection for {facts.silent_s:.0f} s"
        blocked = _switch_blockers(facts, now_ns, settings)
        if blocked:
            return replace(_hold(Why.BLOCKED, breached, detail), blocked_by=blocked)
        return replace(_hold(Why.CANDIDATE_UNREACHABLE, breached, detail), action=Action.ROLLBACK)
    if not breached:
        return _without_breach(verdicts, state, closed)
    if facts.primary is not Leg.CANDIDATE:
        return _hold(Why.GATE_CLOSED, breached, f"{len(breached)} cells in breach")
    sure = [v for v in breached if v.tier is Tier.ROLLBACK]
    if not sure:
        return _hold(Why.BELOW_TIER, breached, f"{len(breached)} cells in breach")
    faulty = {v.lane for v in verdicts if v.state is Verdicted.INSTRUMENT_FAULT}
    # Each cell is judged with its own lane's evidence; the one with the least against it decides.
    judged = [(_blockers(v, v.lane in faulty, state, facts, now_ns, settings), v) for v in sure]
    blocked, best = min(judged, key=lambda item: (len(item[0]), item[1].slice, item[1].metric))
    cells = [v for blockers, v in judged if v.lane == best.lane and (blocked or not blockers)]
    detail = (
        f"{best.slice} x {best.metric}: effect {best.effect:+.3f} [{best.low:+.3f}, {best.high:+.3f}] "
        f"against {best.tau:g}, {best.votes} votes, coverage {best.coverage:.1%}"
    )
    if blocked:
        return replace(_hold(Why.BLOCKED, cells, detail), blocked_by=blocked, notes=_notes(facts))
    return replace(_hold(Why.BREACH, cells, detail), action=Action.ROLLBACK, notes=_notes(facts))


def gone(facts: Facts, settings: Settings) -> bool:
    """Whether the candidate serves callers and has been unreachable for too long."""
    silent = facts.primary is Leg.CANDIDATE and facts.silent_s is not None
    return silent and 0 < settings.unreachable_s <= (facts.silent_s or 0.0)


def after(
    state: RollbackState, decision: Decision, verdicts: Sequence[Verdict], closed: Collection[Lane] = ()
) -> RollbackState:
    """Return the state after a decision: what is held, less what is certified or closed.

    It does not latch: `rolled_back` does, once the relay has acknowledged, so a failed switch is retried.
    """
    held = _still_held(state, verdicts, closed)
    if decision.action in (Action.HOLD, Action.ROLLBACK):
        held |= {_cell(v) for v in verdicts if v.state is Verdicted.BREACH}
    return replace(state, held=frozenset(held))


def rolled_back(state: RollbackState, now_ns: int) -> RollbackState:
    """Return the state once the relay serves from the baseline: latched, cooling down."""
    return replace(state, latched=True, switched_ns=now_ns)


def rearmed(state: RollbackState, now_ns: int) -> RollbackState:
    """Return the state after `understudy rearm`: the latch is open and the cool-down starts.

    What is held stays held: a rearm is leave to try again, not evidence.
    """
    return replace(state, latched=False, switched_ns=now_ns)


def _switch_blockers(facts: Facts, now_ns: int, settings: Settings) -> tuple[Blocker, ...]:
    """Return what stands against any switch to the baseline, whatever it is made for, in the order to look at it.

    The cool-down is not among them: it keeps evidence of before a switch from deciding after it, and a
    candidate that is not there needs none. It cannot alternate either: a rollback stays latched.
    """
    checks = (
        (Blocker.DISABLED, not settings.automatic),
        (Blocker.IN_PROGRESS, facts.in_progress),
        (Blocker.TARGET_UNRECORDED, not facts.recorded),
        (Blocker.TARGET_DEAD, not _within(facts.probed_ns, settings.probe_age_s, now_ns)),
        (Blocker.TARGET_CHANGED, bool(facts.recorded) and facts.target != facts.recorded),
    )
    return tuple(blocker for blocker, stands in checks if stands)


def _blockers(
    verdict: Verdict, faulty: bool, state: RollbackState, facts: Facts, now_ns: int, settings: Settings
) -> tuple[Blocker, ...]:
    """Return everything that stands against acting on this verdict, in the order to look at it."""
    age = facts.watermark_age_s
    checks = (
        (Blocker.COOL_DOWN, _within(state.switched_ns, settings.cool_down_s, now_ns)),
        (Blocker.INSTRUMENT_FAULT, faulty or facts.aa_healthy is False),
        # Written so that a NaN blocks.
        (Blocker.COVERAGE, not verdict.coverage >= settings.coverage),
        (Blocker.CLUSTERS, verdict.clusters < settings.clusters),
        (Blocker.STALE, age is None or not age <= settings.watermark_age_s),
        (Blocker.OTHER_CANDIDATE, not facts.candidate or verdict.lane.candidate != facts.candidate),
        (Blocker.OTHER_BASELINE, bool(facts.recorded) and verdict.lane.baseline != facts.recorded),
    )
    about_evidence = tuple(blocker for blocker, stands in checks if stands)
    return about_evidence + _switch_blockers(facts, now_ns, settings)


def _within(then_ns: int | None, seconds: float, now_ns: int) -> bool:
    """True when `then` is known and at most so long ago. A clock that stepped back counts as just now."""
    return then_ns is not None and now_ns - then_ns <= seconds * 1e9


def _notes(facts: Facts) -> tuple[Note, ...]:
    if not facts.control:
        return (Note.NO_CONTROL,)
    return (Note.CONTROL_UNDECIDED,) if facts.aa_healthy is None else ()


def _cell(verdict: Verdict) -> Cell:
    return (verdict.slice, verdict.metric, str(verdict.lane))


def _still_held(state: RollbackState, verdicts: Sequence[Verdict], closed: Collection[Lane]) -> set[Cell]:
    certified = {_cell(v) for v in verdicts if v.state is Verdicted.WITHIN}
    lanes = {str(lane) for lane in closed}
    return {cell for cell in state.held - certified if cell[2] not in lanes}


def _without_breach(verdicts: Sequence[Verdict], state: RollbackState, closed: Collection[Lane]) -> Decision:
    if not state.held:
        return Decision(Action.NONE, Why.QUIET)
    held = _still_held(state, verdicts, closed)
    if held:
        cells = tuple(sorted((cell[0], cell[1]) for cell in held))
        return Decision(
            Action.HOLD, Why.HELD, cells=cells, detail=f"{len(held)} cells are not certified again"
        )
    return Decision(Action.CLEAR, Why.CERTIFIED, detail=f"{len(state.held)} cells certified or closed")


def _hold(reason: Why, verdicts: Sequence[Verdict], detail: str) -> Decision:
    lanes = {v.lane for v in verdicts}
    return Decision(
        Action.HOLD,
        reason,
        lane=lanes.pop() if len(lanes) == 1 else None,
        cells=tuple(sorted({(v.slice, v.metric) for v in verdicts})),
        detail=detail,
    )
