"""Header blocks: the `hpack` package is the oracle, for what is valid and for what is not."""

import time
import tracemalloc
from collections import deque
from typing import Any

import pytest
from hpack import Decoder, Encoder, HeaderTuple, NeverIndexedHeaderTuple
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st
from understudy.wire import huffman
from understudy.wire.inflate import MAX_LIST_BYTES, MAX_UNACKNOWLEDGED, MEMO_BYTES, Inflater, Loss

from tests.wire.effort import examples

names = st.sampled_from([b"a", b"b", b"", b"user-agent", b":path", b"grpc-timeout", b"n" * 300])
values = st.one_of(st.binary(max_size=40), st.integers(0, 3000).map(lambda n: b"v" * n))
fields = st.lists(st.tuples(names, values, st.booleans()), max_size=6)
sizes = st.sampled_from([0, 31, 40, 200, 4096, 10_000, 65_536])
steps = st.lists(st.one_of(st.tuples(fields, st.booleans()), sizes), max_size=30)
edits = st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=3), st.integers(0, 3)), max_size=2)


def encoded(step: tuple[list[tuple[bytes, bytes, bool]], bool], encoder: Encoder) -> bytes:
    fields, huff = step
    listed = [(NeverIndexedHeaderTuple if never else HeaderTuple)(n, v) for n, v, never in fields]
    return bytes(encoder.encode(listed, huffman=huff))


def pair() -> tuple[Decoder, Inflater]:
    """The oracle and the inflater, both told that 64 KiB of table are fine."""
    plain, inflater = Decoder(), Inflater()
    plain.max_allowed_table_size = 65_536
    inflater.announce(65_536)
    return plain, inflater


def oracle(plain: Decoder, block: bytes) -> Any:
    try:
        return tuple(tuple(field) for field in plain.decode(block, raw=True))
    except Exception:
        return Loss.TABLE


@examples(150)
@given(steps)
def test_what_an_encoder_sent_is_what_comes_out(script: list[Any]) -> None:
    encoder, (plain, inflater) = Encoder(), pair()
    for step in script:
        if isinstance(step, int):
            encoder.header_table_size = step
            continue
        block = encoded(step, encoder)
        for _ in range(2):  # the second may come from the memo
            assert inflater.decode(block) == oracle(plain, block)
            if block[:1] and 0x20 <= block[0] < 0x80:
                break  # it changes the table: the encoder would not send it twice


@examples(150)
@given(steps, st.lists(edits, min_size=1, max_size=8))
def test_corrupted_blocks_are_judged_as_hpack_judges_them(script: list[Any], damage: list[Any]) -> None:
    encoder, (plain, inflater) = Encoder(), pair()
    blocks = [encoded(step, encoder) for step in script if not isinstance(step, int)]
    for block, spots in zip(blocks, damage * len(blocks), strict=False):
        bad = bytearray(block)
        for where, patch, cut in spots:
            at = where % (len(bad) + 1)
            bad[at : at + cut] = patch
        told = oracle(plain, bytes(bad))
        assert inflater.decode(bytes(bad)) == told
        if told is Loss.TABLE:
            break


@examples(150)
@given(st.lists(st.binary(max_size=60)))
def test_any_bytes_are_judged_as_hpack_judges_them(blocks: list[bytes]) -> None:
    plain, inflater = pair()
    for block in blocks:
        told = oracle(plain, block)
        assert inflater.decode(block) == told
        if told is Loss.TABLE:
            break


@examples(150)
@given(st.binary(max_size=60), st.binary(max_size=8))
def test_huffman_strings_are_judged_as_hpack_judges_them(data: bytes, tail: bytes) -> None:
    for text in (data, data + tail, b"\xff" * len(tail) + data):
        try:
            told = bytes(decode_huffman(text))
        except Exception:
            told = None
        assert huffman.decode(text) == told


@pytest.mark.parametrize("field", [b"\x00\x00\x00", b"\x01\x00", b"\x40\x01a\x00", b"\x7e\x00"])
def test_a_block_of_many_small_fields_takes_time_in_proportion_to_its_length(field: bytes) -> None:
    inflater = Inflater()
    inflater.decode(b"\x40\x01a\x7f\xc1\x1e" + b"v" * 4032)
    begun = time.process_time()
    assert inflater.decode(field * (256 * 1024 // len(field))) is Loss.LIST
    assert time.process_time() - begun < 2  # some .1 s; the hpack package takes five for the worst


def test_a_list_over_the_bound_leaves_the_table_in_step() -> None:
    encoder, inflater = Encoder(), Inflater()
    large: list[Any] = [(b"a", b"v" * 1000)] + [(b"b%d" % n, b"w" * 1000) for n in range(70)]
    assert inflater.decode(encoder.encode(large)) is Loss.LIST
    assert inflater.decode(encoder.encode(large[-2:])) == tuple(large[-2:])
    exact: list[Any] = [(b"c", b"x" * (MAX_LIST_BYTES - 33))]
    assert inflater.decode(encoder.encode(exact)) == tuple(exact)


def test_a_new_size_of_the_table_comes_first_in_its_block_or_breaks_it() -> None:
    """RFC 7541, section 4.2."""
    inflater = Inflater()
    assert inflater.decode(b"\x20\x82") == ((b":method", b"GET"),)
    assert Inflater().decode(b"\x82\x20") is Loss.TABLE


def test_what_is_remembered_of_repeated_blocks_is_bounded_in_memory() -> None:
    inflater = Inflater()
    assert inflater.decode(b"\x40\x01a\x7f\x01" + b"v" * 128) == ((b"a", b"v" * 128),)
    tracemalloc.start()
    for n in range(200):
        inflater.decode(b"\xbe" * (300 + n))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 64 * 1024


@pytest.mark.parametrize("field", [b"\x00\x02%c%c\x02%c%c", b"\x00\x01%c\x03%c%c%c", b"\x04\x04%c%c%c%c"])
def test_what_is_remembered_weighs_no_more_than_is_said(field: bytes) -> None:
    inflater = Inflater()
    tracemalloc.start()
    for number in range(64):
        letter = 97 + number % 26
        fields = [field % (97 + n % 26, letter, 97 + n // 26, 97 + number // 26) for n in range(64)]
        inflater.decode(b"".join(fields))
        held, _ = tracemalloc.get_traced_memory()
        assert held < inflater.remembered + 6000 and inflater.remembered <= MEMO_BYTES
    tracemalloc.stop()
    assert inflater.remembered > 0
    inflater.decode(b"\x40\x01a\x01b")  # the table changed: the blocks may mean another thing
    assert inflater.remembered == 0


@given(st.lists(st.one_of(st.just("ack"), st.none(), st.integers(0, 9)), max_size=40))
def test_the_table_may_be_as_large_as_the_largest_size_that_nothing_has_superseded(script: list[Any]) -> None:
    inflater, size, flight = Inflater(), 4096, deque[int | None]()
    for step in script:
        if step != "ack":
            flight.append(None if step is None else 5000 + step)
            assert inflater.announce(flight[-1])
        elif flight:
            announced = flight.popleft()
            size = size if announced is None else announced
            inflater.acknowledge()
    largest = max(size, *(announced for announced in flight if announced is not None), 0)
    assert inflater.decode(resized(largest + 1)) is Loss.TABLE
    assert inflater.decode(resized(largest)) == ()


def resized(size: int) -> bytes:
    """A block that only says how large its table is (RFC 7541, 6.3)."""
    rest = size - 31
    return bytes((0x3F, rest & 0x7F | 0x80, rest >> 7))


@pytest.mark.parametrize("size", [lambda n: 4096, lambda n: 60_000 - n, lambda n: n])
def test_a_flood_of_table_sizes_takes_time_in_proportion_to_its_length(size: Any) -> None:
    inflater = Inflater()
    for n in range(MAX_UNACKNOWLEDGED - 1):
        inflater.announce(size(n))
    begun = time.process_time()
    for n in range(MAX_UNACKNOWLEDGED, 21_000):
        assert inflater.announce(size(n))
        inflater.acknowledge()
    assert time.process_time() - begun < 0.3  # some .02 s; 1 s where all that are in flight are looked at
