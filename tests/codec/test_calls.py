"""Requests in flight on one stream, matched to what comes in reply."""

from hypothesis import given
from hypothesis import strategies as st
from understudy.codec import Chunk
from understudy.codec.calls import Calls

ids = st.sampled_from(["", "a", "b"])
steps = st.lists(
    st.one_of(st.tuples(st.just("ask"), ids), st.tuples(st.sampled_from(["piece", "final"]), ids)),
    max_size=60,
)


@given(steps)
def test_calls_that_a_piece_cannot_tell_apart_are_each_named_once(script: list[tuple[str, str]]) -> None:
    calls, open_, told = Calls(), list[tuple[int, str]](), set[int]()
    for what, wire_id in script:
        if what == "ask":
            open_.append((calls.ask(wire_id), wire_id))
            continue
        chunk = Chunk(wire_id, b"t", final=what == "final")
        same = [key for key, id in open_ if id == wire_id] or [key for key, id in open_ if not id]
        rivals = same if len(same) > 1 and not chunk.final else []
        assert list(calls.rivals(chunk)) == [key for key in rivals if key not in told]
        told.update(rivals)
        key = calls.answer(chunk)
        assert key == (same[0] if same else open_[0][0] if len(open_) == 1 else None)
        if chunk.final:
            open_ = [call for call in open_ if call[0] != key]
        assert calls.open == tuple(key for key, _ in open_)


def test_a_piece_among_thousands_of_calls_looks_at_none_of_them_twice() -> None:
    calls = Calls()
    keys = [calls.ask("same") for _ in range(5000)]
    piece = Chunk("same", b"t")
    assert calls.rivals(piece) == tuple(keys)
    assert calls.rivals(piece) == ()
    late = calls.ask("same")
    assert calls.rivals(piece) == (late,)
