"""Values survive the wire exactly."""

from hypothesis import given
from hypothesis import strategies as st
from understudy.pair import Category, Finish, Lane, Leg, Output, Pair, Request, Sampling
from understudy.score import Score, Sense, Span
from understudy.service.convert import pair_from_proto, pair_to_proto, score_from_proto, score_to_proto

texts = st.text(max_size=40)
maybe_ints = st.none() | st.integers(0, 2**40)
ids = st.none() | st.lists(st.integers(0, 2**31), max_size=4).map(tuple)
samplings = st.builds(
    Sampling,
    temperature=st.none() | st.floats(0, 2),
    top_k=maybe_ints,
    top_p=st.none() | st.floats(0, 1),
    seed=st.none() | st.integers(0, 2**64 - 1),
    max_tokens=maybe_ints,
    stop=st.lists(texts, max_size=3).map(tuple),
)
requests = st.builds(
    Request,
    id=texts,
    cluster=texts,
    method=texts,
    model=texts,
    text=texts,
    sampling=samplings,
    received_ns=st.integers(0, 2**62),
    streaming=st.booleans(),
    route=texts,
    token_ids=ids,
    conversation=st.none() | texts,
    turn=maybe_ints,
    categories=st.dictionaries(texts, st.builds(Category, texts, texts), max_size=3),
    metadata=st.dictionaries(texts, texts, max_size=3),
    traceparent=st.none() | texts,
    raw=st.binary(max_size=20),
)


def outputs(leg: Leg) -> st.SearchStrategy[Output]:
    return st.builds(
        Output,
        leg=st.just(leg),
        text=texts,
        finish=st.sampled_from(Finish),
        status=st.integers(0, 16),
        error=texts,
        upstream=texts,
        fingerprint=texts,
        live=st.booleans(),
        valid_utf8=st.booleans(),
        token_ids=ids,
        logprobs=st.none() | st.lists(st.floats(-9, 0), max_size=3).map(tuple),
        first_ns=maybe_ints,
        last_ns=maybe_ints,
        chunks_ns=st.lists(st.integers(0, 2**40), max_size=4).map(tuple),
        in_flight_at_send=st.integers(0, 99),
        cancelled_by=texts,
        truncated_by=texts,
    )


pairs = st.builds(
    Pair,
    request=requests,
    baseline=outputs(Leg.BASELINE),
    candidate=outputs(Leg.CANDIDATE),
    control=st.none() | outputs(Leg.CONTROL),
    lane=st.builds(Lane, texts, texts),
    tick=st.integers(0, 2**40),
    admitted_ns=st.integers(0, 2**62),
    probability=st.floats(0, 1),
    sampled_by=texts,
    censored=st.booleans(),
)
scores = st.builds(
    Score,
    metric=texts,
    sense=st.sampled_from(Sense),
    values=st.dictionaries(st.sampled_from(Leg), st.floats(0, 1), max_size=3),
    unscored=st.dictionaries(st.sampled_from(Leg), texts, max_size=3),
    analyzer=texts,
    version=texts,
    parameters=st.dictionaries(texts, texts, max_size=2),
    spans=st.lists(
        st.builds(Span, st.sampled_from(Leg), st.integers(0, 99), st.integers(0, 99), texts), max_size=2
    ).map(tuple),
    explanation=texts,
    judged_coupled=st.booleans(),
)


@given(pairs)
def test_a_pair_comes_back_as_it_went(pair: Pair) -> None:
    assert pair_from_proto(pair_to_proto(pair)) == pair


@given(scores)
def test_a_score_comes_back_as_it_went(score: Score) -> None:
    assert score_from_proto(score_to_proto(score)) == score


def test_lone_surrogates_become_replacement_characters() -> None:
    output = Output(Leg.BASELINE, "a\ud800b")
    pair = Pair(
        Request("1", "1", "/m", "m", "p\udfff", Sampling(), 1),
        output,
        Output(Leg.CANDIDATE, "c"),
        Lane("b", "c"),
    )
    back = pair_from_proto(pair_to_proto(pair))
    assert (back.baseline.text, back.request.text) == ("a?b", "p?")


def test_numbers_that_the_protocol_cannot_carry_are_left_out_and_the_pair_goes() -> None:
    def back(turn: int, sampling: Sampling) -> Request:
        request = Request("1", "1", "/m", "m", "p", sampling, 1, turn=turn)
        pair = Pair(request, Output(Leg.BASELINE, "a"), Output(Leg.CANDIDATE, "a"), Lane("b", "c"))
        return pair_from_proto(pair_to_proto(pair)).request

    beyond = back(10**18 * 99, Sampling(top_k=2**63, seed=-1, max_tokens=2**63))
    assert (beyond.turn, beyond.sampling) == (None, Sampling())
    largest = Sampling(top_k=-(2**63), seed=2**64 - 1, max_tokens=2**63 - 1)
    assert (back(2**63 - 1, largest).turn, back(0, largest).sampling) == (2**63 - 1, largest)
    assert back(0, Sampling(seed=2**64)).sampling == Sampling()
