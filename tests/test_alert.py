"""Alerts fire on evidence, keep their identity, and never end by silence."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.alert import (
    AlertBook,
    Blindness,
    Health,
    Name,
    Notice,
    Resolution,
    Settings,
    State,
    fingerprint,
)
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State as Verdicted
from understudy.errors import ConfigError
from understudy.mirror import Ledger, Skip
from understudy.pair import Lane, Outcome, Reason

from tests.verdicts import LANE, OTHER, a_verdict

S = 1_000_000_000
T0 = 1_800_000_000 * S
FINE = Health(
    requests=10,
    eligible=10,
    paired=10,
    watermark_age_s=1.0,
    stalled=(),
    observers_up=1,
    blindness=Blindness(4, 0),
    analyzers_up=1,
    baseline_reachable=True,
    capture_running=True,
    rollback_blocked=(),
    equal_fingerprints=False,
)


def test_a_breach_fires_at_once_with_a_stable_identity_and_its_numbers_in_the_annotations() -> None:
    book = AlertBook(Settings())
    (fired,) = book.update([a_verdict()], FINE, T0)
    assert (fired.state, fired.notice) == (State.FIRING, Notice.FIRED)
    assert dict(fired.labels) == {
        "alertname": "Breach",
        "slice": "task=math",
        "metric": "refusal_lost",
        "lane": "bbbbbbbbbbbb..cccccccccccc",
        "tier": "rollback",
        "severity": "critical",
    }
    assert "+0.150 [+0.070, +0.240]" in fired.annotations["description"]
    assert "in the last" in fired.annotations["description"] and fired.annotations["recent"]
    later = book.update([a_verdict(votes=900, effect=0.4)], FINE, T0 + 61 * S)
    assert [(a.fingerprint, a.notice) for a in later] == [(fired.fingerprint, Notice.RESENT)]
    assert later[0].starts_ns == fired.starts_ns
    assert "900 votes" in later[0].annotations["description"]


def test_a_shadow_candidate_that_is_not_there_is_told_of_within_seconds_until_it_serves() -> None:
    book = AlertBook(Settings(clear_s=10))
    gone = replace(
        FINE, primary="baseline", primary_silent_s=0.0, shadow_silent_s=1.0, shadow_error="refused"
    )
    assert not book.update([], gone, T0)
    (fired,) = book.update([], replace(gone, shadow_silent_s=6.0), T0 + 5 * S)
    assert (fired.name, fired.severity) == ("CandidateUnreachable", "warning")
    assert "counts as a failure of the candidate: refused" in fired.annotations["description"]
    assert not book.update([], replace(gone, shadow_silent_s=None), T0 + 6 * S), "not known is not over"
    serves = replace(FINE, primary="candidate", primary_silent_s=None, shadow_silent_s=None)
    (over,) = book.update([], serves, T0 + 7 * S)
    assert over.fingerprint == fired.fingerprint and over.state is State.RESOLVED


def test_a_shadow_baseline_that_is_not_there_is_no_matter_of_the_candidate() -> None:
    book = AlertBook(Settings())
    gone = replace(FINE, primary="candidate", primary_silent_s=0.0, shadow_silent_s=60.0)
    assert not book.update([], gone, T0) and not book.update([], gone, T0 + 60 * S)


def test_a_primary_that_does_not_answer_fires_before_its_rollback_and_resolves_when_another_serves() -> None:
    book = AlertBook(Settings(clear_s=10))
    gone = replace(FINE, primary="candidate", primary_silent_s=2.0, primary_error="refused")
    assert not book.update([], gone, T0)
    (fired,) = book.update([], replace(gone, primary_silent_s=7.0), T0 + 5 * S)
    assert (fired.name, fired.labels["leg"], fired.severity) == (
        "PrimaryUnreachable",
        "candidate",
        "critical",
    )
    assert "no answer for 7 s" in fired.annotations["description"]
    assert not book.update([], replace(gone, primary_silent_s=None), T0 + 29 * S), "not known is not over"
    # Nobody has asked the baseline yet, and clear_s is long: what was said of the candidate as primary is over.
    (over,) = book.update([], replace(FINE, primary="baseline", primary_silent_s=None), T0 + 30 * S)
    assert over.annotations["resolution"] == Resolution.CONDITION_CLEARED


def test_the_fingerprint_is_alertmanagers() -> None:
    # FNV-1a 64 of the empty input is the offset; of "a\xffb\xff" it was computed by hand.
    assert fingerprint({}) == "cbf29ce484222325"
    value = 0xCBF29CE484222325
    for byte in b"a\xffb\xff":
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    assert fingerprint({"a": "b"}) == f"{value:016x}"


def test_a_firing_alert_is_resent_with_an_end_of_three_resends_and_repeated_to_people_rarely() -> None:
    book = AlertBook(Settings(resend_s=60, repeat_s=180))
    notices = []
    for minute in range(7):
        for alert in (
            book.update([], FINE, T0 + minute * 60 * S) if minute else book.update([a_verdict()], FINE, T0)
        ):
            assert alert.ends_ns - (T0 + minute * 60 * S) >= 180 * S
            notices.append(alert.notice.value)
    assert notices == ["fired", "resent", "resent", "repeated", "resent", "resent", "repeated"]


def test_a_certificate_resolves_and_the_resolution_is_resent_for_five_minutes() -> None:
    book = AlertBook(Settings())
    book.update([a_verdict()], FINE, T0)
    (resolved,) = book.update([a_verdict(Verdicted.WITHIN)], FINE, T0 + 10 * S)
    assert (resolved.state, resolved.notice, resolved.ends_ns) == (
        State.RESOLVED,
        Notice.RESOLVED,
        T0 + 10 * S,
    )
    assert resolved.annotations["resolution"] == Resolution.CERTIFIED
    again = [a for minute in range(1, 10) for a in book.update([], FINE, T0 + (10 + 60 * minute) * S)]
    assert [a.notice for a in again] == [Notice.RESENT] * 5
    assert {a.ends_ns for a in again} == {T0 + 10 * S}
    assert book.alerts() == ()


def test_a_higher_tier_is_a_new_alert_and_the_lower_stays_until_the_certificate() -> None:
    book = AlertBook(Settings())
    (warned,) = book.update([a_verdict(Verdicted.NOT_ENOUGH_EVIDENCE, Tier.WARN)], FINE, T0)
    assert (warned.labels["tier"], warned.severity) == ("warn", "warning")
    (paged,) = book.update([a_verdict(tier=Tier.PAGE)], FINE, T0 + S)
    assert paged.labels["tier"] == "page"
    told = book.update([a_verdict(Verdicted.WITHIN, Tier.WARN)], FINE, T0 + 2 * S)
    assert [(a.labels["tier"], a.state) for a in told] == [("page", State.RESOLVED)]
    told = book.update([a_verdict(Verdicted.WITHIN, Tier.NONE)], FINE, T0 + 3 * S)
    assert [(a.labels["tier"], a.state) for a in told] == [("warn", State.RESOLVED)]


def test_closing_a_lane_resolves_its_alerts_and_no_others() -> None:
    book = AlertBook(Settings())
    book.update([a_verdict(), a_verdict(lane=OTHER)], FINE, T0)
    (closed,) = book.close_lane(LANE, T0 + S)
    assert (closed.labels["lane"], closed.annotations["resolution"]) == (str(LANE), "lane_closed")
    assert [a.labels["lane"] for a in book.alerts() if a.state is State.FIRING] == [str(OTHER)]


def test_an_instrument_fault_is_its_own_alert_and_no_breach() -> None:
    book = AlertBook(Settings())
    (fault,) = book.update([a_verdict(Verdicted.INSTRUMENT_FAULT, Tier.PAGE)], FINE, T0)
    assert fault.name == Name.INSTRUMENT_FAULT
    assert book.update([a_verdict(Verdicted.NOT_ENOUGH_EVIDENCE)], FINE, T0 + S) == []
    (resolved,) = book.update([a_verdict(Verdicted.WITHIN)], FINE, T0 + 2 * S)
    assert resolved.state is State.RESOLVED


_states = st.sampled_from(list(Verdicted))
_lanes = st.sampled_from([LANE, OTHER])


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(_states, st.sampled_from(list(Tier)), _lanes), max_size=3),
            st.integers(0, 400),
            st.sampled_from([None, LANE, OTHER]),
        ),
        max_size=25,
    )
)
def test_no_breach_ever_resolves_without_a_certificate_or_a_closed_lane(
    story: list[tuple[list[tuple[Verdicted, Tier, Lane]], int, Lane | None]],
) -> None:
    book, now = AlertBook(Settings()), T0
    firing: set[str] = set()
    for said, seconds, closing in story:
        now += seconds * S
        verdicts = [a_verdict(state, tier, lane=lane) for state, tier, lane in said]
        told = book.update(verdicts, FINE, now)
        certified = {str(v.lane) for v in verdicts if v.state is Verdicted.WITHIN}
        if closing is not None:
            told += book.close_lane(closing, now)
            certified.add(str(closing))
        for alert in told:
            if alert.notice is Notice.RESOLVED and alert.name == Name.BREACH:
                assert alert.labels["lane"] in certified
                assert alert.ends_ns >= alert.starts_ns
        left = {a.fingerprint for a in book.alerts() if a.state is State.FIRING and a.name == Name.BREACH}
        lanes = {a.fingerprint: a.labels.get("lane") for a in book.alerts()}
        assert all(lanes[gone] in certified for gone in firing - left)
        firing = left


CONDITIONS = [
    (Name.EVIDENCE_STALLED, {"watermark_age_s": 900.0}),
    (Name.EVIDENCE_STALLED, {"stalled": ("task=math x format",)}),
    (Name.OBSERVER_BLIND, {"blindness": Blindness(10, 3)}),
    (Name.OBSERVER_DOWN, {"observers_up": 0}),
    (Name.ANALYZERS_DOWN, {"analyzers_up": 0}),
    (Name.BASELINE_UNREACHABLE, {"baseline_reachable": False}),
    (Name.CAPTURE_STOPPED, {"capture_running": False, "capture_error": "no space left"}),
    (Name.ROLLBACK_BLOCKED, {"rollback_blocked": ("cool_down",)}),
    (Name.ACCOUNTING_BROKEN, {"paired": 9}),
    (Name.EQUAL_FINGERPRINTS, {"equal_fingerprints": True}),
]


@pytest.mark.parametrize(("name", "change"), CONDITIONS)
def test_a_condition_about_ourselves_fires_after_its_time_and_resolves_when_seen_to_be_fine(
    name: Name, change: dict[str, object]
) -> None:
    book = AlertBook(Settings(clear_s=10, resend_s=1000))
    bad = replace(FINE, **change)  # type: ignore[arg-type]
    fired = [(t, a) for t in range(0, 70, 5) for a in book.update([], bad, T0 + t * S)]
    assert [a.name for _, a in fired] == [name]
    unknown = replace(
        FINE,
        watermark_age_s=None,
        observers_up=None,
        blindness=None,
        analyzers_up=None,
        baseline_reachable=None,
        capture_running=None,
        rollback_blocked=None,
        equal_fingerprints=None,
    )
    if name is not Name.ACCOUNTING_BROKEN:  # counts are always known
        for t in range(70, 130, 5):
            assert book.update([], unknown, T0 + t * S) == []
    ended = [(t, a) for t in range(130, 160, 5) for a in book.update([], FINE, T0 + t * S)]
    assert [(t, a.name, a.annotations["resolution"]) for t, a in ended] == [(140, name, "condition_cleared")]


def test_a_condition_shorter_than_its_time_is_never_told() -> None:
    book = AlertBook(Settings())
    assert book.update([], replace(FINE, observers_up=0), T0) == []
    assert [a.state for a in book.alerts()] == [State.PENDING]
    assert book.update([], FINE, T0 + 10 * S) == []
    assert book.update([], replace(FINE, observers_up=0), T0 + 20 * S) == []


def test_zero_pairs_counts_from_the_traffic_not_from_a_quiet_night() -> None:
    book = AlertBook(Settings())
    book.update([], FINE, T0)
    night = T0 + 600 * S
    assert book.update([], FINE, night) == []
    busy = replace(FINE, requests=15, eligible=15, shed=5)
    assert book.update([], busy, night + 10 * S) == []
    (fired,) = book.update([], busy, night + 140 * S)
    assert fired.name == Name.ZERO_PAIRS
    assert "5 eligible requests" in fired.annotations["description"]
    paired = replace(busy, eligible=16, paired=11)
    book.update([], paired, night + 150 * S)
    (resolved,) = book.update([], paired, night + 161 * S)
    assert resolved.state is State.RESOLVED


@pytest.mark.parametrize("reason", [*Reason, Skip.EFFECTS])
def test_whatever_every_request_falls_to_no_pairs_is_an_alert(reason: Reason | Skip) -> None:
    book, ledger = AlertBook(Settings()), Ledger()
    none = replace(FINE, requests=0, eligible=0, paired=0, shed=0, failed=0, lost=0, in_flight=0)
    book.update([], none, T0)
    fired: list[str] = []
    for second in range(0, 150, 10):
        if isinstance(reason, Skip):
            ledger.skip(reason.value)
        else:
            ledger.refuse(Outcome.SHED, reason)
        seen = replace(
            none,
            requests=ledger.requests,
            eligible=ledger.eligible,
            shed=ledger.shed.total(),
            guarded=ledger.skipped[Skip.EFFECTS.value],
        )
        fired += [alert.name for alert in book.update([], seen, T0 + second * S)]
    assert ledger.balanced and fired == [Name.ZERO_PAIRS]


def test_zero_pairs_is_silent_with_the_mirror_off_and_speaks_when_no_request_is_ever_seen() -> None:
    off = AlertBook(Settings())
    busy = replace(FINE, mirror_on=False, requests=15, eligible=15, shed=5)
    off.update([], FINE, T0)
    assert not [a for t in (10, 200, 2000) for a in off.update([], busy, T0 + t * S)]
    silent = AlertBook(Settings())
    silent.update([], FINE, T0)
    (fired,) = silent.update([], FINE, T0 + 901 * S)
    assert "no request" in fired.annotations["description"]


def test_each_blocker_is_an_alert_of_its_own() -> None:
    book = AlertBook(Settings(clear_s=0))
    blocked = replace(FINE, rollback_blocked=("cool_down", "target_dead"))
    assert book.update([], blocked, T0) == [], "it is tried again at every step, so a moment is no news"
    told = book.update([], blocked, T0 + 10 * S)
    assert {a.labels["by"] for a in told} == {"cool_down", "target_dead"}
    told = book.update([], replace(FINE, rollback_blocked=("target_dead",)), T0 + 11 * S)
    assert [(a.labels["by"], a.state) for a in told] == [("cool_down", State.RESOLVED)]


def test_a_restarted_book_keeps_starts_and_does_not_fire_again() -> None:
    first, second = AlertBook(Settings()), AlertBook(Settings())
    (fired,) = first.update([a_verdict()], FINE, T0)
    second.restore(first.alerts())
    (resent,) = second.update([a_verdict()], FINE, T0 + 100 * S)
    assert (resent.notice, resent.starts_ns) == (Notice.RESENT, fired.starts_ns)


def test_the_book_is_bounded_and_counts_what_it_refused() -> None:
    book = AlertBook(Settings(max_alerts=2))
    book.update([a_verdict(slice=f"s={n}") for n in range(5)], FINE, T0)
    assert (len(book.alerts()), book.refused) == (2, 3)


def test_impossible_times_are_one_line_errors() -> None:
    with pytest.raises(ConfigError, match=r"alert\.repeat_s = 5.*at least alert\.resend_s"):
        Settings(repeat_s=5)


def test_every_alert_has_a_runbook_that_says_what_to_do() -> None:
    folder = Path(__file__).parent.parent / "docs" / "runbooks"
    assert {path.stem for path in folder.glob("*.md")} == {name.value for name in Name}
    for path in folder.glob("*.md"):
        heads = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
        assert heads == ["What it means", "Check first", "Mend", "How it resolves"], path.name
