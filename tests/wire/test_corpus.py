"""Recorded conversations of grpcio and grpc-js (corpus/record.py): read right, and survived when damaged."""

import gc
import gzip
import tracemalloc
from pathlib import Path

import pytest
from hpack import Decoder
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame
from hypothesis import given
from hypothesis import strategies as st
from understudy.exchange import Assembler, Closed, Event, Opened, Unobserved
from understudy.exchange.assembler import FRAME_BYTES
from understudy.wire import events as wire
from understudy.wire.events import Side
from understudy.wire.frame import PREFACE
from understudy.wire.http2 import Observer

from tests.wire.effort import examples

C, S = Side.CLIENT, Side.SERVER
Tape = list[tuple[Side, bytes]]


def read(path: Path) -> Tape:
    data, at, tape = gzip.decompress(path.read_bytes()), 0, Tape()
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at + 1 : at + 5], "big")
        tape.append((S if data[at] else C, data[at + 5 : end]))
        at = end
    return tape


TAPES = {path.stem: read(path) for path in sorted((Path(__file__).parent / "corpus").glob("*.tape"))}
REASONS = {reason.value for reason in wire.Reason}


def independently(side: Side, data: bytes) -> list[tuple[int, object]]:
    """Headers and data of one direction as hyperframe and hpack read them."""
    seen, decoder, block, at = list[tuple[int, object]](), Decoder(), b"", 0
    while at < len(data):
        frame, length = Frame.parse_frame_header(memoryview(data[at : at + 9]))
        frame.parse_body(memoryview(data[at + 9 : at + 9 + length]))
        at += 9 + length
        if isinstance(frame, DataFrame):
            seen.append((frame.stream_id, bytes(frame.data)))
        elif isinstance(frame, HeadersFrame | ContinuationFrame):
            block += bytes(frame.data)
            if "END_HEADERS" in frame.flags:
                headers = tuple(tuple(field) for field in decoder.decode(block, raw=True))
                seen.append((frame.stream_id, headers))
                block = b""
    return seen


@pytest.mark.parametrize("name", TAPES)
def test_a_recorded_conversation_reads_as_hyperframe_and_hpack_read_it(name: str) -> None:
    observer = Observer()
    events = [event for side, data in TAPES[name] for event in observer.receive(side, data, 7)]
    # What its sender still sent when a stream was reset says nothing any more.
    reset = {event.stream for event in events if isinstance(event, wire.StreamReset)}
    for side in Side:
        sent = b"".join(data for sender, data in TAPES[name] if sender is side)
        told: list[tuple[int, object]] = []
        for event in events:
            if isinstance(event, wire.HeadersReceived) and event.side is side:
                told.append((event.stream, event.headers))
            elif isinstance(event, wire.DataReceived) and event.side is side:
                told.append((event.stream, event.data))
        read_so = independently(side, sent[len(PREFACE) :] if side is C else sent)
        assert [it for it in told if it[0] not in reset] == [it for it in read_so if it[0] not in reset]
        assert len(told) > 20


@pytest.mark.parametrize("name", TAPES)
def test_every_recorded_call_ends_as_its_client_saw_it_end(name: str) -> None:
    assembler = Assembler(1, "engine")
    events = [event for side, data in TAPES[name] for event in assembler.feed(side, data, 7)]
    method = {event.stream: event.method for event in events if isinstance(event, Opened)}
    ends = [(method[event.stream], event.status) for event in events if isinstance(event, Closed)]
    assert [end for end in ends if end != ("/t.T/echo", 0)] in (
        [("/t.T/stream", 0), ("/t.T/fail", 3), ("/t.T/hang", hung), ("/t.T/none", 12)] for hung in (-1, 4)
    )
    assert ends.count(("/t.T/echo", 0)) == 6
    assert not [event for event in events if isinstance(event, Unobserved)]


spots = st.lists(st.tuples(st.integers(0), st.binary(max_size=4), st.integers(0, 4)), max_size=4)


@examples(300)
@given(st.sampled_from(sorted(TAPES)), spots, st.lists(st.integers(0), max_size=2), st.integers(300, 20_000))
def test_damage_to_a_recorded_conversation_costs_calls_with_a_named_reason_and_nothing_else(
    name: str, damage: list[tuple[int, bytes, int]], gaps: list[int], size: int
) -> None:
    chunks = [(side, bytearray(data)) for side, data in TAPES[name]]
    for where, patch, cut in damage:
        chunk = chunks[where % len(chunks)][1]
        at = where // len(chunks) % (len(chunk) + 1)
        chunk[at : at + cut] = patch
    for where in gaps:
        del chunks[where % len(chunks)]
    assembler, over = Assembler(1, "engine", max_buffered_bytes=100_000), set[int]()

    def check(events: list[Event]) -> None:
        for event in events:
            assert event.stream not in over and 0 not in over, f"{event} after the end"
            if isinstance(event, Closed | Unobserved):
                over.add(event.stream)
            if isinstance(event, Unobserved):
                assert event.reason in REASONS

    for side, data in chunks:
        for at in range(0, len(data), size):
            check(assembler.feed(side, bytes(data[at : at + size]), 7))
            assert assembler.buffered <= 100_000 + FRAME_BYTES
    check(assembler.closed(8))
    assert assembler.buffered == 0


def test_following_a_thousand_calls_leaves_nothing_behind() -> None:
    begin, sizes = TAPES["grpcio"], list[int]()
    tracemalloc.start()
    for _ in range(3):
        for _ in range(30):
            assembler = Assembler(1, "engine")
            for side, data in begin:
                assembler.feed(side, data, 7)
            assembler.closed(8)
            del assembler
        gc.collect()  # the interpreter's own free lists are no finding
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[2] - sizes[1] < 5_000
