"""Envoy's account of a call and a relay's copy of it assemble to the same events; nonsense to none."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st
from understudy.exchange import Assembler, Closed, Event, Opened, Side, Unobserved
from understudy.ingest.stream import Stream, cluster
from understudy.v1 import extproc_pb2 as pb

from tests.exchange.test_assembler import REQUEST, RESPONSE, Play, framed

C, S = Side.CLIENT, Side.SERVER
said = st.lists(st.tuples(st.sampled_from([C, S]), st.binary(max_size=40)), max_size=8)


class Told:
    """One call as Envoy tells it, assembled."""

    def __init__(self) -> None:
        self.assembler = Assembler(5, "engine:8001")
        self.stream = Stream(1)
        self.events: list[Event] = []

    def tell(self, **kind: pb.HttpHeaders | pb.HttpBody | pb.HttpTrailers) -> None:
        told = pb.ProcessingRequest.FromString(pb.ProcessingRequest(**kind).SerializeToString())  # type: ignore[arg-type]
        self.events += self.assembler.take(self.stream.take(told, 7))

    def cut(self, behind: bool = False) -> None:
        self.events += self.assembler.take(self.stream.cut(behind))

    def open(self, end: bool = False) -> None:
        self.tell(request_headers=headers(REQUEST, end))

    def body(self, side: Side, data: bytes, end: bool = False) -> None:
        piece = pb.HttpBody(body=data, end_of_stream=end)
        self.tell(request_body=piece) if side is C else self.tell(response_body=piece)


def headers(fields: dict[str, str], end: bool = False) -> pb.HttpHeaders:
    return pb.HttpHeaders(headers=pb.HeaderMap(headers=values(fields)), end_of_stream=end)


def values(fields: dict[str, str]) -> Iterable[pb.HeaderValue]:
    """Envoy fills one of two fields, depending on its version and settings."""
    for number, (key, value) in enumerate(fields.items()):
        yield pb.HeaderValue(key=key, **({"raw_value": value.encode()} if number % 2 else {"value": value}))


@given(said, st.integers(0, 16), st.data())
def test_the_same_call_makes_the_same_events_however_its_bodies_are_cut(
    messages: list[tuple[Side, bytes]], status: int, data: st.DataObject
) -> None:
    play, told = Play(), Told()
    trailers = {"grpc-status": str(status), "grpc-message": "so%20it%20is"}
    events = play.open() + play.answer()
    told.open()
    told.tell(response_headers=headers(RESPONSE))
    for side, message in messages:
        whole = framed(message)
        events += play.data(side, whole)
        cut = data.draw(st.integers(0, len(whole)))
        told.body(side, whole[:cut])
        told.body(side, whole[cut:])
    events += play.data(C, b"", end=True)
    told.body(C, b"", end=True)
    events += play.see(S, play.headers(S, 1, trailers, end=True))
    told.tell(response_trailers=pb.HttpTrailers(trailers=pb.HeaderMap(headers=values(trailers))))
    assert told.events == events and len(events) == len(messages) + 3
    assert told.stream.over and not told.stream.cut(False) and told.assembler.buffered == 0


def test_a_trailers_only_reply_is_the_end() -> None:
    told = Told()
    told.open(end=True)
    told.tell(response_headers=headers(RESPONSE | {"grpc-status": "5", "grpc-message": "none"}, end=True))
    closed = told.events[-1]
    assert isinstance(closed, Closed) and (closed.status, closed.error) == (5, "none") and told.stream.over


def test_a_call_that_is_cut_was_left_by_its_caller_unless_we_were_too_slow_to_know() -> None:
    for behind in (False, True):
        told = Told()
        told.open()
        told.cut(behind)
        opened, last = told.events
        assert isinstance(opened, Opened)
        if behind:
            assert last == Unobserved(5, 1, "elided", 7)
        else:
            assert isinstance(last, Closed) and (last.status, last.cancelled_by) == (-1, "client")


def test_what_comes_out_of_order_ends_the_account_of_this_call() -> None:
    told = Told()
    told.open()
    told.open()
    told.body(C, framed(b"too late"))
    assert isinstance(told.events[0], Opened)
    assert told.events[1:] == [Unobserved(5, 1, "protocol", 7)] and told.stream.over


kinds = st.sampled_from([field.name for field in pb.ProcessingRequest.DESCRIPTOR.oneofs[0].fields])
nonsense = st.dictionaries(st.sampled_from([*REQUEST, "grpc-status", "grpc-encoding"]), st.text(max_size=12))


@given(
    st.lists(st.tuples(kinds, nonsense, st.binary(max_size=20), st.booleans()), max_size=12), st.booleans()
)
def test_nonsense_raises_nothing_and_leaves_nothing_behind(
    messages: list[tuple[str, dict[str, str], bytes, bool]], behind: bool
) -> None:
    told = Told()
    for kind, fields, body, end in messages:
        if kind.endswith("_headers"):
            told.tell(**{kind: headers(fields, end)})
        elif kind.endswith("_body"):
            told.tell(**{kind: pb.HttpBody(body=body, end_of_stream=end)})
        else:
            told.tell(**{kind: pb.HttpTrailers(trailers=pb.HeaderMap(headers=values(fields)))})
    told.cut(behind)
    assert told.assembler.buffered == 0
    ends = [event for event in told.events if isinstance(event, Closed | Unobserved)]
    assert len(ends) <= 1 and told.events[-1:] == ends


def test_the_cluster_is_found_whatever_the_filter_is_called() -> None:
    told = pb.ProcessingRequest()
    assert cluster(told) == ""
    told.attributes["a name of its own"].update({"xds.cluster_name": "baseline", "other": 1})
    assert cluster(told) == "baseline"
