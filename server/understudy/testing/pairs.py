"""Builders of the shared values: whole ones from the few facts that a test is about."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import TypedDict, Unpack

from understudy.pair import EMPTY, Category, Finish, Lane, Leg, Output, Pair, Request, Sampling

LANE = Lane("b" * 64, "c" * 64)
"""The lane of built pairs: two fingerprints that differ."""

METHOD = "/inference.GRPCInferenceService/ModelInfer"


def an_output(
    text: str = "Hello.",
    *,
    leg: Leg = Leg.BASELINE,
    finish: Finish = Finish.STOP,
    status: int = 0,
    error: str = "",
    cancelled_by: str = "",
    truncated_by: str = "",
) -> Output:
    """An output of one leg, fine unless told otherwise; other fields by `dataclasses.replace`."""
    return Output(
        leg,
        text,
        finish,
        status=status,
        error=error,
        fingerprint=LANE.candidate if leg is Leg.CANDIDATE else LANE.baseline,
        live=leg is Leg.BASELINE,
        cancelled_by=cancelled_by,
        truncated_by=truncated_by,
        first_ns=10_000_000,
        last_ns=50_000_000,
    )


class PairFields(TypedDict, total=False):
    """The fields of a Pair that `a_pair` passes on as they are."""

    lane: Lane
    tick: int
    admitted_ns: int
    probability: float
    sampled_by: str
    censored: bool


def a_pair(
    prompt: str = "Say hello.",
    baseline: str | Output = "Hello.",
    candidate: str | Output | None = None,
    control: str | Output | None = None,
    *,
    id: str | None = None,
    cluster: str | None = None,
    sampling: Sampling | None = None,
    categories: Mapping[str, str | Category] = EMPTY,
    metadata: Mapping[str, str] = EMPTY,
    model: str = "lm",
    finish: Finish = Finish.STOP,
    **fields: Unpack[PairFields],
) -> Pair:
    """A pair from texts: unless given, the candidate repeats the baseline and there is no control.

    A side may be a whole `Output` (a failure, say), which is put on that leg. The id and cluster derive from
    the prompt, so that distinct prompts are distinct votes and a test run twice builds equal pairs.
    """
    digest = sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    request = Request(
        id=digest if id is None else id,
        cluster=(digest if id is None else id) if cluster is None else cluster,
        method=METHOD,
        model=model,
        text=prompt,
        sampling=Sampling() if sampling is None else sampling,
        received_ns=1_700_000_000_000_000_000,
        categories={
            name: value if isinstance(value, Category) else Category(value, "declared")
            for name, value in categories.items()
        },
        metadata=dict(metadata),
    )

    def side(given: str | Output, leg: Leg) -> Output:
        return an_output(given, leg=leg, finish=finish) if isinstance(given, str) else replace(given, leg=leg)

    left = side(baseline, Leg.BASELINE)
    fields.setdefault("lane", LANE)
    return Pair(
        request,
        left,
        side(left.text if candidate is None else candidate, Leg.CANDIDATE),
        control=None if control is None else side(control, Leg.CONTROL),
        **fields,
    )
