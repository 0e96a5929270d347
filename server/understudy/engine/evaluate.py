"""How often the model is right, by category: the ground truth a demo's verdicts are held against."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from understudy.engine.corpus import Example, correct
from understudy.engine.model import Decoder, Part, Pool, load
from understudy.engine.quantize import Quantization, quantize
from understudy.engine.tokenizer import END, PAD, Tokenizer

WEIGHTS = Path(__file__).parent / "weights"
"""Where the shipped model.safetensors, tokenizer.json and training.json lie."""


@torch.inference_mode()
def greedy(model: Decoder, prompts: Sequence[Sequence[int]], limit: int, stride: int = 64) -> list[list[int]]:
    """Most likely replies, without the end token, to prompts of ids; `limit` tokens at most each.

    All rows run in one batch until the last ends, so sort prompts by expected length and call it in chunks.
    """
    device = model.embedding.weight.device
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=device)
    longest = int(lengths.max())
    limit = min(limit, model.shape.context - longest)
    pool = Pool(model.shape, len(prompts), min(model.shape.context, longest + limit), device)
    tokens = torch.full((len(prompts), longest), PAD)
    for i, prompt in enumerate(prompts):
        tokens[i, : len(prompt)] = torch.tensor(prompt)
    following = model.prefill(tokens.to(device), lengths, pool).argmax(-1)
    positions, done, steps = lengths.clone(), following == END, [following]
    for n in range(1, limit):
        reach = min(pool.context, -(-(longest + n) // stride) * stride)
        following = model.step(following, positions, [Part(pool, len(prompts), reach)]).argmax(-1)
        steps.append(following)
        positions = positions + 1
        done |= following == END
        if n % 8 == 0 and bool(done.all()):
            break
    replies = torch.stack(steps, dim=1).tolist()
    return [reply[: reply.index(END)] if END in reply else reply for reply in replies]


def replies(model: Decoder, tokenizer: Tokenizer, examples: Sequence[Example], batch: int = 512) -> list[str]:
    """Greedy replies as text, in the order of the examples; batched by category, since lengths go with it."""
    texts = [""] * len(examples)
    order = sorted(range(len(examples)), key=lambda i: (examples[i].category, len(examples[i].prompt)))
    for category in sorted({e.category for e in examples}):
        members = [i for i in order if examples[i].category == category]
        for at in range(0, len(members), batch):
            chunk = members[at : at + batch]
            right = max(len(ids) for ids in tokenizer.encode_batch([examples[i].reply for i in chunk]))
            out = greedy(model, [tokenizer.encode(examples[i].prompt) for i in chunk], right + right // 4 + 8)
            for i, ids in zip(chunk, out, strict=True):
                texts[i] = tokenizer.decode(ids).decode("utf-8", "replace")
    return texts


def tally(examples: Sequence[Example], texts: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Category -> (examples, right replies)."""
    counts: dict[str, tuple[int, int]] = {}
    for example, text in zip(examples, texts, strict=True):
        n, right = counts.get(example.category, (0, 0))
        counts[example.category] = (n + 1, right + correct(example, text))
    return counts


def exactness(
    quantization: Quantization, examples: Sequence[Example], weights: Path = WEIGHTS
) -> Mapping[str, tuple[int, int]]:
    """Category -> (examples, right replies) of the shipped model at a quantization."""
    model = load(weights / "model.safetensors")
    quantize(model, quantization)
    return tally(examples, replies(model, Tokenizer(weights / "tokenizer.json"), examples, batch=32))
