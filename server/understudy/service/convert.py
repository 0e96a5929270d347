"""Values to messages of understudy.v1 and back; exact in both directions for every field.

Save for callers' numbers that no 64 bits hold, which are left out: a turn or a seed that no engine can have meant.
"""

from collections.abc import Mapping

from understudy.alert import Alert
from understudy.drift.verdict import Verdict
from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.rollback import Signal
from understudy.score import Score, Sense, Span
from understudy.v1 import values_pb2 as pb

_SIGNED = range(-(2**63), 2**63)
_UNSIGNED = range(2**64)
_LEG_TO = {
    Leg.BASELINE: pb.LEG_BASELINE,
    Leg.CANDIDATE: pb.LEG_CANDIDATE,
    Leg.CONTROL: pb.LEG_CONTROL,
}
_LEG_FROM: Mapping[int, Leg] = {number: leg for leg, number in _LEG_TO.items()}


def clean(text: str) -> str:
    """Replace lone surrogates, which protobuf strings cannot carry, with U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def pair_to_proto(pair: Pair) -> pb.Pair:
    """Return the message of a pair."""
    # Filled in place and only where something differs from the default: every pair of all traffic comes this way, and
    # messages that are handed to a constructor are copied.
    message = pb.Pair(tick=pair.tick, admitted_ns=pair.admitted_ns, sampled_by=pair.sampled_by)
    message.probability = pair.probability
    if pair.censored:
        message.censored = True
    _fill_request(message.request, pair.request)
    _fill_output(message.baseline, pair.baseline)
    _fill_output(message.candidate, pair.candidate)
    if pair.control is not None:
        _fill_output(message.control, pair.control)
    lane = message.lane
    lane.baseline = pair.lane.baseline
    lane.candidate = pair.lane.candidate
    return message


def pair_from_proto(message: pb.Pair) -> Pair:
    """Return the pair of a message."""
    return Pair(
        request=_request_from(message.request),
        baseline=_output_from(message.baseline),
        candidate=_output_from(message.candidate),
        control=_output_from(message.control) if message.HasField("control") else None,
        lane=Lane(message.lane.baseline, message.lane.candidate),
        tick=message.tick,
        admitted_ns=message.admitted_ns,
        probability=message.probability,
        sampled_by=message.sampled_by,
        censored=message.censored,
    )


def score_to_proto(score: Score) -> pb.Score:
    """Return the message of a score."""
    return pb.Score(
        metric=score.metric,
        sense=score.sense.value,
        values=[pb.LegValue(leg=_LEG_TO[leg], value=value) for leg, value in score.values.items()],
        unscored=[pb.LegReason(leg=_LEG_TO[leg], reason=reason) for leg, reason in score.unscored.items()],
        analyzer=score.analyzer,
        version=score.version,
        parameters=dict(score.parameters or {}),
        spans=[pb.Span(leg=_LEG_TO[s.leg], start=s.start, end=s.end, label=s.label) for s in score.spans],
        explanation=clean(score.explanation),
        judged_coupled=score.judged_coupled,
    )


def score_from_proto(message: pb.Score) -> Score:
    """Return the score of a message."""
    return Score(
        metric=message.metric,
        sense=Sense(message.sense),
        values={_LEG_FROM[v.leg]: v.value for v in message.values},
        unscored={_LEG_FROM[v.leg]: v.reason for v in message.unscored},
        analyzer=message.analyzer,
        version=message.version,
        parameters=dict(message.parameters),
        spans=tuple(Span(_LEG_FROM[s.leg], s.start, s.end, s.label) for s in message.spans),
        explanation=message.explanation,
        judged_coupled=message.judged_coupled,
    )


def _fill_request(message: pb.Request, request: Request) -> None:
    message.id = request.id
    message.cluster = request.cluster
    message.method = request.method
    message.model = request.model
    message.text = clean(request.text)
    message.received_ns = request.received_ns
    if request.route:
        message.route = request.route
    if request.raw:
        message.raw = request.raw
    if request.streaming:
        message.streaming = True
    if request.conversation is not None:
        message.conversation = request.conversation
    if request.turn is not None and request.turn in _SIGNED:
        message.turn = request.turn
    if request.traceparent is not None:
        message.traceparent = request.traceparent
    if request.token_ids is not None:
        message.has_token_ids = True
        message.token_ids.extend(request.token_ids)
    _fill_sampling(message.sampling, request.sampling)
    for name, category in request.categories.items():
        slot = message.categories[name]
        slot.value = clean(category.value)
        slot.source = category.source
    for name, value in request.metadata.items():
        message.metadata[name] = clean(value)


def _fill_sampling(message: pb.Sampling, sampling: Sampling) -> None:
    if sampling.temperature is not None:
        message.temperature = sampling.temperature
    if sampling.top_k is not None and sampling.top_k in _SIGNED:
        message.top_k = sampling.top_k
    if sampling.top_p is not None:
        message.top_p = sampling.top_p
    if sampling.seed is not None and sampling.seed in _UNSIGNED:
        message.seed = sampling.seed
    if sampling.max_tokens is not None and sampling.max_tokens in _SIGNED:
        message.max_tokens = sampling.max_tokens
    if sampling.stop:
        message.stop.extend([clean(word) for word in sampling.stop])


def _request_from(message: pb.Request) -> Request:
    sampling = message.sampling
    return Request(
        id=message.id,
        cluster=message.cluster,
        conversation=message.conversation if message.HasField("conversation") else None,
        turn=message.turn if message.HasField("turn") else None,
        route=message.route,
        method=message.method,
        model=message.model,
        text=message.text,
        token_ids=tuple(message.token_ids) if message.has_token_ids else None,
        sampling=Sampling(
            temperature=sampling.temperature if sampling.HasField("temperature") else None,
            top_k=sampling.top_k if sampling.HasField("top_k") else None,
            top_p=sampling.top_p if sampling.HasField("top_p") else None,
            seed=sampling.seed if sampling.HasField("seed") else None,
            max_tokens=sampling.max_tokens if sampling.HasField("max_tokens") else None,
            stop=tuple(sampling.stop),
        ),
        categories={name: Category(c.value, c.source) for name, c in message.categories.items()},
        traceparent=message.traceparent if message.HasField("traceparent") else None,
        received_ns=message.received_ns,
        streaming=message.streaming,
        metadata=dict(message.metadata),
        raw=message.raw,
    )


def _fill_output(message: pb.Output, output: Output) -> None:
    message.leg = _LEG_TO[output.leg]
    message.finish = output.finish
    if output.text:
        message.text = clean(output.text)
    if output.valid_utf8:
        message.valid_utf8 = True
    if output.upstream:
        message.upstream = output.upstream
    if output.fingerprint:
        message.fingerprint = output.fingerprint
    if output.live:
        message.live = True
    if output.status:
        message.status = output.status
    if output.error:
        message.error = clean(output.error)
    if output.token_ids is not None:
        message.has_token_ids = True
        message.token_ids.extend(output.token_ids)
    if output.logprobs is not None:
        message.has_logprobs = True
        message.logprobs.extend(output.logprobs)
    if output.first_ns is not None:
        message.first_ns = output.first_ns
    if output.last_ns is not None:
        message.last_ns = output.last_ns
    if output.chunks_ns:
        message.chunks_ns.extend(output.chunks_ns)
    if output.in_flight_at_send:
        message.in_flight_at_send = output.in_flight_at_send
    if output.cancelled_by:
        message.cancelled_by = output.cancelled_by
    if output.truncated_by:
        message.truncated_by = output.truncated_by


def _output_from(message: pb.Output) -> Output:
    return Output(
        leg=_LEG_FROM[message.leg],
        upstream=message.upstream,
        fingerprint=message.fingerprint,
        live=message.live,
        text=message.text,
        valid_utf8=message.valid_utf8,
        token_ids=tuple(message.token_ids) if message.has_token_ids else None,
        logprobs=tuple(message.logprobs) if message.has_logprobs else None,
        finish=Finish(message.finish),
        status=message.status,
        error=message.error,
        first_ns=message.first_ns if message.HasField("first_ns") else None,
        last_ns=message.last_ns if message.HasField("last_ns") else None,
        chunks_ns=tuple(message.chunks_ns),
        in_flight_at_send=message.in_flight_at_send,
        cancelled_by=message.cancelled_by,
        truncated_by=message.truncated_by,
    )


def verdict_to_proto(verdict: Verdict) -> pb.Verdict:
    """Return the message of a verdict."""
    return pb.Verdict(
        slice=verdict.slice,
        metric=verdict.metric,
        lane=pb.Lane(baseline=verdict.lane.baseline, candidate=verdict.lane.candidate),
        state=verdict.state.value,
        reason=verdict.reason.value,
        votes=verdict.votes,
        effect=verdict.effect,
        low=verdict.low,
        high=verdict.high,
        evidence=verdict.evidence,
        threshold=verdict.threshold,
        tier=str(verdict.tier),
        tau=verdict.tau,
        tick=verdict.tick,
        more_pairs=verdict.more_pairs,
        tolerances=verdict.tolerances,
        severity=verdict.severity,
        clusters=verdict.clusters,
        coverage=verdict.coverage,
        unscored=verdict.unscored,
        mde=verdict.mde,
    )


def alert_to_proto(alert: Alert) -> pb.Alert:
    """Return the message of an alert."""
    return pb.Alert(
        fingerprint=alert.fingerprint,
        name=alert.name,
        state=alert.state.value,
        severity=alert.severity.value,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
        starts_ns=alert.starts_ns,
        ends_ns=alert.ends_ns,
    )


def signal_to_proto(signal: Signal) -> pb.Signal:
    """Return the message of a signal."""
    return pb.Signal(
        action=signal.action.value,
        reason=signal.reason.value,
        alerts=signal.alerts,
        issued_ns=signal.issued_ns,
        target=signal.target,
    )
