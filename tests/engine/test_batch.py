import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest
import torch
from understudy.engine.batch import Ask, Batcher, Piece, Ticket
from understudy.engine.corpus import Split, sample
from understudy.engine.evaluate import WEIGHTS, replies
from understudy.engine.model import Decoder, load, pack
from understudy.engine.tokenizer import Tokenizer
from understudy.pair import Finish

pytestmark = pytest.mark.engines
Reply = tuple[bytes, Finish]
Ran = Callable[[Sequence[Ask]], list[Reply]]


@pytest.fixture(scope="module")
def model() -> Decoder:
    """As an engine serves it."""
    loaded = load(WEIGHTS / "model.safetensors")
    pack(loaded)
    return loaded


def test_packed_weights_compute_what_the_plain_ones_do(model: Decoder) -> None:
    tokens = torch.arange(4, 64).reshape(3, 20)
    with torch.inference_mode():
        plain, packed = (m(tokens) for m in (load(WEIGHTS / "model.safetensors"), model))
    assert torch.allclose(plain, packed, atol=1e-3)
    assert torch.equal(plain.argmax(-1), packed.argmax(-1))


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(WEIGHTS / "tokenizer.json")


@pytest.fixture(scope="module")
def batcher(model: Decoder, tokenizer: Tokenizer) -> Iterator[Batcher]:
    def deliver(pieces: Sequence[tuple[Ticket, Piece]]) -> None:
        for ticket, piece in pieces:
            ticket.emit(piece)

    made = Batcher(model, tokenizer, deliver, max_batch=8)
    made.start()
    yield made
    made.close()


@pytest.fixture
def run(batcher: Batcher) -> Ran:
    def all_of(asks: Sequence[Ask]) -> list[Reply]:
        texts = [bytearray() for _ in asks]
        finishes: list[Finish] = [Finish.UNKNOWN] * len(asks)
        done = threading.Semaphore(0)

        def emit(i: int, piece: Piece) -> None:
            texts[i].extend(piece.data)
            if piece.finish:
                finishes[i] = piece.finish
                done.release()

        for i, ask in enumerate(asks):
            batcher.submit(ask, lambda piece, i=i: emit(i, piece))  # type: ignore[misc]
        for _ in asks:
            assert done.acquire(timeout=60)
        return [(bytes(text), finish) for text, finish in zip(texts, finishes, strict=True)]

    return all_of


ASK = Ask("What is 12 plus 7?", 64, temperature=0)


def test_replies_in_company_are_those_alone_and_those_of_the_evaluation(
    run: Ran, model: Decoder, tokenizer: Tokenizer
) -> None:
    examples = sample(31, 24, Split.HELD_OUT)
    asks = [Ask(e.prompt, 900, temperature=0) for e in examples]
    together = run(asks)
    assert run(asks[:6]) == [run([ask])[0] for ask in asks[:6]]
    same = sum(t[0].decode() == r for t, r in zip(together, replies(model, tokenizer, examples), strict=True))
    assert same >= 23  # sums in another order may tip a near tie


def test_a_long_reply_outgrows_the_short_pool_and_goes_on(run: Ran, tokenizer: Tokenizer) -> None:
    (text, finish), short = run([Ask("Count from 30 to 120 in words.", 320, temperature=0), ASK])
    assert (len(tokenizer.encode_batch([text.decode()])[0]), finish) == (320, Finish.LENGTH)
    assert text.startswith(b"thirty, thirty-one, thirty-two") and b"seventy-nine, eighty, eighty-one" in text
    assert short == (b"12 + 7 = 19. The answer is 19.", Finish.STOP)


def test_a_seed_gives_the_same_reply_whatever_runs_beside_it(run: Ran) -> None:
    hot = Ask("Count from 3 to 20 in words.", 40, temperature=2.5, seed=11)
    alone = run([hot])[0]
    others = [replace(hot, seed=seed) for seed in range(5)]
    assert run([*others, hot])[-1] == alone
    assert len({text for text, _ in run(others)}) > 1


def test_top_k_of_one_and_a_tiny_top_p_are_greedy(run: Ran) -> None:
    hot = replace(ASK, temperature=5.0)
    greedy = run([ASK])[0]
    assert run([replace(hot, top_k=1, seed=1), replace(hot, top_p=1e-6, seed=2)]) == [greedy, greedy]


def test_a_reply_ends_before_a_stop_word_even_across_tokens(run: Ran) -> None:
    assert run([replace(ASK, stop=(b"e ans",))])[0] == (b"12 + 7 = 19. Th", Finish.STOP)
    assert run([replace(ASK, stop=(b"19.!",))])[0] == run([ASK])[0]


def test_max_tokens_cuts_and_says_so(run: Ran) -> None:
    text, finish = run([replace(ASK, max_tokens=3)])[0]
    assert finish is Finish.LENGTH and b"12 + 7 = 19".startswith(text)


def test_a_bad_word_never_comes(run: Ran) -> None:
    assert b"answer" not in run([replace(ASK, bad=("answer",))])[0][0]


def test_more_requests_than_rows_wait_their_turn(run: Ran) -> None:
    assert {text for text, _ in run([ASK] * 30)} == {b"12 + 7 = 19. The answer is 19."}


def test_a_prompt_longer_than_the_context_is_an_error_and_the_next_is_served(run: Ran) -> None:
    assert [finish for _, finish in run([replace(ASK, prompt="word " * 3000), ASK])] == [
        Finish.ERROR,
        Finish.STOP,
    ]


def test_a_cancelled_request_gives_its_row_back(batcher: Batcher, run: Ran) -> None:
    first = threading.Event()
    long = [Ask("Count from 1 to 110 in words.", 900, temperature=0)] * 8
    tickets = [batcher.submit(ask, lambda piece: first.set()) for ask in long]
    assert first.wait(30)
    for ticket in tickets:
        ticket.cancel()
    assert run([ASK])[0][1] is Finish.STOP
