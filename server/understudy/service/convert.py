"""Values to messages of understudy.v1 and back; exact in both directions for every field."""

from collections.abc import Mapping

from understudy.alert import Alert
from understudy.drift.verdict import Verdict
from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.rollback import Signal
from understudy.score import Score, Sense, Span
from understudy.v1 import values_pb2 as pb

_LEG_TO = {
    Leg.BASELINE: pb.LEG_BASELINE,
    Leg.CANDIDATE: pb.LEG_CANDIDATE,
    Leg.CONTROL: pb.LEG_CONTROL,
}
_LEG_FROM: Mapping[int, Leg] = {number: leg for leg, number in _LEG_TO.items()}


def clean(text: str) -> str:
    """Replace lone surrogates, which protobuf strings cannot carry, with U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


def pair_to_proto(pair: Pair) -> pb.Pair:
    """Return the message of a pair."""
    message = pb.Pair(
        request=_request_to(pair.request),
        baseline=_output_to(pair.baseline),
        candidate=_output_to(pair.candidate),
        lane=pb.Lane(baseline=pair.lane.baseline, candidate=pair.lane.candidate),
        tick=pair.tick,
        admitted_ns=pair.admitted_ns,
        probability=pair.probability,
        sampled_by=pair.sampled_by,
        censored=pair.censored,
    )
    if pair.control is not None:
        message.control.CopyFrom(_output_to(pair.control))
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


def _request_to(request: Request) -> pb.Request:
    sampling = request.sampling
    return pb.Request(
        id=request.id,
        cluster=request.cluster,
        conversation=request.conversation,
        turn=request.turn,
        route=request.route,
        method=request.method,
        model=request.model,
        text=clean(request.text),
        token_ids=request.token_ids or (),
        has_token_ids=request.token_ids is not None,
        sampling=pb.Sampling(
            temperature=sampling.temperature,
            top_k=sampling.top_k,
            top_p=sampling.top_p,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
            stop=[clean(word) for word in sampling.stop],
        ),
        categories={
            name: pb.Category(value=clean(category.value), source=category.source)
            for name, category in request.categories.items()
        },
        traceparent=request.traceparent,
        received_ns=request.received_ns,
        streaming=request.streaming,
        metadata={name: clean(value) for name, value in request.metadata.items()},
        raw=request.raw,
    )


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


def _output_to(output: Output) -> pb.Output:
    return pb.Output(
        leg=_LEG_TO[output.leg],
        upstream=output.upstream,
        fingerprint=output.fingerprint,
        live=output.live,
        text=clean(output.text),
        valid_utf8=output.valid_utf8,
        token_ids=output.token_ids or (),
        has_token_ids=output.token_ids is not None,
        logprobs=output.logprobs or (),
        has_logprobs=output.logprobs is not None,
        finish=output.finish.value,
        status=output.status,
        error=clean(output.error),
        first_ns=output.first_ns,
        last_ns=output.last_ns,
        chunks_ns=output.chunks_ns,
        in_flight_at_send=output.in_flight_at_send,
        cancelled_by=output.cancelled_by,
        truncated_by=output.truncated_by,
    )


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
