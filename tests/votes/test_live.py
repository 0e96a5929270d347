"""Live = offline: the votes a live run kept, judged by `understudy drift`, give its verdicts byte for byte.

Also when the process was killed at any moment, with what it had kept and told so far on the disk.
"""

import errno
import json
import random
import shutil
import stat
from pathlib import Path

import polars as pl
import pytest
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import lane_key
from understudy.errors import DataError
from understudy.pair import Lane
from understudy.pipeline import core
from understudy.pipeline.evidence import Rules
from understudy.testing import LANE
from understudy.votes import record as recording
from understudy.votes.command import run
from understudy.votes.form import Head
from understudy.votes.part import head_of
from understudy.votes.record import Record
from understudy.votes.run import judge

from tests.votes.live import LIMITS, NAMES, Live, a_batch, a_life


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots and parts come often enough to matter in a short run."""
    monkeypatch.setattr(core, "COMPACT_TICKS", 4)
    monkeypatch.setattr(core, "PART_ROWS", 700)


def refuses(*_: object) -> None:
    """A disk that is full."""
    raise OSError(errno.ENOSPC, "No space left on device")


def reasons(told: bytes) -> set[str]:
    return {json.loads(line)["reason"] for line in told.splitlines()}


async def test_the_votes_of_a_live_run_give_its_verdicts_byte_for_byte(tmp_path: Path) -> None:
    live = Live(tmp_path)
    await a_life(live)
    told = live.stop()
    assert reasons(told) >= {"certified", "certificate_expired", "tolerance_exceeded"}
    assert live.offline() == told


@pytest.mark.parametrize("moment", ["taken", "closed", "told", "compacted"])
@pytest.mark.parametrize("ticks", [(1003, 1004, 1005, 1006), (1001, 1026, 1043, 1050, 1058)])
async def test_a_process_killed_at_any_moment_changes_no_byte(
    tmp_path: Path, moment: str, ticks: tuple[int, ...]
) -> None:
    straight = Live(tmp_path / "straight")
    await a_life(straight)
    expected = straight.stop()
    live = Live(tmp_path / "killed")
    await a_life(live, killed=dict.fromkeys(ticks, moment))
    told = live.stop()
    assert live.offline() == told
    if moment != "taken":  # then a pair's coverage is the observers' second word
        assert told == expected


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_in_whatever_order_the_bytes_are_the_same(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    live = Live(tmp_path)
    if seed % 2:
        live.kill()
        live.limits["discovery"] = {"on": True, "minimum": 10}
        live.start()
    tick, shed, lost = 1000, 0, 0
    for _ in range(35):
        tick += chance.choice([1, 1, 1, 1, 2, 8])
        shed, lost = shed + chance.choice([0, 0, 5]), lost + chance.choice([0, 0, 1])
        if chance.random() < 0.15:
            live.pipeline.announce(f"marker {chance.randrange(6)}")
        if chance.random() < 0.15:
            live.declare(Lane(LANE.baseline, chance.choice("defghijklmnopq") * 64))
        if chance.random() < 0.1:
            cells = ["all", f"x={chance.randrange(9)}"], chance.sample([*NAMES, "other", "more"], 3)
            live.pipeline.declare(lane_key(LANE), *cells)
        batch = a_batch(tick, chance.choice([0, 5, 24]), chance.choice([0, 0, 0, 3, 8]), shed=shed, lost=lost)
        moment = chance.choice(["", "", "", "taken", "closed", "told", "compacted"])
        await live.step(batch, until=moment)
        if moment:
            live.kill()
            if chance.random() < 0.25:
                live.limits["metrics"] = {"shouting": {"tau": chance.choice([0.02, 0.03, 0.05])}}
            live.start()
    told = live.stop()
    assert live.offline() == told


async def test_a_run_that_is_never_stopped_in_order_is_complete_once_it_starts_again(tmp_path: Path) -> None:
    live = Live(tmp_path)
    await a_life(live)
    live.kill()
    live.start()
    told = live.stop()
    assert live.offline() == told


async def test_other_tolerances_close_the_lanes_and_what_was_judged_before_stays(tmp_path: Path) -> None:
    live = Live(tmp_path)
    for tick in range(1000, 1022):
        await live.step(a_batch(tick, 24))
    live.pipeline.announce("told just before")
    live.kill()  # with ticks since the last snapshot, which are not judged again by other tolerances
    before = (tmp_path / "verdicts.jsonl").read_bytes()
    old = live.pipeline.drift.tolerances.hash()
    live.limits["metrics"] = {"shouting": {"tau": 0.05}}
    live.start()
    new = live.pipeline.drift.tolerances.hash()
    assert live.pipeline.switched is not None
    assert live.pipeline.switched.tolerances == (old, new)
    for tick in range(1022, 1040):
        await live.step(a_batch(tick, 24, bad=6))
        if tick == 1024:
            live.kill()
            live.start()
    told = live.stop()
    assert told.startswith(before)
    closed = [one for one in map(json.loads, told.splitlines()) if one["reason"] == "lane_closed"]
    assert closed and {one["tick"] for one in closed} == {1021}
    hashes = [one["tolerances"] for one in map(json.loads, told.splitlines())]
    assert hashes == sorted(hashes, key=(old, new).index) and set(hashes) == {old, new}
    assert live.offline() == told
    assert (
        run([tmp_path / "votes"], tmp_path / "again", tolerances=None, budget={"page": 0.1}, quiet=True) == 0
    )


async def test_evidence_begun_anew_beside_kept_votes_is_judged_anew(tmp_path: Path) -> None:
    live = Live(tmp_path)
    for tick in range(1000, 1022):
        await live.step(a_batch(tick, 24))
    live.stop()
    (tmp_path / "evidence").rename(tmp_path / "moved away")
    live.start()
    for tick in range(1022, 1044):
        await live.step(a_batch(tick, 24))
    told = live.stop()
    assert live.offline() == told and told.count(b'"certified"') >= 4


async def test_parts_are_for_the_owner_alone_and_say_what_they_are(tmp_path: Path) -> None:
    live = Live(tmp_path)
    await a_life(live)
    live.stop()
    parts = sorted((tmp_path / "votes").iterdir())
    assert len(parts) > 3 and stat.S_IMODE((tmp_path / "votes").stat().st_mode) == 0o700
    assert {stat.S_IMODE(part.stat().st_mode) for part in parts} == {0o600}
    heads = [head for head in map(head_of, parts) if head is not None]
    assert [head.number for head in heads] == list(range(1, len(parts) + 1))
    assert [head.after for head in heads] == [-1, *(head.closed for head in heads[:-1])]
    assert heads[-1].closed == 1061 and heads[0].tolerances == Tolerances.from_dict(LIMITS)
    assert {head.analyzers for head in heads} == {"shouting 1"}
    rows = pl.read_parquet(tmp_path / "votes" / "*.parquet")
    assert rows.filter(outcome="declared", marker="a cable was pulled").height == 1
    assert rows.filter(outcome="shed")["metric"].unique().to_list() == ["*"]
    assert rows.filter(outcome="lost").height > 0
    assert not rows["cluster"].str.contains("prompt").any()


async def test_without_the_key_nothing_is_kept(tmp_path: Path) -> None:
    live = Live(tmp_path, keep=False)
    await live.step(a_batch(1000))
    live.stop()
    assert not (tmp_path / "votes").exists()


async def test_votes_kept_from_the_middle_of_a_life_are_told_to_be(tmp_path: Path) -> None:
    live = Live(tmp_path, keep=False)
    for tick in range(1000, 1010):
        await live.step(a_batch(tick, 24))
    live.stop()
    live.keep = True
    live.start()
    await live.step(a_batch(1010, 24))
    live.stop()
    assert any("began before the votes that are here" in note for note in judge([tmp_path / "votes"]).notes)


async def test_a_part_that_is_gone_is_told(tmp_path: Path) -> None:
    live = Live(tmp_path)
    await a_life(live)
    live.stop()
    parts = sorted((tmp_path / "votes").iterdir())
    parts[2].unlink()
    assert any("are not here" in note for note in judge([tmp_path / "votes"]).notes)
    with pytest.raises(DataError, match="stands beside parts that a live run kept"):
        (tmp_path / "other.csv").write_text("slice,metric,cluster,d\nall,m,c,0\n")
        judge([tmp_path / "votes", tmp_path / "other.csv"])


async def test_evidence_set_back_by_hand_goes_on_and_is_told(tmp_path: Path) -> None:
    live = Live(tmp_path)
    for tick in range(1000, 1006):
        await live.step(a_batch(tick, 24))
    live.kill()
    shutil.copytree(tmp_path / "evidence", tmp_path / "backup")
    live.limits["metrics"] = {"shouting": {"tau": 0.05}}
    live.start()
    for tick in range(1006, 1012):
        await live.step(a_batch(tick, 24))
    live.stop()
    shutil.rmtree(tmp_path / "evidence")
    (tmp_path / "backup").rename(tmp_path / "evidence")
    live.start()
    for tick in range(1012, 1016):
        await live.step(a_batch(tick, 24))
    live.stop()
    outcome = judge([tmp_path / "votes"])
    assert any("was set back from tick 1,011 to tick 1,005" in note for note in outcome.notes)
    assert outcome.span is not None and outcome.span[1] > 10_150


async def test_old_parts_go_and_the_newest_stays(tmp_path: Path) -> None:
    directory = tmp_path / "votes"
    record = Record(directory, max_bytes=1, keep_days=1.0, clock=lambda: 0)
    record.begin(0, Tolerances.default(), "", -1, new=True)
    for tick in range(3):
        record.missing("base..cand", tick, "lost", 2)
        record.closed(tick)
        record.writing()()
    assert [path.name for path in directory.iterdir()] == ["votes-00000003.parquet"]
    again = Record(directory)
    assert again.next_era == 1
    assert any("began before the votes that are here" in note for note in judge([directory]).notes)


async def test_a_disk_that_refuses_votes_holds_up_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    live = Live(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Record, "_write", refuses)
        for tick in range(1000, 1010):
            await live.step(a_batch(tick, 24))
        assert live.pipeline.closed == 1009
    assert caplog.text.count("votes cannot be kept") == 1
    for tick in range(1010, 1015):
        await live.step(a_batch(tick, 24))
    assert "votes are written again" in caplog.text
    told = live.stop()
    assert live.offline() == told, "they had waited"


async def test_votes_that_waited_too_long_for_the_disk_are_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "WAITING_ROWS", 1000)
    live = Live(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Record, "_write", refuses)
        for tick in range(1000, 1020):
            await live.step(a_batch(tick, 24))
    for tick in range(1020, 1030):
        await live.step(a_batch(tick, 24))
    live.stop()
    assert any("not here" in note or "before the votes" in note for note in judge([tmp_path / "votes"]).notes)


async def test_a_line_the_disk_refused_is_written_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from understudy.app import chronicle

    live = Live(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(chronicle, "_append", refuses)
        for tick in range(1000, 1022):
            await live.step(a_batch(tick, 24))
        assert (tmp_path / "verdicts.jsonl").read_bytes() == b""
    for tick in range(1022, 1050):
        await live.step(a_batch(tick, 24, bad=6))
    told = live.stop()
    assert b'"certified"' in told and live.offline() == told


async def test_half_a_line_left_by_a_crash_is_cut_off_and_written_whole(tmp_path: Path) -> None:
    live = Live(tmp_path)
    path = tmp_path / "verdicts.jsonl"
    for tick in range(1000, 1030):
        await live.step(a_batch(tick, 24), until="told")
        if path.stat().st_size:
            break
    live.kill()
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    live.start()
    assert path.read_bytes() == whole
    assert live.stop() == whole == live.offline()


def test_other_marks_of_an_old_form_do_not_stop_a_start(tmp_path: Path) -> None:
    (tmp_path / "verdicts.jsonl").write_text('{"was": "WITHIN", "state": "BREACH", "lane": {}}\n')
    live = Live(tmp_path)
    assert list(live.chronicle.changes) == []
    live.stop()


async def test_a_process_killed_while_the_disk_refused_votes_loses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Record, "_write", refuses)
        for tick in range(1000, 1013):
            await live.step(a_batch(tick, 24))
        live.kill()
    live.start()
    for tick in range(1013, 1020):
        await live.step(a_batch(tick, 24))
    with monkeypatch.context() as patch:
        patch.setattr(Record, "_write", refuses)
        live.stop()
    live.start()
    told = live.stop()
    assert live.offline() == told
    assert not any("not here" in note for note in judge([tmp_path / "votes"]).notes)


async def test_a_part_is_written_once_also_when_old_ones_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuses(*_: object, **__: object) -> list[object]:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(recording, "expired", refuses)
    live = Live(tmp_path)
    await a_life(live)
    told = live.stop()
    heads = [head for path in sorted((tmp_path / "votes").iterdir()) if (head := head_of(path))]
    assert [head.after for head in heads] == [-1, *(head.closed for head in heads[:-1])]
    assert live.offline() == told
    assert "old votes cannot be removed (Permission denied)" in caplog.text
    assert "votes cannot be kept" not in caplog.text


def test_what_was_kept_before_discovery_is_judged_without_it() -> None:
    """As the part's own hash says, in which discovery that is off leaves no trace."""
    older = Tolerances.from_dict(LIMITS | {"discovery": {"on": False}})
    told = json.loads(Head(1, 0, True, -1, 5, older, "shouting 1").packed())
    del told["tolerances"]["discovery"]
    assert Head.read(json.dumps(told), "part").tolerances == older
    journal = json.loads(Rules(older, "shouting 1", frozenset()).packed())
    del journal["tolerances"]["discovery"], journal["tolerances_sha256"]
    assert Rules.read(json.dumps(journal).encode()).tolerances == older


def test_tolerances_that_are_not_those_of_their_hash_are_refused_with_the_mend() -> None:
    kept = Tolerances.from_dict(LIMITS)
    told = json.loads(Head(1, 0, True, -1, 5, kept, "shouting 1").packed())
    told["tolerances"]["coverage"] = 0.5
    with pytest.raises(
        DataError, match=r"^part: its tolerances come to hash .*; use the release that wrote it"
    ):
        Head.read(json.dumps(told), "part")
    rules = json.loads(Rules(kept, "shouting 1", frozenset()).packed())
    rules["tolerances"]["coverage"] = 0.5
    with pytest.raises(DataError, match="journal"):
        Rules.read(json.dumps(rules).encode())
