"""The copy channel: what one end writes the other reads, however the bytes are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.wire import copy
from understudy.wire.copy import End, Kind, Reader, Record

_ids = st.integers(0, 2**64 - 1)
_ns = st.integers(-(2**63), 2**63 - 1)
_bytes = st.builds(Record, st.sampled_from([Kind.CLIENT, Kind.SERVER]), _ids, _ns, st.binary(max_size=200))
_bare = st.builds(Record, st.sampled_from([Kind.CLOSE, Kind.BLIND]), _ids, _ns, st.just(b""))
_marks = st.builds(
    Record, st.sampled_from([Kind.IDLE, Kind.BUSY]), _ids, _ns, st.binary(min_size=12, max_size=12)
)


@given(st.lists(_bytes | _bare | _marks, max_size=12), st.lists(st.integers(1, 64), min_size=1, max_size=20))
def test_records_survive_any_cutting_of_the_stream(records: list[Record], cuts: list[int]) -> None:
    stream = b"".join(copy.encode(r.kind, r.connection, r.ns, r.payload) for r in records)
    reader, got, at, turn = Reader(), [], 0, 0
    while at < len(stream):
        step = cuts[turn % len(cuts)]
        got += reader.feed(stream[at : at + step])
        at, turn = at + step, turn + 1
    assert got == records


def test_each_kind_reads_back_its_own_payload() -> None:
    frame = bytes(range(9))
    stream = (
        copy.opened(7, 1, "candidate", "unix:/run/engine.sock")
        + copy.header(Kind.CLIENT, 7, 2, 3)
        + b"abc"
        + copy.elided(7, 3, Kind.SERVER, frame)
        + copy.idle(7, 4, 5, 1 << 40)
        + copy.busy(7, 5, 5, (1 << 40) + 1)
        + copy.closed(7, 6, End.SERVER_RESET)
        + copy.encode(Kind.CLOSE, 8, 7)
        + copy.encode(Kind.CLOSE, 9, 8, b"\xff")
    )
    opened, client, elided, idle, busy, closed, unsaid, unknown = Reader().feed(stream)
    assert opened.opened == ("candidate", "unix:/run/engine.sock")
    assert client == Record(Kind.CLIENT, 7, 2, b"abc")
    assert elided.elided == (Kind.SERVER, frame)
    assert idle.mark == (5, 1 << 40)
    assert busy.mark == (5, (1 << 40) + 1)
    assert closed.end is End.SERVER_RESET and unsaid.end is unknown.end is End.UNKNOWN


@pytest.mark.parametrize(
    "stream",
    [
        copy.HEADER.pack(99, 1, 1, 0),
        copy.HEADER.pack(Kind.CLIENT, 1, 1, copy.MAX_PAYLOAD + 1),
        copy.HEADER.pack(Kind.IDLE, 1, 1, 3),
        copy.HEADER.pack(Kind.CLOSE, 1, 1, 2),
    ],
)
def test_bytes_that_are_no_record_are_refused_before_they_are_buffered(stream: bytes) -> None:
    with pytest.raises(copy.CopyError):
        Reader().feed(stream)
