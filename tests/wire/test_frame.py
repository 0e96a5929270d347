from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.wire.frame import PREFACE, Frame, Splitter


def encoded(frame: Frame) -> bytes:
    head = len(frame.payload).to_bytes(3, "big") + bytes([frame.kind, frame.flags])
    return head + frame.stream.to_bytes(4, "big") + frame.payload


def chunks(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


frames = st.lists(
    st.builds(
        Frame,
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 2**31 - 1),
        st.binary(max_size=60),
    ),
    max_size=12,
)


@given(frames, st.lists(st.integers(0, 10_000), max_size=20), st.booleans())
def test_frames_come_out_whole_however_the_bytes_were_cut(
    sent: list[Frame], cuts: list[int], client: bool
) -> None:
    splitter = Splitter(PREFACE if client else b"")
    data = (PREFACE if client else b"") + b"".join(encoded(f) for f in sent)
    seen = [frame for chunk in chunks(data, cuts) for frame in splitter.feed(chunk)]
    assert seen == sent
    assert splitter.at_boundary and not splitter.problem


def test_the_reserved_bit_of_a_stream_id_is_ignored() -> None:
    assert Splitter().feed(b"\0\0\0\x06\0\x80\0\0\x05") == [Frame(6, 0, 5, b"")]


def test_half_a_frame_is_no_boundary() -> None:
    splitter = Splitter()
    splitter.feed(b"\0\0")
    assert not splitter.at_boundary


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00", b"PRI * HTTP/2.1"])
def test_a_wrong_preface_shows_at_its_first_wrong_byte(data: bytes) -> None:
    splitter = Splitter(PREFACE)
    assert splitter.feed(data) == []
    assert splitter.problem
    assert splitter.feed(PREFACE) == []


def test_a_frame_over_the_bound_is_refused_by_its_header_alone() -> None:
    splitter = Splitter()
    ping = encoded(Frame(6, 0, 0, bytes(8)))
    assert splitter.feed(ping + b"\x00\x40\x01\0\0\0\0\0\1") == [Frame(6, 0, 0, bytes(8))]
    assert "16385 bytes" in splitter.problem
    raised = Splitter()
    raised.max_frame = 20_000
    assert raised.feed(b"\x00\x40\x01\0\0\0\0\0\1") == [] and not raised.problem
