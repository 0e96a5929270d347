"""One HTTP request as Envoy tells it, in the words of `wire`: what a relay's copy would have shown."""

from understudy.v1 import extproc_pb2 as pb
from understudy.wire.events import (
    DataReceived,
    Event,
    Headers,
    HeadersReceived,
    Part,
    Problem,
    Reason,
    Side,
    StreamEnded,
    StreamReset,
)

CLUSTER = "xds.cluster_name"
"""Envoy's attribute for the cluster that its route chose; the filter sends it when its config asks for it."""


def cluster(told: pb.ProcessingRequest) -> str:
    """The Envoy cluster that serves the request; empty when Envoy did not say."""
    for attributes in told.attributes.values():
        if CLUSTER in attributes.fields:
            return attributes.fields[CLUSTER].string_value
    return ""


class Stream:
    """Turns the messages of one ext_proc stream into events. Never raises, whatever it is told."""

    __slots__ = ("_client_ended", "_heard_ns", "_opened", "_responded", "number", "over")

    def __init__(self, number: int) -> None:
        self.number = number
        """Stream id in the events."""
        self.over = False
        """True once all is said; Envoy keeps its side open until we close ours."""
        self._opened = False
        self._responded = False
        self._client_ended = False
        self._heard_ns = 0

    def take(self, told: pb.ProcessingRequest, ns: int) -> list[Event]:
        """What `told`, which came at `ns`, says happened."""
        kind = told.WhichOneof("request")
        if self.over or kind is None:  # something newer than this version knows: it is no part of the content
            return []
        self._heard_ns = ns
        request = kind.startswith("request")
        side = Side.CLIENT if request else Side.SERVER
        headers = kind.endswith("_headers")
        if not self._fits(request, headers):
            self.over = True
            return [Problem(self.number, Reason.PROTOCOL, f"{kind} out of order", ns)]
        events: list[Event] = []
        if headers:
            part = Part.REQUEST if request else Part.RESPONSE
            sent = told.request_headers if request else told.response_headers
            self._opened, self._responded = True, not request
            events.append(HeadersReceived(side, self.number, part, fields(sent.headers), ns))
            ended = sent.end_of_stream
        elif kind.endswith("_trailers"):
            trailers = (told.request_trailers if request else told.response_trailers).trailers
            events.append(HeadersReceived(side, self.number, Part.TRAILERS, fields(trailers), ns))
            ended = True
        else:
            piece = told.request_body if request else told.response_body
            if piece.body:
                events.append(DataReceived(side, self.number, piece.body, len(piece.body), ns))
            ended = piece.end_of_stream
        if ended:
            events.append(StreamEnded(side, self.number, ns))
            self._client_ended |= request
            self.over = not request
        return events

    def _fits(self, request: bool, headers: bool) -> bool:
        """Headers once and before everything else of their side; nothing after a side's end."""
        if request:
            return headers != self._opened and not self._client_ended
        return self._opened and headers != self._responded

    def cut(self, behind: bool) -> list[Event]:
        """Envoy will say no more: a call without an end was reset, some time after it was last heard of.

        By its caller, as far as Envoy tells: an engine that fails before its response headers is told as a
        status (UNAVAILABLE, in a reply of Envoy's own, since 1.37), one that fails later looks like a caller
        that left.
        When we were `behind`, nobody knows: Envoy takes back what is not read some seconds after the end.
        """
        if self.over or not self._opened:
            return []
        self.over = True
        if behind:
            return [Problem(self.number, Reason.ELIDED, "Envoy took back what was not read", self._heard_ns)]
        return [StreamReset(Side.CLIENT, self.number, 0, self._heard_ns)]


def fields(sent: pb.HeaderMap) -> Headers:
    """The field list as HTTP/2 would have had it."""
    return tuple((one.key.encode(), one.raw_value or one.value.encode()) for one in sent.headers)
