"""The book of alerts: pending, firing, resolved; what to tell, and when to tell it again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from understudy.alert.health import RULES, Finding, Health, Limits, Memory, Rule
from understudy.alert.value import Alert, Name, Notice, Resolution, Severity, State, fingerprint
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State as Verdicted
from understudy.drift.verdict import Verdict
from understudy.errors import ConfigError
from understudy.pair import Lane

RUNBOOKS = "docs/runbooks"


@dataclass(frozen=True, slots=True)
class Settings:
    """Timing of alerts."""

    pending_s: float = 0.0
    """How long a breach must stand before it fires: none, because the e-process already asks for evidence."""
    clear_s: float = 10.0
    """How long a condition about ourselves must be positively gone before its alert resolves."""
    resend_s: float = 60.0
    """Peers that forget what is not repeated hear of a firing alert this often."""
    repeat_s: float = 14400.0
    """People are reminded of a firing alert this often."""
    resolved_s: float = 300.0
    """A resolved alert is re-sent for this long, in case the first message was lost."""
    max_alerts: int = 5000
    """Alerts known at once; more are not opened, and counted in `AlertBook.refused`."""
    limits: Limits = field(default_factory=Limits)
    """From where on facts about ourselves are worth an alert."""

    def __post_init__(self) -> None:
        """Refuse times that cannot work."""
        for name in ("pending_s", "clear_s", "resolved_s"):
            if getattr(self, name) < 0:
                raise ConfigError(f"alert.{name} = {getattr(self, name)}: must be 0 or more")
        if self.resend_s < 1:
            raise ConfigError(f"alert.resend_s = {self.resend_s}: must be at least 1")
        if self.repeat_s < self.resend_s:
            raise ConfigError(
                f"alert.repeat_s = {self.repeat_s}: must be at least alert.resend_s ({self.resend_s})"
            )
        if self.max_alerts < 1:
            raise ConfigError(f"alert.max_alerts = {self.max_alerts}: must be at least 1")


@dataclass(slots=True)
class _Entry:
    """One alert as the book keeps it."""

    alert: Alert
    told_ns: int = 0
    """When any peer was last handed it."""
    repeated_ns: int = 0
    """When people were last told."""
    clear_ns: int = 0
    """Since when the condition is positively gone; 0: it is not."""


class AlertBook:
    """All alerts and their life.

    An alert fires when its condition has held for its time, and resolves only by positive evidence: for a
    breach the cell's certificate (WITHIN) or its lane's closing, for a fact about ourselves the fact seen to
    be fine again. A verdict that is missing, NOT_ENOUGH_EVIDENCE or INSTRUMENT_FAULT resolves no breach.
    """

    def __init__(self, settings: Settings, rules: Sequence[Rule] = RULES) -> None:
        self._settings = settings
        self._rules = rules
        self._entries: dict[str, _Entry] = {}
        self._memory = Memory()
        self.refused = 0
        """Alerts not opened because the book was full."""

    def update(self, verdicts: Sequence[Verdict], health: Health, now_ns: int) -> list[Alert]:
        """Take in what is known now; return the alerts that must be told now, each once."""
        self._drift(verdicts, now_ns)
        self._memory.see(health, now_ns)
        for rule in self._rules:
            self._judge(rule, list(rule.judge(health, self._memory, self._settings.limits, now_ns)), now_ns)
        return self._due(now_ns)

    def close_lane(self, lane: Lane, now_ns: int) -> list[Alert]:
        """Resolve everything said about an engine pair that is no longer compared."""
        for entry in self._entries.values():
            if entry.alert.labels.get("lane") == str(lane):
                self._resolve(entry, Resolution.LANE_CLOSED, now_ns)
        return self._due(now_ns)

    def alerts(self) -> tuple[Alert, ...]:
        """Every alert the book knows, firing first, then by start."""
        order = {State.FIRING: 0, State.PENDING: 1, State.RESOLVED: 2}
        alerts = (entry.alert for entry in self._entries.values())
        return tuple(sorted(alerts, key=lambda a: (order[a.state], a.starts_ns, a.fingerprint)))

    def restore(self, alerts: Sequence[Alert]) -> None:
        """Take over what another controller had told, so that a restart neither repeats nor forgets it."""
        for alert in alerts:
            if alert.state is not State.PENDING:
                self._entries[alert.fingerprint] = _Entry(
                    alert, told_ns=alert.starts_ns, repeated_ns=alert.starts_ns
                )

    # -- verdicts ----------------------------------------------------------------------------------------

    def _drift(self, verdicts: Sequence[Verdict], now_ns: int) -> None:
        for verdict in verdicts:
            cell = _cell(verdict)
            if verdict.state is Verdicted.INSTRUMENT_FAULT:
                self._hold(*_fault(verdict, cell), 0, now_ns)
                continue
            # The warn tier stands at half the tolerance: a cell that is not in BREACH may reach it.
            tier = verdict.tier
            if verdict.state is Verdicted.BREACH:
                tier = max(tier, Tier.PAGE)
            if tier > Tier.NONE:
                self._hold(*_breach(verdict, tier, cell), self._settings.pending_s, now_ns)
            if verdict.state is Verdicted.WITHIN:
                self._certified(cell, tier, now_ns)

    def _certified(self, cell: Mapping[str, str], tier: Tier, now_ns: int) -> None:
        """The cell is certified: what was said above the tier it still holds is over."""
        kept = {str(t) for t in Tier if Tier.NONE < t <= tier}
        for entry in (*self._of(Name.BREACH), *self._of(Name.INSTRUMENT_FAULT)):
            labels = entry.alert.labels
            if cell.items() <= labels.items() and labels.get("tier") not in kept:
                self._resolve(entry, Resolution.CERTIFIED, now_ns)

    # -- facts -------------------------------------------------------------------------------------------

    def _judge(self, rule: Rule, findings: list[Finding], now_ns: int) -> None:
        active: set[str] = set()
        for finding in findings:
            if finding.moot:
                over = self._entries.get(fingerprint(_labels(rule.name, rule.severity, finding.labels)))
                if over is not None:
                    self._resolve(over, Resolution.CONDITION_CLEARED, now_ns)
            if finding.active:
                labels = _labels(rule.name, rule.severity, finding.labels)
                active.add(fingerprint(labels))
                self._hold(labels, rule.severity, _annotate(rule.name, finding), rule.for_s, now_ns)
        if any(finding.active is None for finding in findings):
            return
        for entry in self._of(rule.name):
            if entry.alert.fingerprint in active:
                continue
            if entry.alert.state is State.PENDING:
                del self._entries[entry.alert.fingerprint]
                continue
            entry.clear_ns = entry.clear_ns or now_ns
            if now_ns - entry.clear_ns >= self._settings.clear_s * 1e9:
                self._resolve(entry, Resolution.CONDITION_CLEARED, now_ns)

    # -- life --------------------------------------------------------------------------------------------

    def _of(self, name: Name) -> list[_Entry]:
        return [entry for entry in self._entries.values() if entry.alert.name == name]

    def _hold(
        self,
        labels: dict[str, str],
        severity: Severity,
        annotations: dict[str, str],
        for_s: float,
        now_ns: int,
    ) -> None:
        """The condition holds now: open the alert, let it fire when its time has come, renew its words."""
        entry = self._entries.get(fingerprint(labels))
        if entry is None or entry.alert.state is State.RESOLVED:
            if entry is None and len(self._entries) >= self._settings.max_alerts:
                self.refused += 1
                return
            entry = _Entry(
                Alert(labels, annotations, State.PENDING, severity, now_ns, 0, Notice.FIRED),
            )
            self._entries[entry.alert.fingerprint] = entry
        entry.clear_ns = 0
        alert = replace(entry.alert, annotations=annotations)
        if alert.state is State.PENDING and now_ns - alert.starts_ns >= for_s * 1e9:
            alert = replace(alert, state=State.FIRING, starts_ns=now_ns)
            entry.told_ns = 0
        entry.alert = alert

    def _resolve(self, entry: _Entry, why: Resolution, now_ns: int) -> None:
        alert = entry.alert
        if alert.state is State.PENDING:
            self._entries.pop(alert.fingerprint, None)
        elif alert.state is State.FIRING:
            entry.alert = replace(
                alert,
                state=State.RESOLVED,
                # Alertmanager reads startsAt == endsAt as resolved and refuses an end before the start.
                ends_ns=max(now_ns, alert.starts_ns),
                annotations={**alert.annotations, "resolution": why.value},
            )
            entry.told_ns = 0

    def _due(self, now_ns: int) -> list[Alert]:
        told: list[Alert] = []
        settings = self._settings
        for key, entry in list(self._entries.items()):
            alert = entry.alert
            if alert.state is State.PENDING:
                continue
            if alert.state is State.RESOLVED and now_ns - alert.ends_ns > settings.resolved_s * 1e9:
                del self._entries[key]
                continue
            if entry.told_ns and now_ns - entry.told_ns < settings.resend_s * 1e9:
                continue
            if alert.state is State.RESOLVED:
                notice = Notice.RESENT if entry.told_ns else Notice.RESOLVED
                ends_ns = alert.ends_ns
            else:
                # A peer may believe it for three resends: one lost message must not resolve it.
                ends_ns = now_ns + int(3 * settings.resend_s * 1e9)
                if not entry.repeated_ns:
                    notice = Notice.FIRED
                elif now_ns - entry.repeated_ns >= settings.repeat_s * 1e9:
                    notice = Notice.REPEATED
                else:
                    notice = Notice.RESENT
                if notice is not Notice.RESENT:
                    entry.repeated_ns = now_ns
            entry.told_ns = now_ns
            entry.alert = replace(alert, notice=notice, ends_ns=ends_ns)
            told.append(entry.alert)
        return told


def _labels(name: Name, severity: Severity, more: Mapping[str, str]) -> dict[str, str]:
    return {"alertname": name.value, "severity": severity.value, **more}


def _annotate(name: Name, finding: Finding) -> dict[str, str]:
    return {
        "summary": finding.summary,
        "description": finding.description,
        "runbook": f"{RUNBOOKS}/{name.value}.md",
    }


def _cell(verdict: Verdict) -> dict[str, str]:
    return {"slice": verdict.slice, "metric": verdict.metric, "lane": str(verdict.lane)}


_Said = tuple[dict[str, str], Severity, dict[str, str]]


def _breach(verdict: Verdict, tier: Tier, cell: Mapping[str, str]) -> _Said:
    """Labels, severity and words of a breached cell. The tier is identity: a higher one is a new alert."""
    severity = Severity.WARNING if tier is Tier.WARN else Severity.CRITICAL
    half = " (warns from half of it on)" if tier is Tier.WARN else ""
    finding = Finding(
        True,
        f"{verdict.slice}: {verdict.metric} is worse on the candidate"
        + (" and nears its tolerance" if tier is Tier.WARN else " than tolerated"),
        f"effect {verdict.effect:+.3f} [{verdict.low:+.3f}, {verdict.high:+.3f}] against a tolerance of "
        f"{verdict.tau:g}{half}, {verdict.recent:+.3f} in the last {verdict.recent_votes} of {verdict.votes} votes, "
        f"from at least {verdict.clusters} clusters, severity {verdict.severity}, coverage {verdict.coverage:.1%} "
        f"({verdict.reason})",
    )
    numbers = {
        "effect": f"{verdict.effect:.4f}",
        "low": f"{verdict.low:.4f}",
        "high": f"{verdict.high:.4f}",
        "votes": str(verdict.votes),
        "recent": f"{verdict.recent:.4f}",
        "tau": f"{verdict.tau:g}",
    }
    labels = _labels(Name.BREACH, severity, {**cell, "tier": str(tier)})
    return labels, severity, {**_annotate(Name.BREACH, finding), **numbers}


def _fault(verdict: Verdict, cell: Mapping[str, str]) -> _Said:
    finding = Finding(
        True,
        f"{verdict.slice}: the baseline differs from itself in {verdict.metric}",
        f"two replies of one engine differ by {verdict.effect:+.3f} "
        f"[{verdict.low:+.3f}, {verdict.high:+.3f}], beyond {verdict.tau:g}, over {verdict.votes} votes "
        f"({verdict.reason}): verdicts of this lane are not to be trusted, and no rollback follows from them",
    )
    labels = _labels(Name.INSTRUMENT_FAULT, Severity.CRITICAL, cell)
    return labels, Severity.CRITICAL, _annotate(Name.INSTRUMENT_FAULT, finding)
