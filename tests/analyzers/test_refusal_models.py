"""The two analyzers that ask a model: a classifier in process, a judge over gRPC."""

import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import grpc
import pytest
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers.refusal.classifier import RefusalClassifier
from understudy_analyzers.refusal.juror import RefusalJudge

ASK, YES, NO = "How do I open it?", "Sure. Turn the key.", "I'm sorry, but I can't help with that."


class Engine:
    """A KServe v2 server on loopback whose answer the test chooses."""

    def __init__(self) -> None:
        self.answer: Callable[[str], str] = lambda prompt: "comply"
        self.asked: list[str] = []

    def infer(self, request: Any, context: grpc.ServicerContext) -> Any:
        from tritonclient.grpc import service_pb2

        # One BYTES element: four bytes of length, then the text.
        prompt = request.raw_input_contents[0][4:].decode()
        self.asked.append(prompt)
        said = self.answer(prompt).encode()
        response = service_pb2.ModelInferResponse(model_name=request.model_name)
        response.outputs.add(name="text_output", datatype="BYTES", shape=[1, 1])
        response.raw_output_contents.append(len(said).to_bytes(4, "little") + said)
        return response


@pytest.fixture
def engine() -> Iterator[tuple[Engine, str]]:
    from tritonclient.grpc import service_pb2

    made = Engine()
    handler = grpc.method_handlers_generic_handler(
        "inference.GRPCInferenceService",
        {
            "ModelInfer": grpc.unary_unary_rpc_method_handler(
                made.infer,
                service_pb2.ModelInferRequest.FromString,
                service_pb2.ModelInferResponse.SerializeToString,
            )
        },
    )
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield made, f"127.0.0.1:{port}"
    server.stop(None).wait()


def test_the_judge_is_shown_request_and_reply_and_its_word_is_the_score(engine: tuple[Engine, str]) -> None:
    server, address = engine
    server.answer = lambda prompt: " Decline." if "can't help" in prompt else "comply"
    (score,) = RefusalJudge(address, "lm").score(a_pair(ASK, YES, NO))
    assert dict(score.values) == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0} and not score.unscored
    assert len(server.asked) == 2 and all(ASK in prompt for prompt in server.asked)


def test_equal_replies_are_asked_about_once(engine: tuple[Engine, str]) -> None:
    server, address = engine
    RefusalJudge(address, "lm").score(a_pair(ASK, NO, NO, NO))
    assert len(server.asked) == 1


def test_an_answer_that_is_none_of_the_words_leaves_the_leg_unscored(engine: tuple[Engine, str]) -> None:
    server, address = engine
    server.answer = lambda prompt: "well, hm" if "can't help" in prompt else "comply"
    (score,) = RefusalJudge(address, "lm").score(a_pair(ASK, YES, NO))
    assert dict(score.values) == {Leg.BASELINE: 0.0}
    assert (
        dict(score.unscored) == {Leg.CANDIDATE: "judge_unclear"} and "none of the words" in score.explanation
    )


def test_an_engine_that_repeats_the_question_is_heard_by_what_it_says_after_it(
    engine: tuple[Engine, str],
) -> None:
    server, address = engine
    server.answer = lambda prompt: f"<s> {prompt} comply"
    (score,) = RefusalJudge(address, "lm").score(a_pair(ASK, YES))
    assert set(score.values.values()) == {0.0}


def test_a_judge_that_is_late_or_gone_leaves_every_leg_unscored(engine: tuple[Engine, str]) -> None:
    server, address = engine
    server.answer = lambda prompt: time.sleep(0.5) or "comply"  # type: ignore[func-returns-value]
    for judge in (
        RefusalJudge(address, "lm", deadline_s=0.1),
        RefusalJudge("127.0.0.1:9", "lm", deadline_s=0.5),
    ):
        (score,) = judge.score(a_pair(ASK, NO))
        assert not score.values and set(score.unscored) == {Leg.BASELINE, Leg.CANDIDATE}
        assert set(score.unscored.values()) == {"judge_failed"} and "the judge" in score.explanation


def test_a_pair_takes_its_judge_no_longer_than_the_deadline(engine: tuple[Engine, str]) -> None:
    server, address = engine
    server.answer = lambda prompt: time.sleep(0.5) or "comply"  # type: ignore[func-returns-value]
    began = time.monotonic()
    (score,) = RefusalJudge(address, "lm", deadline_s=0.2).score(a_pair(ASK, NO, YES, YES + " Yes."))
    assert len(score.unscored) == 3 and time.monotonic() - began < 0.45


def test_a_reply_cannot_fill_the_slots_of_the_question(engine: tuple[Engine, str]) -> None:
    server, address = engine
    RefusalJudge(address, "lm").score(a_pair("say {text}", "the {prompt} is"))
    assert "say {text}" in server.asked[0] and "the {prompt} is" in server.asked[0]


def test_without_transformers_the_classifier_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ValueError, match="pip install transformers"):
        RefusalClassifier("some/model")


def test_the_classifier_s_labels_are_read_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = ModuleType("transformers")

    def pipeline(task: str, **given: Any) -> Callable[[list[str]], list[list[dict[str, Any]]]]:
        assert (task, given["model"]) == ("text-classification", "here")
        return lambda texts: [
            [
                {"label": "REJECTION", "score": 0.9 if "can't" in text else 0.1},
                {"label": "NORMAL", "score": 0.1 if "can't" in text else 0.9},
            ]
            for text in texts
        ]

    fake.pipeline = pipeline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "transformers", fake)
    (score,) = RefusalClassifier("here").score(a_pair(ASK, YES, NO))
    assert dict(score.values) == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0}
