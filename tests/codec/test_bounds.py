"""What one message may cost: a few kilobytes on the wire may unpack to millions of fields."""

import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2 as oracle
from understudy.codec import Chunk, Seen, Undecodable
from understudy.codec.bounds import FIELDS, bounded
from understudy.codec.cluster import OPENING, cluster_of
from understudy.codec.kserve import HABITS, INFER, STREAM, KServeCodec
from understudy.codec.messages import InferRequest
from understudy.codec.tensors import ELEMENTS, pack, unpack
from understudy.pair import Request, Sampling

SEEN = Seen(id="r1", method=STREAM, received_ns=5)
MANY = 1 << 19
NUMBERS = 2_000_000
PROMPT = b"\x0a\x0atext_input\x12\x05BYTES"


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def held(number: int, value: bytes) -> bytes:
    """A field with a length."""
    return varint(number << 3 | 2) + varint(len(value)) + value


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x2a\0" * MANY, id="inputs"),
        pytest.param(b"\xaa\x80\0\x80\0" * MANY, id="inputs in long spelling"),
        pytest.param(b"\x32\0" * MANY, id="outputs"),
        pytest.param(b"\x22\0" * MANY, id="parameters"),
        pytest.param(b"\x3a\0" * MANY, id="raw contents"),
        pytest.param(held(5, b"\x22\0" * MANY), id="parameters of a tensor"),
        pytest.param(held(5, b"\x22\0" * 30) * (MANY // 30), id="parameters of tensors"),
        pytest.param(held(5, b"\x1a" + varint(NUMBERS) + b"\1" * NUMBERS), id="shape"),
        pytest.param(held(5, b"\x18\1" * MANY), id="shape, not packed"),
        pytest.param(held(5, PROMPT + held(5, b"\x42\0" * MANY)), id="elements"),
        pytest.param(held(5, PROMPT + held(5, b"\x12" + varint(NUMBERS) + b"\1" * NUMBERS)), id="integers"),
    ],
)
def test_a_message_of_more_fields_than_any_request_has_is_not_unpacked(raw: bytes) -> None:
    codec = KServeCodec()
    tracemalloc.start()
    try:
        with pytest.raises(Undecodable, match="more than"):
            codec.ask(raw)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("field", [b"\x22\0", b"\x2a\0", b"\x32\0"])
def test_neither_is_a_reply(field: bytes) -> None:
    for method, raw in ((INFER, field * MANY), (STREAM, held(2, field * MANY))):
        with pytest.raises(Undecodable, match="more than"):
            KServeCodec().chunk(method, raw)


def test_large_requests_and_replies_that_engines_take_and_give_pass() -> None:
    codec, text = KServeCodec(), "in the long run * " * 100_000
    theirs = oracle.ModelInferRequest.FromString(
        codec.encode(model="m", id="7", prompt=text, sampling=Sampling(max_tokens=5), stream=True)
    )
    for number in range(100):
        theirs.inputs.add(name=f"tensor_{number}", datatype="FP32", shape=[1, 100])
        theirs.raw_input_contents.append(bytes(400))
        theirs.parameters[f"parameter_{number}"].string_param = "value " * 30
    theirs.parameters["low"].int64_param = -1
    request = codec.rebuild(theirs.SerializeToString(), SEEN)
    assert request.text == text and request.sampling.max_tokens == 5

    answer = oracle.ModelInferResponse(id="7")
    answer.outputs.add(name="text_output", datatype="BYTES").contents.bytes_contents.append(text.encode())
    answer.outputs.add(name="logits", datatype="FP32").contents.fp32_contents.extend([0.5] * 100_000)
    answer.outputs.add(name="output_ids", datatype="INT32").contents.int_contents.extend([30_000] * 100_000)
    assert codec.chunk(INFER, answer.SerializeToString()) == Chunk("7", text.encode())


fields = st.recursive(
    st.one_of(st.binary(max_size=6), st.just(b"\x08\1"), st.just(b"\x25abcd"), st.just(b"\x21abcdefgh")),
    lambda inner: st.builds(
        lambda number, parts: held(number, b"".join(parts)), st.integers(1, 9), st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(fields, max_size=4).map(b"".join))
def test_whatever_can_be_unpacked_is_counted_in_full(raw: bytes) -> None:
    try:
        message = InferRequest.FromString(raw)
    except Exception:
        return
    # 256 numbers cost a field.
    found = len(message.parameters) + len(message.outputs) + len(message.raw_input_contents)
    for tensor in message.inputs:
        found += 1 + len(tensor.parameters) + len(tensor.shape) // 256
        contents = tensor.contents.ListFields()
        found += sum(len(v) // (2 if kind.name == "bytes_contents" else 256) for kind, v in contents)
    try:
        assert bounded(raw, InferRequest, FIELDS) + found <= FIELDS
    except Undecodable as refused:
        assert "wire type" in str(refused), "a group, which no engine's message has"


def test_a_tensor_of_more_elements_than_any_prompt_has_is_not_taken_apart() -> None:
    assert len(unpack(pack([b""] * ELEMENTS))) == ELEMENTS
    with pytest.raises(Undecodable, match="more than"):
        unpack(bytes(1 << 20))
    theirs = oracle.ModelInferRequest(model_name="m")
    theirs.inputs.add(name="text_input", datatype="BYTES").contents.bytes_contents.extend([b""] * 2000)
    with pytest.raises(Undecodable, match="more than"):
        KServeCodec().rebuild(theirs.SerializeToString(), SEEN)


def test_tensors_that_nobody_reads_cost_nothing() -> None:
    codec = KServeCodec()
    theirs = oracle.ModelInferRequest.FromString(
        codec.encode(model="m", id="", prompt="p", sampling=Sampling(max_tokens=5), stream=True)
    )
    for name, datatype, raw in (
        ("bad_words_list", "BYTES", pack([b"word"] * 3000)),
        ("embedding_bias", "FP32", struct.pack("<f", 0.5) * 300_000),
    ):
        theirs.inputs.add(name=name, datatype=datatype)
        theirs.raw_input_contents.append(raw)
    raw = theirs.SerializeToString()
    ask = codec.ask(raw)
    tracemalloc.start()
    try:
        assert codec.request(ask, SEEN).sampling.max_tokens == 5
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_of_a_long_prompt_its_beginning_alone_says_what_it_correlates_with() -> None:
    start = "<|im_" * (OPENING // 5 + 1)
    assert cluster_of(start + "one" * 1_000_000) == cluster_of(start + "two")
    assert cluster_of("one " + start) != cluster_of("two " + start)


def asked(codec: KServeCodec, model: str) -> Request:
    return codec.rebuild(codec.encode(model=model, id="", prompt="p", sampling=Sampling(), stream=True), SEEN)


def test_a_model_name_longer_than_a_path_component_is_no_request() -> None:
    codec = KServeCodec()
    assert asked(codec, "ü" * 128).model == "ü" * 128
    with pytest.raises(Undecodable, match="model name"):
        asked(codec, "ü" * 129)


def test_invented_models_do_not_crowd_out_the_habit_of_one_in_use() -> None:
    codec = KServeCodec()

    def told(*pieces: bytes) -> str:
        reader = codec.reader(asked(codec, "real"))
        for piece in pieces:
            reader.feed(Chunk("", piece), 1)
        return reader.finished().text

    for number in range(HABITS):
        codec.reader(asked(codec, f"invented-{number}"))
    assert told(b"The", b" cat", b" sat") == "The cat sat"
    for number in range(3 * HABITS):
        codec.reader(asked(codec, f"other-{number}"))
        if not number % 500:
            assert told(b"1", b"10") == "110"
