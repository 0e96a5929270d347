"""The values everything after the mirror works on: a request, its outputs, and the pair they form.

All are frozen and built whole once. Times are nanoseconds: `*_ns` of a request are wall clock (UTC epoch),
durations inside an output are relative to its request being sent on that leg.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

EMPTY: Mapping[str, str] = MappingProxyType({})
"""A read-only default for arguments."""


class Leg(StrEnum):
    """Which engine produced an output; typed, so that legs cannot be swapped unnoticed."""

    BASELINE = "baseline"
    """The full-precision engine: the lead."""
    CANDIDATE = "candidate"
    """The quantized engine: the understudy."""
    CONTROL = "control"
    """A second reply of the baseline, which tells noise from drift (A/A)."""


class Stratum(StrEnum):
    """Whether a second reply of the same engine may differ (drift engine, "One paired difference")."""

    FREE = "free"
    """Sampled: replies of one engine differ by chance, and the control measures by how much."""
    COUPLED = "coupled"
    """Greedy or seeded: replies of one engine should come out identical."""


class Outcome(StrEnum):
    """What became of an eligible request: eligible = paired + shed + failed + lost + in flight, exactly."""

    PAIRED = "paired"
    SHED = "shed"
    FAILED = "failed"
    LOST = "lost"


class Reason(StrEnum):
    """Why a request was shed, failed or lost: the one closed list of protos, metrics and captures."""

    # shed: faults of our making or limits the operator set
    RATE = "rate"
    """The mirror's requests/s budget was spent."""
    TOKENS = "tokens"
    """The mirror's tokens/s budget was spent."""
    INFLIGHT = "inflight"
    """The mirror's in-flight items were at their limit."""
    BYTES = "bytes"
    """The mirror's in-flight bytes were at their limit."""
    BREAKER = "breaker"
    """The request did not reach the engine, which is not its failure: it said itself that it did not look at it."""
    MIRROR_OFF = "mirror_off"
    """The kill switch was thrown while the request was in flight."""
    SETTLING = "settling"
    """Mirroring pauses for the settling time after a switch of primary."""
    SELF_TEST = "self_test"
    """The shadow engine did not answer our own question in a way that could be compared; the log says how."""
    OVERSIZE = "oversize"
    """A message was larger than the observer's assembly bound."""
    QUEUE = "queue"
    """A queue between observer, controller and analyzers was full."""
    ELIDED = "elided"
    """Payload bytes were left out of the observer's copy under pressure."""
    # failed: a pair could not be formed
    UNDECODABLE = "undecodable"
    """The request or a reply did not follow the engine's protocol."""
    SHARED_MEMORY = "shared_memory"
    """Tensors live in shared memory that another process cannot be shown."""
    CANCELLED = "cancelled"
    """The client cancelled before the live leg had said anything: there is nothing to compare."""
    INTERNAL = "internal"
    """A defect of ours; the log has the exception."""
    # lost: nobody knows
    CRASHED = "crashed"
    """The observer or controller holding it died."""
    LEASE = "lease"
    """No resolution arrived before its lease expired."""


class Finish(StrEnum):
    """Why generation stopped; `unknown` is not `stop` (KServe's ensemble does not say)."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    ERROR = "error"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sampling:
    """The effective sampling parameters of a request; None where the request left one to the engine."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()

    @property
    def stratum(self) -> Stratum:
        """COUPLED when a second reply must come out identical: temperature 0, top_k 1, or a seed."""
        greedy = self.temperature == 0 or self.top_k == 1
        return Stratum.COUPLED if greedy or self.seed is not None else Stratum.FREE


@dataclass(frozen=True, slots=True)
class Category:
    """One categorizer's answer: the value and where it came from (declared, rule, detected)."""

    value: str
    source: str


@dataclass(frozen=True, slots=True)
class Request:
    """One generation request: one message of a multiplexed stream where the protocol multiplexes."""

    id: str
    """Unique within the deployment; a retry of ours keeps it."""
    cluster: str
    """What may correlate: conversation, configured key, or hash of the normalised opening (one vote each)."""
    method: str
    """The gRPC path, `/package.Service/Method`."""
    model: str
    """The engine-side model name."""
    text: str
    """The prompt; empty when the wire carries token ids only."""
    sampling: Sampling
    received_ns: int
    """Wall clock, UTC epoch, when the request's last byte was seen."""
    streaming: bool = False
    route: str = ""
    """The caller's :authority."""
    token_ids: tuple[int, ...] | None = None
    conversation: str | None = None
    turn: int | None = None
    categories: Mapping[str, Category] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Allow-listed request metadata only."""
    traceparent: str | None = None
    raw: bytes = b""
    """The request message as sent (uncompressed, unframed), for replay; empty when not kept."""


@dataclass(frozen=True, slots=True)
class Output:
    """One leg's reply, whole. An engine's failure is data here, never an exception."""

    leg: Leg
    text: str
    finish: Finish = Finish.UNKNOWN
    status: int = 0
    """gRPC status code; 0 is OK, which is not yet success: see `error`."""
    error: str = ""
    """Status message or in-band error; empty when none."""
    upstream: str = ""
    """Address that answered."""
    fingerprint: str = ""
    """sha256 of the engine's manifest."""
    live: bool = False
    """Served to the caller, as opposed to a shadow reply."""
    valid_utf8: bool = True
    """False when bytes of the reply were not UTF-8; `text` then holds U+FFFD in their place."""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    first_ns: int | None = None
    """Nanoseconds from sending to the first reply byte."""
    last_ns: int | None = None
    """Nanoseconds from sending to the end of the reply."""
    chunks_ns: tuple[int, ...] = ()
    """Nanoseconds from sending to each message of a stream."""
    in_flight_at_send: int = 0
    cancelled_by: str = ""
    """'client', 'deadline' (ours), 'mirror_off' or ''."""
    truncated_by: str = ""
    """'max_tokens' when the reply ran into its budget, else ''."""

    @property
    def failed(self) -> bool:
        """True when a caller would have got no usable answer.

        An error status, an in-band error, our deadline, a cut at max_tokens, or nothing at all; a reply the
        client itself cancelled is not a failure.
        """
        if self.cancelled_by in ("client", "mirror_off"):
            return False
        return bool(
            self.status
            or self.error
            or self.cancelled_by == "deadline"
            or self.truncated_by == "max_tokens"
            or not self.text
        )


@dataclass(frozen=True, slots=True)
class Lane:
    """Which two engines a pair compares: fingerprints, not names, because names lie (design: "Lanes")."""

    baseline: str
    candidate: str

    def __str__(self) -> str:
        return f"{self.baseline[:12]}..{self.candidate[:12]}"


@dataclass(frozen=True, slots=True)
class Pair:
    """One request and the outputs of its legs, ready to be analysed."""

    request: Request
    baseline: Output
    candidate: Output
    lane: Lane
    control: Output | None = None
    tick: int = 0
    """Tick of admission: floor(admitted_ns / tick length)."""
    admitted_ns: int = 0
    """Wall clock when the mirror admitted the request."""
    probability: float = 1.0
    """With which this request was sampled."""
    sampled_by: str = "rate"
    """Why it was sampled: 'rate', 'window', 'category', 'replay', 'file'."""
    censored: bool = False
    """The client cancelled: only prefix-safe metrics score."""

    @property
    def id(self) -> str:
        """The pair's id is its request's."""
        return self.request.id

    @property
    def stratum(self) -> Stratum:
        """FREE or COUPLED, from the request's sampling."""
        return self.request.sampling.stratum

    def legs(self) -> tuple[Output, ...]:
        """The outputs present, baseline first."""
        return (self.baseline, self.candidate) + ((self.control,) if self.control else ())
