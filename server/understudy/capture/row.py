"""One pair and its scores as one row, and back: the capture schema, version 1.

| columns | what |
|---|---|
| version, content | 1; false: every text was withheld, and `characters` still tells how long it was |
| id .. raw | the Request (`prompt` is its text; `raw` the request message as sent, for replay) |
| lane_*, tick .. censored | the Pair |
| baseline, candidate, control | one struct per Output; control is null when there was none |
| scores | list of structs; `values` and `unscored` are lists of {leg, ...} |

A text withheld reads back as `WITHHELD`, an empty one as empty: a missing reply stays a failure.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.score import Score, Sense, Span

if TYPE_CHECKING:
    import polars as pl

VERSION = 1
WITHHELD = "[withheld]"
"""What a text reads back as when the capture keeps counts and scores only."""

Row = dict[str, Any]
"""Column -> plain value (str, int, float, bool, bytes, None, and lists or dicts of these)."""

LEGS = ("baseline", "candidate", "control")


def schema() -> "pl.Schema":
    """The Parquet schema."""
    import polars as pl

    text, whole, real = pl.String(), pl.Int64(), pl.Float64()
    named = pl.List(pl.Struct({"name": text, "value": text}))
    output = pl.Struct(
        {
            "text": text,
            "characters": whole,
            "finish": text,
            "status": whole,
            "error": text,
            "upstream": text,
            "fingerprint": text,
            "live": pl.Boolean(),
            "valid_utf8": pl.Boolean(),
            "token_ids": pl.List(whole),
            "logprobs": pl.List(real),
            "first_ns": whole,
            "last_ns": whole,
            "chunks_ns": pl.List(whole),
            "in_flight_at_send": whole,
            "cancelled_by": text,
            "truncated_by": text,
        }
    )
    score = pl.Struct(
        {
            "metric": text,
            "sense": text,
            "values": pl.List(pl.Struct({"leg": text, "value": real})),
            "unscored": pl.List(pl.Struct({"leg": text, "reason": text})),
            "analyzer": text,
            "version": text,
            "parameters": named,
            "spans": pl.List(pl.Struct({"leg": text, "start": whole, "end": whole, "label": text})),
            "explanation": text,
            "judged_coupled": pl.Boolean(),
        }
    )
    return pl.Schema(
        {
            "version": pl.Int32(),
            "content": pl.Boolean(),
            "id": text,
            "cluster": text,
            "method": text,
            "model": text,
            "prompt": text,
            "temperature": real,
            "top_k": whole,
            "top_p": real,
            "seed": pl.UInt64(),
            "max_tokens": whole,
            "stop": pl.List(text),
            "received_ns": whole,
            "streaming": pl.Boolean(),
            "route": text,
            "token_ids": pl.List(whole),
            "conversation": text,
            "turn": whole,
            "categories": pl.List(pl.Struct({"name": text, "value": text, "source": text})),
            "metadata": named,
            "traceparent": text,
            "raw": pl.Binary(),
            "lane_baseline": text,
            "lane_candidate": text,
            "tick": whole,
            "admitted_ns": whole,
            "probability": real,
            "sampled_by": text,
            "censored": pl.Boolean(),
            "baseline": output,
            "candidate": output,
            "control": output,
            "scores": pl.List(score),
        }
    )


def to_row(pair: Pair, scores: Sequence[Score], *, content: bool) -> Row:
    """The pair as a row; with `content` false no text, token, raw byte or metadata of the caller is in it."""
    request, sampling = pair.request, pair.request.sampling
    return {
        "version": VERSION,
        "content": content,
        "id": request.id,
        "cluster": request.cluster,
        "method": request.method,
        "model": request.model,
        "prompt": _kept(request.text, content),
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "max_tokens": sampling.max_tokens,
        "stop": [_clean(word) for word in sampling.stop] if content else [],
        "received_ns": request.received_ns,
        "streaming": request.streaming,
        "route": request.route,
        "token_ids": _listed(request.token_ids) if content else None,
        "conversation": request.conversation if content else None,
        "turn": request.turn,
        "categories": [
            {"name": name, "value": category.value, "source": category.source}
            for name, category in request.categories.items()
        ],
        "metadata": _named(request.metadata) if content else [],
        "traceparent": request.traceparent,
        "raw": request.raw if content else b"",
        "lane_baseline": pair.lane.baseline,
        "lane_candidate": pair.lane.candidate,
        "tick": pair.tick,
        "admitted_ns": pair.admitted_ns,
        "probability": pair.probability,
        "sampled_by": pair.sampled_by,
        "censored": pair.censored,
        "baseline": _output_row(pair.baseline, content),
        "candidate": _output_row(pair.candidate, content),
        "control": _output_row(pair.control, content) if pair.control else None,
        "scores": [_score_row(score, content) for score in scores],
    }


def from_row(row: Mapping[str, Any]) -> tuple[Pair, tuple[Score, ...]]:
    """The pair and scores of a row, exactly as they were written."""
    request = Request(
        id=row["id"],
        cluster=row["cluster"],
        method=row["method"],
        model=row["model"],
        text=row["prompt"],
        sampling=Sampling(
            temperature=row["temperature"],
            top_k=row["top_k"],
            top_p=row["top_p"],
            seed=row["seed"],
            max_tokens=row["max_tokens"],
            stop=tuple(row["stop"]),
        ),
        received_ns=row["received_ns"],
        streaming=row["streaming"],
        route=row["route"],
        token_ids=_tupled(row["token_ids"]),
        conversation=row["conversation"],
        turn=row["turn"],
        categories={c["name"]: Category(c["value"], c["source"]) for c in row["categories"]},
        metadata={item["name"]: item["value"] for item in row["metadata"]},
        traceparent=row["traceparent"],
        raw=row["raw"],
    )
    pair = Pair(
        request=request,
        baseline=_output(Leg.BASELINE, row["baseline"]),
        candidate=_output(Leg.CANDIDATE, row["candidate"]),
        lane=Lane(row["lane_baseline"], row["lane_candidate"]),
        control=_output(Leg.CONTROL, row["control"]) if row["control"] else None,
        tick=row["tick"],
        admitted_ns=row["admitted_ns"],
        probability=row["probability"],
        sampled_by=row["sampled_by"],
        censored=row["censored"],
    )
    return pair, tuple(_score(item) for item in row["scores"])


def to_json(row: Row) -> Row:
    """The row with its only binary column in base64, for the journal."""
    return row | {"raw": base64.b64encode(row["raw"]).decode("ascii")}


def from_json(row: Row) -> Row:
    """The inverse of `to_json`."""
    return row | {"raw": base64.b64decode(row["raw"])}


def _clean(text: str) -> str:
    """Lone surrogates cannot be stored as UTF-8: U+FFFD stands in for them."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return text


def _kept(text: str, content: bool) -> str:
    # Whether there was a text at all is a count, not content: an empty reply is a failure and must stay one.
    return _clean(text) if content else (WITHHELD if text else "")


def _listed(values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _tupled(values: Sequence[Any] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(values)


def _named(values: Mapping[str, str]) -> list[Row]:
    return [{"name": name, "value": _clean(value)} for name, value in values.items()]


def _output_row(output: Output, content: bool) -> Row:
    return {
        "text": _kept(output.text, content),
        "characters": len(output.text),
        "finish": output.finish.value,
        "status": output.status,
        "error": _kept(output.error, content),
        "upstream": output.upstream,
        "fingerprint": output.fingerprint,
        "live": output.live,
        "valid_utf8": output.valid_utf8,
        "token_ids": _listed(output.token_ids) if content else None,
        "logprobs": _listed(output.logprobs) if content else None,
        "first_ns": output.first_ns,
        "last_ns": output.last_ns,
        "chunks_ns": list(output.chunks_ns),
        "in_flight_at_send": output.in_flight_at_send,
        "cancelled_by": output.cancelled_by,
        "truncated_by": output.truncated_by,
    }


def _output(leg: Leg, row: Mapping[str, Any]) -> Output:
    return Output(
        leg=leg,
        text=row["text"],
        finish=Finish(row["finish"]),
        status=row["status"],
        error=row["error"],
        upstream=row["upstream"],
        fingerprint=row["fingerprint"],
        live=row["live"],
        valid_utf8=row["valid_utf8"],
        token_ids=_tupled(row["token_ids"]),
        logprobs=_tupled(row["logprobs"]),
        first_ns=row["first_ns"],
        last_ns=row["last_ns"],
        chunks_ns=tuple(row["chunks_ns"]),
        in_flight_at_send=row["in_flight_at_send"],
        cancelled_by=row["cancelled_by"],
        truncated_by=row["truncated_by"],
    )


def _score_row(score: Score, content: bool) -> Row:
    return {
        "metric": score.metric,
        "sense": score.sense.value,
        "values": [{"leg": leg.value, "value": value} for leg, value in score.values.items()],
        "unscored": [{"leg": leg.value, "reason": reason} for leg, reason in score.unscored.items()],
        "analyzer": score.analyzer,
        "version": score.version,
        "parameters": None if score.parameters is None else _named(score.parameters),
        "spans": [
            {"leg": span.leg.value, "start": span.start, "end": span.end, "label": _clean(span.label)}
            for span in score.spans
        ]
        if content  # positions, labels and explanations may quote what was said
        else [],
        "explanation": _clean(score.explanation) if content else "",
        "judged_coupled": score.judged_coupled,
    }


def _score(row: Mapping[str, Any]) -> Score:
    parameters = row["parameters"]
    return Score(
        metric=row["metric"],
        sense=Sense(row["sense"]),
        values={Leg(item["leg"]): item["value"] for item in row["values"]},
        unscored={Leg(item["leg"]): item["reason"] for item in row["unscored"]},
        analyzer=row["analyzer"],
        version=row["version"],
        parameters=None if parameters is None else {item["name"]: item["value"] for item in parameters},
        spans=tuple(Span(Leg(s["leg"]), s["start"], s["end"], s["label"]) for s in row["spans"]),
        explanation=row["explanation"],
        judged_coupled=row["judged_coupled"],
    )
