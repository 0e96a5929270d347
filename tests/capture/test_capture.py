import multiprocessing
import os
import signal
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.capture import (
    WITHHELD,
    Kind,
    ParquetCapture,
    Part,
    Redaction,
    Settings,
    State,
    captured,
    expired,
    read,
)
from understudy.errors import ConfigError, DataError
from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.score import Score, Sense, Span

SECOND = 1_000_000_000


def pair(number: int = 0, text: str = "4", **changes: object) -> Pair:
    request = Request(
        id=f"r{number}",
        cluster=f"c{number}",
        method="/inference.GRPCInferenceService/ModelInfer",
        model="ensemble",
        text="2 + 2?",
        sampling=Sampling(temperature=0.5, seed=2**63 + 7, stop=("\n",)),
        received_ns=1_700_000_000_000_000_000 + number,
        token_ids=(1, 2),
        categories={"task": Category("math", "rule")},
        metadata={"x-user": "u@example.com"},
        raw=b"\x00\xffraw",
    )
    baseline = Output(Leg.BASELINE, text, Finish.STOP, first_ns=5, last_ns=9, chunks_ns=(5, 9), live=True)
    candidate = Output(Leg.CANDIDATE, "5", Finish.LENGTH, status=4, error="late", logprobs=(-0.5,))
    whole = Pair(
        request, baseline, candidate, Lane("a" * 64, "b" * 64), Output(Leg.CONTROL, "4"), number, number
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def score(value: float = 0.5) -> Score:
    return Score(
        "refusal",
        Sense.BOTH,
        {Leg.BASELINE: 0.0, Leg.CANDIDATE: value},
        {Leg.CONTROL: "too_short"},
        "refusal",
        "1.0",
        {"threshold": "0.5"},
        (Span(Leg.CANDIDATE, 0, 1, "phrase"),),
        "says 'no'",
    )


def small(tmp_path: Path, **changes: object) -> Settings:
    return Settings(**({"directory": str(tmp_path / "captures"), "content": True} | changes))  # type: ignore[arg-type]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=40, deadline=None)
@given(prompt=texts, reply=texts, raw=st.binary(max_size=40), value=st.floats(0, 1), control=st.booleans())
def test_a_pair_reads_back_exactly_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, prompt: str, reply: str, raw: bytes, value: float, control: bool
) -> None:
    capture = ParquetCapture(small(tmp_path_factory.mktemp("capture")))
    base = pair()
    request = Request("r", "c", "/m", "model", prompt, Sampling(), 1, raw=raw)
    written = Pair(
        request, Output(Leg.BASELINE, reply), base.candidate, base.lane, base.control if control else None
    )
    rich = (base, (score(value),))
    assert capture.write([(written, ()), rich]) == 2
    assert list(read(capture.directory)) == [(written, ()), rich], "from the open journal"
    capture.close()
    assert list(read(capture.directory)) == [(written, ()), rich], "from the sealed part"


def _write_until_killed(settings: Settings, ready: "multiprocessing.Queue[int]") -> None:
    capture = ParquetCapture(settings)
    for number in range(10_000):
        capture.write([(pair(number), (score(),))])
        if number >= 57:
            ready.put(number)


def test_what_was_written_survives_kill_9(tmp_path: Path) -> None:
    config = small(tmp_path, part_pairs=25)
    context = multiprocessing.get_context("spawn")
    ready: multiprocessing.Queue[int] = context.Queue()
    writer = context.Process(target=_write_until_killed, args=(config, ready))
    writer.start()
    written = ready.get(timeout=20)
    assert writer.pid
    os.kill(writer.pid, signal.SIGKILL)
    writer.join()
    before = [p.id for p, _ in read(config.directory)]
    assert before == [f"r{n}" for n in range(len(before))]
    assert len(before) > written
    successor = ParquetCapture(config)
    assert successor.status.recovered > 0
    assert [p.id for p, _ in read(config.directory)] == before, "none lost, none twice"
    assert not list(Path(config.directory).glob("open-*"))


def test_a_crash_between_sealing_and_deleting_the_journal_duplicates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(tmp_path)
    capture = ParquetCapture(config)
    capture.write([(pair(1), ())])
    journal = next(capture.directory.glob("open-*"))
    copy = journal.read_bytes()
    capture.close()
    journal.write_bytes(copy)
    assert [p.id for p, _ in read(config.directory)] == ["r1"]
    ParquetCapture(config)
    assert not journal.exists()
    assert [p.id for p, _ in read(config.directory)] == ["r1"]


def test_a_journal_of_a_live_writer_is_left_to_it(tmp_path: Path) -> None:
    config = small(tmp_path)
    first = ParquetCapture(config)
    first.write([(pair(1), ())])
    second = ParquetCapture(config)
    second.write([(pair(2), ())])
    first.close()
    second.close()
    assert [p.id for p, _ in read(config.directory)] == ["r1", "r2"]


def test_files_are_the_owners_alone(tmp_path: Path) -> None:
    capture = ParquetCapture(small(tmp_path))
    capture.write([(pair(), ())])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in capture.directory.iterdir()}
    capture.close()
    modes |= {stat.S_IMODE(path.stat().st_mode) for path in capture.directory.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(capture.directory.stat().st_mode) == 0o700


def test_parts_are_sealed_by_count_and_by_time(tmp_path: Path) -> None:
    now = [0]
    capture = ParquetCapture(small(tmp_path, part_pairs=10, part_s=60), clock=lambda: now[0])
    for number in range(25):
        capture.write([(pair(number), ())])
    assert capture.status.parts == 2
    now[0] = 61 * SECOND
    capture.write()
    assert capture.status.parts == 3
    assert len(list(read(capture.directory))) == 25


def test_without_content_no_text_reaches_disk_but_failures_stay_failures(tmp_path: Path) -> None:
    secret = "correct horse battery"
    capture = ParquetCapture(small(tmp_path, content=False))
    silent = pair(2, candidate=Output(Leg.CANDIDATE, ""))
    capture.write([(pair(1, text=secret), (score(),)), (silent, ())])

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in capture.directory.iterdir())

    journal = everything()
    capture.close()
    for leak in (secret, "2 + 2?", "u@example.com", "says 'no'"):
        assert leak.encode() not in journal + everything()
    (kept, scores), (failed, _) = read(capture.directory)
    assert kept.baseline.text == kept.request.text == WITHHELD
    assert kept.request.raw == b"" and not kept.request.metadata
    assert scores[0].values == score().values and scores[0].unscored == score().unscored
    assert failed.candidate.failed and not failed.baseline.failed
    assert not any(item.content for item in captured(capture.directory))


def test_redactors_run_before_anything_reaches_disk(tmp_path: Path) -> None:
    redactions = (
        Redaction(r"\b\d{4}-\d{4}\b", replacement="[card]"),
        Redaction(r"\w+@\w+\.\w+", kind=Kind.HASH),
    )
    capture = ParquetCapture(small(tmp_path, redactions=redactions))
    told = pair(
        1, text="card 1234-5678, mail ann@example.com", candidate=Output(Leg.CANDIDATE, "ann@example.com")
    )
    capture.write([(told, (score(),))])
    journal = next(capture.directory.glob("open-*")).read_text()
    assert "1234-5678" not in journal and "example.com" not in journal
    capture.close()
    ((kept, (kept_score,)),) = read(capture.directory)
    assert kept.baseline.text.startswith("card [card], mail [")
    assert kept.baseline.text.endswith(kept.candidate.text), "equal values keep an equal hash"
    assert kept_score.spans == (), "a span into a text that changed points at nothing"
    assert kept.request.raw == pair().request.raw, "nothing of the raw request was redacted"


def test_a_raw_request_that_holds_a_redacted_word_is_dropped(tmp_path: Path) -> None:
    capture = ParquetCapture(small(tmp_path, redactions=(Redaction("raw"),)))
    capture.write([(pair(), ())])
    assert next(read(capture.directory))[0].request.raw == b""


@pytest.mark.parametrize("how", ["drops", "fails"])
def test_a_dropped_or_failed_redaction_withholds_all_texts_of_the_pair(tmp_path: Path, how: str) -> None:
    def redactor(text: str) -> str | None:
        if text == "secret" and how == "fails":
            raise RuntimeError("defect")
        return None if text == "secret" else text

    capture = ParquetCapture(small(tmp_path), redactors=[redactor])
    capture.write([(pair(1, text="secret"), (score(),)), (pair(2), ())])
    first, second = captured(capture.directory)
    assert (first.pair.baseline.text, first.pair.candidate.text) == (WITHHELD, WITHHELD)
    assert first.scores[0].values == score().values
    assert not first.content and second.content
    assert (capture.status.withheld, capture.status.redaction_errors) == (1, int(how == "fails"))


def test_a_wrong_pattern_is_named_with_the_mend() -> None:
    with pytest.raises(ConfigError, match="mend the regular expression"):
        Redaction("(")


def test_a_full_disk_stops_the_capture_and_it_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0]
    capture = ParquetCapture(small(tmp_path, retry_s=30), clock=lambda: now[0])
    capture.write([(pair(1), ())])
    real = os.write

    def full(handle: int, data: bytes) -> int:
        real(handle, data[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    assert capture.write([(pair(2), ()), (pair(3), ())]) == 0
    assert capture.status.state == State.STOPPED
    assert capture.status.reason == "No space left on device"
    monkeypatch.setattr(os, "write", real)
    assert capture.write([(pair(4), ())]) == 0, "not tried again at once"
    now[0] = 31 * SECOND
    assert capture.write([(pair(5), ())]) == 1
    assert not capture.status.reason
    assert (capture.status.written, capture.status.dropped) == (2, 3)
    capture.close()
    assert [p.id for p, _ in read(capture.directory)] == ["r1", "r5"], "half a line spoils nothing"


def test_a_failing_seal_keeps_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    config = small(tmp_path)
    capture = ParquetCapture(config)
    capture.write([(pair(1), ())])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        capture.close()
    assert capture.status.state == State.STOPPED
    assert ParquetCapture(config).status.recovered == 1
    assert [p.id for p, _ in read(config.directory)] == ["r1"]


sizes = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=20)


@given(sizes=sizes, max_bytes=st.integers(1, 500), keep=st.integers(1, 50))
def test_retention_keeps_the_newest_that_fit(sizes: list[tuple[int, int]], max_bytes: int, keep: int) -> None:
    day = 86_400 * SECOND
    parts = [Part(Path(f"{i:03}"), size, age * day) for i, (size, age) in enumerate(sizes)]
    gone = {part for part, _ in expired(parts, 100 * day, keep_days=keep, max_bytes=max_bytes)}
    kept = [part for part in parts if part not in gone]
    assert sum(part.bytes for part in kept) <= max_bytes
    assert all(100 * day - part.newest_ns <= keep * day for part in kept)
    young = [part for part in gone if 100 * day - part.newest_ns <= keep * day]
    assert all(part.newest_ns <= other.newest_ns for part in young for other in kept)


def test_sealing_sweeps_what_expired(tmp_path: Path) -> None:
    capture = ParquetCapture(small(tmp_path, part_pairs=1, max_bytes=1))
    capture.write([(pair(1), ())])
    assert capture.status.expired == 1


BROKEN = [
    ("empty.parquet", b"", "is empty"),
    ("half.parquet", b"PAR1" + b"x" * 50, "half-written or foreign"),
    ("text.parquet", b"hello\n" * 10, "half-written or foreign"),
    ("open-1.jsonl", b'{"a": 1}\n', ":1: not a row of a capture journal .no field 'raw'"),
    ("open-1.jsonl", b"half\xff\n", ":1: not a row of a capture journal .*byte 0xff"),
]


@pytest.mark.parametrize(("name", "data", "message"), BROKEN)
def test_a_broken_file_is_named_with_the_mend(tmp_path: Path, name: str, data: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name}.*{message}.*(delete|remove)"):
        list(read(tmp_path / name))


def test_a_foreign_table_and_a_missing_file_are_named(tmp_path: Path) -> None:
    import polars as pl

    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(DataError, match="no column 'version'"):
        list(read(tmp_path / "foreign.parquet"))
    with pytest.raises(DataError, match="no such file"):
        list(read(tmp_path / "none-*.parquet"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"holds no pairs"):
        list(read(tmp_path / "empty"))


def test_what_expires_goes_without_traffic_too(tmp_path: Path) -> None:
    now = [0]
    capture = ParquetCapture(small(tmp_path, part_pairs=1, keep_days=1), clock=lambda: now[0])
    capture.write([(pair(1), ())])
    (part,) = capture.directory.glob("pairs-*.parquet")
    now[0] = part.stat().st_mtime_ns + 90_000 * SECOND
    capture.write()
    assert not part.exists() and capture.status.expired == 1


def test_a_journal_damaged_by_a_power_cut_gives_what_is_whole_and_stops_no_start(tmp_path: Path) -> None:
    capture = ParquetCapture(small(tmp_path))
    capture.write([(pair(1), ())])
    (journal,) = capture.directory.glob("open-*.jsonl")
    left = journal.with_name("open-00000000000000000001-1-000001.jsonl")
    left.write_bytes(journal.read_bytes() + b"\0" * 64 + b"\n")
    assert ParquetCapture(small(tmp_path)).status.recovered == 1 and not left.exists()
