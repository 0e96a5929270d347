"""The KServe codec against tritonclient's own messages."""

import itertools
import math
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as oracle
from understudy.codec import Chunk, Manner, Seen, Settings, Undecodable
from understudy.codec.calls import Calls
from understudy.codec.cluster import cluster_named, cluster_of
from understudy.codec.kserve import INFER, STREAM, KServeCodec, pack, unpack
from understudy.codec.text import STAMP_BYTES, Habit, TextReader
from understudy.mirror.settings import Settings as Mirroring
from understudy.pair import Finish, Reason, Sampling, Stratum

SEEN = Seen(id="r1", method=STREAM, received_ns=5, route="llm.example")
texts = st.text(st.characters(codec="utf-8"), max_size=40)
samplings = st.builds(
    Sampling,
    temperature=st.none() | st.sampled_from([0.0, 0.7, 1.0]),
    top_k=st.none() | st.integers(0, 1000),
    top_p=st.none() | st.sampled_from([0.5, 0.9]),
    seed=st.none() | st.integers(0, 2**64 - 1),
    max_tokens=st.none() | st.integers(1, 4096),
    stop=st.lists(texts.filter(bool), max_size=3).map(tuple),
)


def response(
    text: bytes | None, *, id: str = "", final: bool | None = None, finish: str = "", raw: bool = True
) -> bytes:
    answer = oracle.ModelInferResponse(id=id)
    named = {"text_output": text, "finish_reason": finish.encode() or None}
    for name, value in named.items():
        if value is None:
            continue
        tensor = answer.outputs.add(name=name, datatype="BYTES", shape=[1])
        if raw:
            answer.raw_output_contents.append(pack([value]))
        else:
            tensor.contents.bytes_contents.append(value)
    if final is not None:
        answer.parameters["triton_final_response"].bool_param = final
    return bytes(oracle.ModelStreamInferResponse(infer_response=answer).SerializeToString())


def read(
    *pieces: bytes, codec: KServeCodec | None = None, echo: str = "", manner: Manner = Manner.AUTO
) -> str:
    reader = TextReader(Habit(), manner, echo)
    for piece in pieces:
        reader.feed(Chunk(id="", text=piece), 1)
    return reader.finished().text


@settings(max_examples=60, deadline=None)
@given(
    prompt=texts, sampling=samplings, stream=st.booleans(), dialect=st.sampled_from(["ensemble", "llmapi"])
)
def test_what_it_encodes_tritonclient_parses_and_it_decodes_again(
    prompt: str, sampling: Sampling, stream: bool, dialect: str
) -> None:
    codec = KServeCodec()
    raw = codec.encode(model="m", id="7", prompt=prompt, sampling=sampling, stream=stream, dialect=dialect)

    theirs = oracle.ModelInferRequest.FromString(raw)
    assert theirs.model_name == "m" and theirs.id == "7"
    assert unpack(theirs.raw_input_contents[0]) == (prompt.encode(),)

    request = codec.rebuild(raw, SEEN)
    assert (request.text, request.sampling, request.streaming) == (prompt, sampling, stream)
    assert (request.id, request.model, request.route, request.raw) == ("r1", "m", "llm.example", raw)


@settings(max_examples=60, deadline=None)
@given(prompt=texts, limit=st.integers(0, 2**31 - 1), seed=st.integers(0, 2**63 - 1))
def test_typed_contents_read_like_raw_ones(prompt: str, limit: int, seed: int) -> None:
    theirs = oracle.ModelInferRequest(model_name="m")
    theirs.inputs.add(name="text_input", datatype="BYTES").contents.bytes_contents.append(prompt.encode())
    theirs.inputs.add(name="max_tokens", datatype="INT32").contents.int_contents.append(limit)
    theirs.inputs.add(name="seed", datatype="UINT64").contents.uint64_contents.append(seed)
    theirs.inputs.add(name="stream", datatype="BOOL").contents.bool_contents.append(True)
    request = KServeCodec().rebuild(theirs.SerializeToString(), SEEN)
    assert request.text == prompt and request.streaming
    assert request.sampling == Sampling(max_tokens=limit, seed=seed)
    assert request.sampling.stratum is Stratum.COUPLED


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60))
def test_garbage_is_undecodable_and_nothing_worse(data: bytes) -> None:
    codec = KServeCodec()
    for parse in (
        lambda: codec.rebuild(data, SEEN),
        lambda: codec.chunk(STREAM, data),
        lambda: codec.chunk(INFER, data),
    ):
        try:
            parse()
        except Undecodable as refused:
            assert refused.reason is Reason.UNDECODABLE


@pytest.mark.parametrize("raw", [True, False])
def test_a_stream_message_gives_its_id_text_finish_and_final_flag(raw: bool) -> None:
    codec = KServeCodec()
    chunk = codec.chunk(STREAM, response(b"hi", id="a", final=True, finish="length", raw=raw))
    assert chunk == Chunk(id="a", text=b"hi", final=True, finish=Finish.LENGTH)
    assert codec.chunk(STREAM, response(None, final=True)) == Chunk(id="", text=None, final=True)
    assert not codec.chunk(STREAM, response(b"x")).final
    assert codec.chunk(STREAM, response(b"x", finish="None")).finish is Finish.UNKNOWN


def test_an_in_band_error_is_kept_although_the_status_will_be_ok() -> None:
    raw = oracle.ModelStreamInferResponse(error_message="unknown model").SerializeToString()
    assert KServeCodec().chunk(STREAM, raw).error == "unknown model"


def test_shared_memory_tensors_are_refused_by_name() -> None:
    theirs = oracle.ModelInferRequest(model_name="m")
    theirs.inputs.add(name="text_input", datatype="BYTES").parameters[
        "shared_memory_region"
    ].string_param = "r"
    with pytest.raises(Undecodable) as refused:
        KServeCodec().rebuild(theirs.SerializeToString(), SEEN)
    assert refused.value.reason is Reason.SHARED_MEMORY


def test_only_allow_listed_metadata_is_kept_and_parameters_count_like_headers() -> None:
    codec = KServeCodec(Settings(metadata=("x-category", "tier")))
    raw = codec.encode(model="m", id="", prompt="p", sampling=Sampling(), stream=True)
    theirs = oracle.ModelInferRequest.FromString(raw)
    theirs.parameters["tier"].string_param = "gold"
    theirs.parameters["secret"].string_param = "s"
    theirs.parameters["sequence_id"].int64_param = 9
    headers = {"x-category": "math", "authorization": "Bearer t", "traceparent": "00-a-b-01"}
    request = codec.rebuild(
        theirs.SerializeToString(), Seen(id="1", method=STREAM, received_ns=0, headers=headers)
    )
    assert request.metadata == {"x-category": "math", "tier": "gold"}
    assert (request.conversation, request.cluster, request.traceparent) == (
        "9",
        cluster_named("9"),
        "00-a-b-01",
    )


def test_a_configured_header_names_the_cluster_else_the_opening_does() -> None:
    codec = KServeCodec()
    raw = codec.encode(model="m", id="", prompt=" Hello  World", sampling=Sampling(), stream=True)
    named = codec.rebuild(
        raw, Seen(id="1", method=STREAM, received_ns=0, headers={"x-understudy-cluster": "c9"})
    )
    assert named.cluster == cluster_named("c9")
    assert codec.rebuild(raw, SEEN).cluster == cluster_of("hello world")
    first = "<|im_start|>system\nBe kind<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert cluster_of(first) == cluster_of(first + "Hello!<|im_end|>\n<|im_start|>user\nMore<|im_end|>")
    assert cluster_of(first) != cluster_of(first.replace("Hi", "Ho"))


@pytest.mark.parametrize(("told", "turn"), [("3", 3), ("9" * 19, None), ("9" * 5_000, None), ("-1", None)])
def test_a_turn_is_a_number_that_a_conversation_may_have(told: str, turn: int | None) -> None:
    codec = KServeCodec()
    raw = codec.encode(model="m", id="1", prompt="p", sampling=Sampling(), stream=True)
    seen = Seen(id="1", method=STREAM, received_ns=0, headers={"x-understudy-turn": told})
    assert codec.rebuild(raw, seen).turn == turn


def test_reseeding_changes_the_seed_and_nothing_else() -> None:
    codec = KServeCodec()
    raw = codec.encode(
        model="m", id="4", prompt="p", sampling=Sampling(temperature=0.7, seed=5, stop=("x",)), stream=True
    )
    theirs = oracle.ModelInferRequest.FromString(raw)
    theirs.parameters["triton_enable_empty_final_response"].bool_param = True
    theirs.outputs.add(name="text_output").parameters["binary"].bool_param = True
    before = codec.rebuild(theirs.SerializeToString(), SEEN)
    other = oracle.ModelInferRequest.FromString(codec.reseed(theirs.SerializeToString(), 2**64 - 3))
    after = codec.rebuild(other.SerializeToString(), SEEN)
    assert after.sampling.seed not in (None, 5)
    assert after.sampling.temperature == before.sampling.temperature and after.text == before.text
    other.raw_input_contents[:] = theirs.raw_input_contents
    assert other == theirs

    unseeded = codec.encode(model="m", id="4", prompt="p", sampling=Sampling(), stream=True)
    assert codec.rebuild(codec.reseed(unseeded, 1), SEEN).sampling.seed is None


@pytest.mark.parametrize(
    ("name", "datatype", "raw"),
    [
        ("max_tokens", "BYTES", pack([b"9" * 400])),
        ("max_tokens", "BYTES", pack([b"8"])),
        ("max_tokens", "INT32", struct.pack("<i", -(2**31))),
        ("max_tokens", "UINT64", struct.pack("<Q", 2**63)),
        ("max_tokens", "FP32", struct.pack("<f", math.inf)),
        ("temperature", "FP32", struct.pack("<f", math.nan)),
        ("temperature", "BYTES", pack([b"0"])),
        ("seed", "FP64", struct.pack("<d", 1e300)),
    ],
)
def test_a_sampling_parameter_that_no_engine_takes_is_undecodable(
    name: str, datatype: str, raw: bytes
) -> None:
    theirs = oracle.ModelInferRequest.FromString(
        KServeCodec().encode(model="m", id="", prompt="p", sampling=Sampling(), stream=True)
    )
    theirs.inputs.add(name=name, datatype=datatype, shape=[1, 1])
    theirs.raw_input_contents.append(raw)
    with pytest.raises(Undecodable, match=name):
        KServeCodec().rebuild(theirs.SerializeToString(), SEEN)


def test_a_shadow_hears_nothing_of_the_callers_patience_and_rank() -> None:
    codec = KServeCodec()
    plain = codec.encode(model="m", id="4", prompt="timeout priority", sampling=Sampling(), stream=True)
    assert codec.shadowed(plain) is plain
    theirs = oracle.ModelInferRequest.FromString(plain)
    theirs.parameters["tier"].string_param = "gold"
    kept = theirs.SerializeToString(deterministic=True)
    theirs.parameters["timeout"].int64_param = 5
    theirs.parameters["priority"].uint64_param = 1
    sent = oracle.ModelInferRequest.FromString(codec.shadowed(theirs.SerializeToString()))
    assert sent.SerializeToString(deterministic=True) == kept


def test_a_parameter_in_two_spellings_marks_a_request_by_either() -> None:
    theirs = oracle.ModelInferRequest(model_name="m")
    theirs.parameters["sequence_id"].int64_param = 5
    theirs.parameters["Sequence_ID"].int64_param = 0
    assert "sequence_id" in KServeCodec().ask(theirs.SerializeToString()).marks
    del theirs.parameters["sequence_id"]
    assert not KServeCodec().ask(theirs.SerializeToString()).marks


def test_a_stop_tensor_is_a_cancel_and_not_a_request() -> None:
    theirs = oracle.ModelInferRequest(model_name="m", id="3")
    theirs.inputs.add(name="stop", datatype="BOOL", shape=[1]).contents.bool_contents.append(True)
    ask = KServeCodec().ask(theirs.SerializeToString())
    assert ask.stop and ask.id == "3"


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_deltas_and_cumulative_pieces_of_one_text_read_the_same(data: st.DataObject) -> None:
    words = data.draw(
        st.lists(st.sampled_from(["Der ", "größte ", "Zug ", "fährt ", "日本 "]), min_size=5, max_size=12)
    )
    whole = "".join(f"{index}{word}" for index, word in enumerate(words)).encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), min_size=4, max_size=len(whole) - 1)))
    edges = [0, *cuts, len(whole)]
    deltas = [whole[a:b] for a, b in itertools.pairwise(edges)]
    assert read(*deltas) == whole.decode()
    cumulative = [whole[:edge].decode(errors="replace").encode() for edge in edges[1:]]
    assert read(*cumulative) == whole.decode()


def test_repeated_deltas_stay_a_repetition() -> None:
    assert read(b"ha", b"ha", b"ha", b"ha", b"ha") == "hahahahaha"


def test_a_short_reply_follows_what_longer_ones_of_its_model_taught() -> None:
    habit = Habit()
    for pieces, want in (((b"The", b" cat", b" sat"), "The cat sat"), ((b"1", b"10"), "110")):
        reader = TextReader(habit)
        for piece in pieces:
            reader.feed(Chunk(id="", text=piece), 1)
        assert reader.finished().text == want
    assert read(b"1", b"10") == "10"
    assert read(b"1", b"10", manner=Manner.DELTA) == "110"


def test_a_cumulative_reply_costs_linear_memory() -> None:
    reader = TextReader(Habit())
    for length in range(1, 2000):
        reader.feed(Chunk(id="", text=b"x" * length), length)
    assert reader.size == 1999 + 1999 * STAMP_BYTES and reader.finished().text == "x" * 1999


def test_bytes_that_are_not_utf8_are_flagged_and_shown_replaced() -> None:
    reader = TextReader(Habit())
    reader.feed(Chunk(id="", text=b"ok \xff"), 1)
    reply = reader.finished()
    assert (reply.text, reply.valid_utf8) == ("ok \N{REPLACEMENT CHARACTER}", False)


@pytest.mark.parametrize(
    ("dialect", "explicit", "want"),
    [
        ("ensemble", None, " four"),
        ("ensemble", False, " four"),
        ("ensemble", True, "2+2= four"),
        ("llmapi", None, "2+2= four"),
        ("llmapi", False, " four"),
    ],
)
def test_an_echoed_prompt_is_stripped_unless_the_request_excluded_it(
    dialect: str, explicit: bool | None, want: str
) -> None:
    theirs = oracle.ModelInferRequest(model_name="m")
    theirs.inputs.add(name="text_input", datatype="BYTES").contents.bytes_contents.append(b"2+2=")
    limit = "max_tokens" if dialect == "ensemble" else "sampling_param_max_tokens"
    theirs.inputs.add(name=limit, datatype="INT32").contents.int_contents.append(8)
    if explicit is not None:
        name = (
            "exclude_input_in_output" if dialect == "ensemble" else "sampling_param_exclude_input_from_output"
        )
        theirs.inputs.add(name=name, datatype="BOOL").contents.bool_contents.append(explicit)
    codec = KServeCodec()
    reader = codec.reader(codec.rebuild(theirs.SerializeToString(), SEEN))
    reader.feed(Chunk(id="", text=b"2+2= four"), 1)
    assert reader.finished().text == want


def test_the_codec_shares_a_process_with_tritonclient_without_a_name_clash() -> None:
    import tritonclient.grpc

    assert tritonclient.grpc.service_pb2.ModelInferRequest is oracle.ModelInferRequest


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["ask", "final"]), st.sampled_from(["", "a", "b"])), max_size=40))
def test_replies_go_to_the_oldest_open_call_of_their_id(events: list[tuple[str, str]]) -> None:
    calls, model = Calls(), list[tuple[int, str]]()
    for kind, wire_id in events:
        if kind == "ask":
            model.append((calls.ask(wire_id), wire_id))
        else:
            same = next((key for key, id in model if id == wire_id), None)
            got = calls.answer(Chunk(id=wire_id, text=None, final=True))
            if same is not None:
                assert got == same
            model = [(key, id) for key, id in model if key != got]
        assert calls.open == tuple(key for key, _ in model)


def test_an_engine_that_echoes_no_ids_is_followed_while_one_call_is_open() -> None:
    calls = Calls()
    key = calls.ask("mine")
    assert calls.answer(Chunk(id="", text=b"x")) == key and len(calls) == 1
    calls.ask("other")
    assert calls.answer(Chunk(id="nobody", text=b"x")) is None
    assert calls.answer(Chunk(id="", text=None, error="died")) == key and len(calls) == 1


@pytest.mark.parametrize("key", ["x-understudy-conversation", "x-understudy-cluster"])
def test_a_conversation_is_one_cluster_that_does_not_tell_its_id(key: str) -> None:
    codec, ids = KServeCodec(), ["ann@example.com", "ann@example.com", "bob@example.com"]
    clusters = []
    for number, id in enumerate(ids):
        raw = codec.encode(model="m", id="", prompt=f"turn {number}", sampling=Sampling(), stream=True)
        seen = Seen(id=str(number), method=STREAM, received_ns=0, headers={key: id})
        clusters.append(codec.rebuild(raw, seen).cluster)
    assert clusters[0] == clusters[1] != clusters[2]
    assert not any("example" in cluster for cluster in clusters)


@pytest.mark.parametrize("manner", [Manner.AUTO, Manner.CUMULATIVE, Manner.DELTA])
@pytest.mark.parametrize("piece", [b"#", b"", b"the same", b"a longer piece of text, as of a word or two #"])
def test_what_a_reader_counts_is_what_it_holds(manner: Manner, piece: bytes) -> None:
    tracemalloc.start()
    try:
        reader = TextReader(Habit(), manner)
        for at in range(10_000):
            reader.feed(Chunk("1", piece.replace(b"#", b"%04d" % at)), 10**9 + at)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.75 * reader.size < held < 1.25 * reader.size
    assert len(reader.finished().chunks_ns) == 10_000


def test_a_message_without_anything_counts_too() -> None:
    reader = TextReader(Habit())
    for at in range(1000):
        reader.feed(Chunk("1", None), at)
    assert reader.size == 1000 * STAMP_BYTES and reader.finished().chunks_ns == ()


def test_a_streamed_reply_of_a_hundred_thousand_tokens_is_within_the_default_bound() -> None:
    reader = TextReader(Habit())
    for at in range(100_000):
        reader.feed(Chunk("1", b"%05d" % at), at)
    assert reader.size < Mirroring().reply_bytes and len(reader.finished().text) == 500_000
