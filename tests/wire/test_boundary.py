"""Frame boundaries: whatever the cutting of the bytes, the account is the same and nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st
from understudy.wire import boundary
from understudy.wire.boundary import LAST, PREFACE, Boundary, Frame, Streams


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


SETTINGS = frame(boundary.SETTINGS, 0, 0)


@st.composite
def directions(draw: st.DrawFn) -> tuple[list[bytes], bool]:
    """The frames of one direction, some HEADERS with CONTINUATIONs, and whether it is the client's."""
    client = draw(st.booleans())
    frames = [PREFACE] if client else []
    frames.append(SETTINGS)
    streams = st.integers(1, 5).map(lambda n: 2 * n - 1)
    for _ in range(draw(st.integers(0, 8))):
        stream = draw(streams)
        payload = draw(st.binary(max_size=40))
        kind = draw(st.sampled_from(["data", "headers", "other", "goaway", "ping", "reset"]))
        if kind == "data":
            frames.append(frame(boundary.DATA, draw(st.sampled_from([0, 1])), stream, payload))
        elif kind == "headers":
            rest = draw(st.lists(st.binary(max_size=9), max_size=2))
            frames.append(
                frame(boundary.HEADERS, draw(st.sampled_from([0, 1])) | (0 if rest else 4), stream, payload)
            )
            for n, block in enumerate(rest):
                frames.append(frame(boundary.CONTINUATION, 4 if n == len(rest) - 1 else 0, stream, block))
        elif kind == "goaway":
            frames.append(
                frame(boundary.GOAWAY, 0, 0, draw(st.integers(0, LAST)).to_bytes(4) + b"\0\0\0\0debug")
            )
        elif kind == "ping":
            frames.append(frame(boundary.PING, draw(st.sampled_from([0, 1])), 0, b"12345678"))
        elif kind == "reset":
            frames.append(frame(boundary.RST_STREAM, 0, stream, b"\0\0\0\1"))
        else:
            frames.append(frame(draw(st.integers(11, 255)), draw(st.integers(0, 255)), 0, payload))
    return frames, client


cuts = st.lists(st.integers(1, 30), min_size=1, max_size=12)


def chunks(stream: bytes, sizes: list[int]) -> list[bytes]:
    got, at, turn = [], 0, 0
    while at < len(stream):
        got.append(stream[at : at + sizes[turn % len(sizes)]])
        at, turn = at + len(got[-1]), turn + 1
    return got


def facts(tracker: Boundary, streams: Streams) -> object:
    table = {k: (s.client_bytes, s.client_ended, s.answered) for k, s in streams.open.items()}
    return (
        tracker.opaque,
        tracker.left,
        streams.limit,
        tracker.inside_headers,
        tracker.ready,
        streams.highest,
        table,
    )


@given(directions(), cuts, st.integers(0, 400))
def test_any_cutting_gives_the_same_account_and_loses_no_byte(
    direction: tuple[list[bytes], bool], sizes: list[int], change: int
) -> None:
    frames, client = direction
    whole = b"".join(frames)
    once, table = Boundary(client), Streams()
    once.feed(whole, table)
    assert not once.opaque and once.clean

    # The relay begins with `feed` and changes to `split` at any chunk, never back while something is held.
    tracker, streams, out, passed = Boundary(client), Streams(), b"", 0
    for chunk in chunks(whole, sizes):
        if passed < change:
            tracker.feed(chunk, streams)
            out += chunk
        else:
            out += b"".join(piece.data for piece in tracker.split(chunk, streams))
        passed += len(chunk)
        assert whole[:passed] == out + tracker.held
    assert facts(tracker, streams) == facts(once, table)


@given(directions(), cuts, st.integers(1, 4))
def test_who_takes_a_few_frames_at_a_time_gets_the_same_account_and_every_byte(
    direction: tuple[list[bytes], bool], sizes: list[int], most: int
) -> None:
    frames, client = direction
    whole = b"".join(frames)
    once, table = Boundary(client), Streams()
    assert once.feed(whole, table) == len(whole)
    fed, fed_streams = Boundary(client), Streams()
    cut, cut_streams, out = Boundary(client), Streams(), b""
    for chunk in chunks(whole, sizes):
        rest = chunk
        while rest:
            taken = fed.feed(rest, fed_streams, most)
            assert taken
            rest = rest[taken:]
        rest = chunk
        while rest:
            held = len(cut.held)
            pieces = cut.split(rest, cut_streams, most)
            said = b"".join(piece.data for piece in pieces)
            assert len(pieces) <= most
            rest = rest[len(said) - held + len(cut.held) :]
            out += said
    assert facts(fed, fed_streams) == facts(cut, cut_streams) == facts(once, table)
    assert out == whole


@given(directions(), cuts)
def test_clean_means_between_two_whole_frames_outside_a_header_block(
    direction: tuple[list[bytes], bool], sizes: list[int]
) -> None:
    frames, client = direction
    expected, at, inside, ready = set(), 0, False, False
    for data in frames:
        at += len(data)
        if data is PREFACE:
            continue
        if data[3] == boundary.HEADERS or data[3] == boundary.CONTINUATION:
            inside = not data[4] & boundary.END_HEADERS
        ready = True
        if not inside:
            expected.add(at)

    tracker, streams, found, begun, at = Boundary(client), Streams(), set(), [], 0
    for chunk in chunks(b"".join(frames), sizes):
        for piece in tracker.split(chunk, streams):
            if piece.clean:
                found.add(at)
            if piece.frame:
                begun.append((at, piece.frame))
            at += len(piece.data)
        if tracker.clean:
            found.add(at)
    assert ready and found == expected
    starts, at = [], 0
    for data in frames:
        if data is not PREFACE:
            starts.append((at, Frame(data[3], data[4], int.from_bytes(data[5:9]), len(data) - 9)))
        at += len(data)
    assert begun == starts


@given(st.booleans(), st.binary(min_size=1, max_size=300), cuts)
def test_garbage_never_raises_and_passes_whole(client: bool, garbage: bytes, sizes: list[int]) -> None:
    for prefix in (b"", (PREFACE if client else b"") + SETTINGS):
        tracker, streams, out = Boundary(client), Streams(), b""
        for chunk in chunks(prefix + garbage, sizes):
            out += b"".join(piece.data for piece in tracker.split(chunk, streams))
        held = tracker.release()
        assert out + held == prefix + garbage
        fed = Boundary(client)
        for chunk in chunks(prefix + garbage, sizes):
            fed.feed(chunk, streams)


def test_http1_is_opaque_in_both_directions() -> None:
    client, server = Boundary(True), Boundary(False)
    client.feed(b"GET / HTTP/1.1\r\nHost: engine\r\n\r\n", Streams())
    server.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n", Streams())
    assert client.opaque and server.opaque and not client.clean and not server.clean


def test_a_stream_is_open_until_the_server_ends_it_or_either_side_resets_it() -> None:
    client, server, streams = Boundary(True), Boundary(False), Streams()
    client.feed(PREFACE + SETTINGS, streams)
    server.feed(SETTINGS, streams)
    for stream in (1, 3, 5, 7):
        client.feed(
            frame(boundary.HEADERS, 4, stream, b"h") + frame(boundary.DATA, 0, stream, b"12345"), streams
        )
    client.feed(frame(boundary.DATA, 1, 1, b"678"), streams)
    assert streams.open[1].client_ended and streams.open[1].client_bytes == 8
    server.feed(frame(boundary.HEADERS, 4, 1, b"h"), streams)
    assert streams.open[1].answered and not streams.open[3].answered
    server.feed(frame(boundary.HEADERS, 5, 1, b"trailers"), streams)
    server.feed(frame(boundary.RST_STREAM, 0, 3, b"\0\0\0\0"), streams)
    client.feed(frame(boundary.RST_STREAM, 0, 5, b"\0\0\0\0"), streams)
    assert list(streams.open) == [7] and streams.highest == 7


def test_the_servers_lowest_goaway_counts() -> None:
    client, server, streams = Boundary(True), Boundary(False), Streams()
    client.feed(PREFACE + SETTINGS + frame(boundary.GOAWAY, 0, 0, (3).to_bytes(4) + bytes(4)), streams)
    server.feed(SETTINGS + frame(boundary.GOAWAY, 0, 0, LAST.to_bytes(4) + bytes(4)), streams)
    assert streams.limit == LAST
    for last in (41, 43):
        server.feed(frame(boundary.GOAWAY, 0, 0, last.to_bytes(4) + bytes(4)), streams)
    assert streams.limit == 41


def test_streams_that_the_server_has_refused_by_goaway_are_not_open_whenever_they_come() -> None:
    client, server, streams = Boundary(True), Boundary(False), Streams()
    client.feed(PREFACE + SETTINGS, streams)
    server.feed(SETTINGS + frame(boundary.GOAWAY, 0, 0, LAST.to_bytes(4) + bytes(4)), streams)
    client.feed(b"".join(frame(boundary.HEADERS, 4, stream) for stream in (1, 3, 5, 7)), streams)
    server.feed(frame(boundary.GOAWAY, 0, 0, (3).to_bytes(4) + bytes(4)), streams)
    assert list(streams.open) == [1, 3]
    client.feed(b"".join(frame(boundary.HEADERS, 4, stream) for stream in range(9, 2009, 2)), streams)
    client.feed(frame(boundary.DATA, 1, 9, b"late") + frame(boundary.DATA, 0, 3, b"timely"), streams)
    assert list(streams.open) == [1, 3] and streams.open[3].client_bytes == 6 and client.clean
