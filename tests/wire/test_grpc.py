import gzip
import time
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.wire.events import Reason
from understudy.wire.grpc import MessageSplitter

from tests.wire.effort import examples


def framed(data: bytes, flag: int = 0) -> bytes:
    return bytes([flag]) + len(data).to_bytes(4, "big") + data


def gzipped(data: bytes) -> bytes:
    return framed(gzip.compress(data), 1)


def deflated(data: bytes) -> bytes:
    return framed(zlib.compress(data), 1)


@given(
    st.lists(st.tuples(st.binary(max_size=300), st.booleans()), max_size=10),
    st.lists(st.integers(0, 5000), max_size=12),
    st.sampled_from(["gzip", "deflate"]),
)
def test_messages_come_out_whole_however_frames_cut_them(
    sent: list[tuple[bytes, bool]], cuts: list[int], encoding: str
) -> None:
    pack = gzipped if encoding == "gzip" else deflated
    data = b"".join(pack(m) if squeezed else framed(m) for m, squeezed in sent)
    splitter = MessageSplitter(encoding=encoding)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    seen = [m for a, b in pairwise(edges) for m in splitter.feed(data[a:b])]
    assert seen == [m for m, _ in sent]
    assert splitter.problem is None and splitter.buffered == 0


def test_a_message_over_the_bound_is_told_by_its_prefix_and_not_held() -> None:
    splitter = MessageSplitter(max_message_bytes=100)
    assert splitter.feed(framed(b"a" * 100) + b"\0\0\0\0\x65bc") == [b"a" * 100]
    assert splitter.problem is Reason.OVERSIZE
    assert splitter.feed(b"d" * 99) == [] and splitter.buffered == 0


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzipped), ("deflate", deflated)])
def test_a_bomb_is_refused_without_being_inflated(encoding: str, pack: type[bytes]) -> None:
    splitter = MessageSplitter(max_message_bytes=10_000, encoding=encoding)
    assert splitter.feed(pack(bytes(10_000))) == [bytes(10_000)]
    assert splitter.feed(pack(bytes(1_000_000))) == []
    assert splitter.problem is Reason.OVERSIZE


def test_members_of_one_gzip_message_are_joined_within_one_bound() -> None:
    splitter = MessageSplitter(max_message_bytes=1000, encoding="gzip")
    two = gzip.compress(b"a" * 500) + gzip.compress(b"b" * 500)
    assert splitter.feed(framed(two, 1)) == [b"a" * 500 + b"b" * 500]
    splitter.feed(framed(two + gzip.compress(b"c"), 1))
    assert splitter.problem is Reason.OVERSIZE


def test_a_message_of_thousands_of_empty_gzip_members_is_given_up_soon() -> None:
    splitter = MessageSplitter(encoding="gzip")
    begun = time.process_time()
    assert splitter.feed(framed(gzip.compress(b"") * 200_000, 1)) == []
    assert splitter.problem is Reason.COMPRESSION
    assert (
        time.process_time() - begun < 3
    )  # each member costs a copy of what follows: minutes, if all were read


def test_what_one_payload_inflates_to_is_bounded_over_all_its_messages() -> None:
    splitter = MessageSplitter(max_message_bytes=10_000, encoding="gzip")
    assert splitter.feed(gzipped(bytes(6000)) + gzipped(bytes(4000))) == [bytes(6000), bytes(4000)]
    assert splitter.feed(gzipped(bytes(6000)) + gzipped(bytes(4001))) == [bytes(6000)]
    assert splitter.problem is Reason.OVERSIZE


@pytest.mark.parametrize(
    ("encoding", "data", "reason"),
    [
        ("gzip", framed(b"not gzip", 1), Reason.COMPRESSION),
        ("gzip", framed(gzip.compress(b"cut short", mtime=0)[:-9], 1), Reason.COMPRESSION),
        ("gzip", framed(b"", 1), Reason.COMPRESSION),
        ("identity", framed(b"x", 1), Reason.COMPRESSION),
        ("zstd", framed(b"x", 1), Reason.COMPRESSION),
        ("gzip", b"\x02\0\0\0\0", Reason.PROTOCOL),
    ],
)
def test_what_cannot_be_read_is_named(encoding: str, data: bytes, reason: Reason) -> None:
    splitter = MessageSplitter(encoding=encoding)
    assert splitter.feed(data) == []
    assert splitter.problem is reason


@examples(200)
@given(
    st.lists(st.one_of(st.binary(max_size=30), st.binary(max_size=60).map(gzipped)), max_size=12),
    st.sampled_from(["identity", "gzip", "deflate", "zstd"]),
    st.integers(0, 80),
    st.binary(max_size=3),
)
def test_any_payloads_end_in_messages_or_one_named_problem(
    payloads: list[bytes], encoding: str, where: int, patch: bytes
) -> None:
    splitter = MessageSplitter(max_message_bytes=50, encoding=encoding)
    for payload in payloads:
        damaged = payload[:where] + patch + payload[where + len(patch) :]
        lost = splitter.problem
        messages = splitter.feed(damaged)
        assert all(len(message) <= 50 for message in messages) and not (lost and messages)
        assert splitter.buffered <= 55 and not (splitter.problem and splitter.buffered)


def test_an_uncompressed_message_passes_under_any_encoding() -> None:
    assert MessageSplitter(encoding="zstd").feed(framed(b"plain")) == [b"plain"]
