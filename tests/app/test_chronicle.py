"""What a change of tolerances and a change of verdict leave behind."""

import json
from pathlib import Path

import pytest
from understudy.app.chronicle import Chronicle, recorder
from understudy.app.troubles import Troubles
from understudy.audit import verify
from understudy.config import parse
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import Change, State
from understudy.errors import ConfigError
from understudy.pipeline.evidence import Switch

from tests.verdicts import a_verdict

ENGINES = {
    "baseline": {"address": "127.0.0.1:1", "model": "m"},
    "candidate": {"address": "127.0.0.1:2", "model": "m"},
}


def a_change(tick: int = 40) -> Change:
    return Change(State.NOT_ENOUGH_EVIDENCE, Tier.NONE, a_verdict(tick=tick))


async def test_other_tolerances_are_logged_and_audited_with_both_hashes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chronicle = Chronicle(tmp_path, Troubles(), 10.0)
    await chronicle.switched(None)
    await chronicle.switched(Switch(("a" * 64, "b" * 64), ("{}", "{}"), 3))
    chronicle.close()
    (line,) = caplog.messages
    assert line == (
        f"tolerances changed from {'a' * 64} to {'b' * 64}: 3 lanes of evidence are closed, and begin anew"
    )
    records = [json.loads(one) for one in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [one["kind"] for one in records] == ["rules", "stopped"]
    assert records[0]["data"]["tolerances"] == ["a" * 64, "b" * 64]
    assert records[0]["data"]["lanes_closed"] == 3 and verify(tmp_path / "audit.jsonl").ok


def test_a_change_is_one_line_that_no_clock_is_in(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        chronicle = Chronicle(tmp_path / name, Troubles(), 10.0)
        chronicle.record(a_change())
        assert chronicle.changes[0]["told_ns"] > 0, "when it was told is for the status"
        chronicle.close()
    assert (tmp_path / "a/verdicts.jsonl").read_bytes() == (tmp_path / "b/verdicts.jsonl").read_bytes()
    (told,) = map(json.loads, (tmp_path / "a/verdicts.jsonl").read_text().splitlines())
    assert (told["ts"], told["from"], told["to"]) == (410.0, "NOT_ENOUGH_EVIDENCE", "BREACH")


def test_what_the_journal_brings_back_is_told_once(tmp_path: Path) -> None:
    first = Chronicle(tmp_path, Troubles(), 10.0)
    first.record(a_change(40))
    first.close()
    second = Chronicle(tmp_path, Troubles(), 10.0)
    second.restored([a_change(40), a_change(41)])
    second.close()
    told = [json.loads(line)["tick"] for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert told == [40, 41] == [one["tick"] for one in second.changes]


def test_an_upgrade_that_counts_a_last_digit_otherwise_tells_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    first = Chronicle(tmp_path, Troubles(), 10.0)
    first.record(a_change(40))
    first.close()
    told = json.loads(path.read_text())
    before = json.dumps({**told, "effect": told["effect"] + 1e-12, "of_old": [1]}) + "\n"
    path.write_text(before)
    second = Chronicle(tmp_path, Troubles(), 10.0)
    elsewhere = a_verdict(tick=40, slice="another")
    second.restored([a_change(40), Change(State.WITHIN, Tier.NONE, a_verdict(tick=40)), a_change(41)])
    second.restored([Change(State.NOT_ENOUGH_EVIDENCE, Tier.NONE, elsewhere)])
    second.close()
    assert path.read_text().startswith(before)
    new = [json.loads(line) for line in path.read_text()[len(before) :].splitlines()]
    assert [(one["tick"], one["from"], one["slice"]) for one in new] == [
        (40, "WITHIN", told["slice"]),
        (41, "NOT_ENOUGH_EVIDENCE", told["slice"]),
        (40, "NOT_ENOUGH_EVIDENCE", "another"),
    ]


def test_votes_are_kept_where_and_only_where_the_config_says_so(tmp_path: Path) -> None:
    def configured(**capture: object) -> object:
        return recorder(parse({"engines": ENGINES, "state_dir": str(tmp_path / "state"), **capture}))

    assert configured() is None and configured(capture={}) is None
    assert not (tmp_path / "state").exists()
    assert configured(capture={"votes": True}) is not None and (tmp_path / "state" / "votes").is_dir()
    (tmp_path / "state" / "votes").rmdir()
    (tmp_path / "state" / "votes").write_text("in the way")
    with pytest.raises(ConfigError, match=r"capture.votes: .*votes: .*; give a state_dir"):
        configured(capture={"votes": True})


def test_a_file_of_verdicts_that_was_there_is_for_its_owner_alone_too(tmp_path: Path) -> None:
    path = tmp_path / "verdicts.jsonl"
    path.touch(mode=0o644)
    path.chmod(0o644)
    Chronicle(tmp_path, Troubles(), 10.0).close()
    assert path.stat().st_mode & 0o777 == 0o600
