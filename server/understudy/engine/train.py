"""Train the embedded model: `python -m understudy.engine.train --out DIR`, a few minutes on one GPU.

Makes the corpus, fits the tokenizer, trains, then evaluates every quantization on held-out prompts with the
code that serves, and writes model.safetensors, tokenizer.json and training.json (seed, steps, time, hardware,
corpus hash, and the share of right replies per category and quantization).
"""

import argparse
import hashlib
import itertools
import json
import math
import os
import platform
import random
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from understudy.engine.corpus import WEIGHTS, Example, Split, declines, sample
from understudy.engine.evaluate import replies, tally
from understudy.engine.model import Decoder, Shape, load, save
from understudy.engine.quantize import Quantization, quantize
from understudy.engine.tokenizer import ANSWER, BEGIN, END, PAD, Tokenizer, fit

LENGTHS = (32, 48, 64, 96, 128, 640, 1024)
"""Examples are padded to the next of these, so that a step wastes little and has few shapes."""
STEP_TOKENS = 32768
QUANTIZATIONS = (
    ("none", 0), ("fp8", 0), ("int8", 0), ("int4", 0), ("int4", 64), ("int3", 0), ("int3", 64), ("int3", 32),
    ("int2", 64), ("int2", 32),
)  # fmt: skip


def _texts(job: tuple[int, int]) -> list[tuple[str, str]]:
    seed, n = job
    # Counting fills the context with one example, so its share of the tokens is far above its share of these.
    weights = dict(WEIGHTS) | {"counting": 0.5, "refusal": 3.0, "arithmetic": 1.5}
    return [(e.prompt, e.reply) for e in sample(seed, n, Split.TRAIN, weights, distinct=False)]


def corpus(seed: int, n: int) -> list[tuple[str, str]]:
    """N training examples as (prompt, reply), drawn by all cores; the same for the same seed."""
    chunk = 20_000
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(_texts, [(seed * 100_003 + i, chunk) for i in range(-(-n // chunk))])
        return list(itertools.chain.from_iterable(parts))


def packed(texts: list[tuple[str, str]], tokenizer: Tokenizer) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Padded length -> ids (N, length) and where each reply starts (N,)."""
    prompts = tokenizer.encode_batch([p for p, _ in texts])
    answers = tokenizer.encode_batch([r for _, r in texts])
    rows: dict[int, list[tuple[list[int], int]]] = {length: [] for length in LENGTHS}
    for prompt, answer in zip(prompts, answers, strict=True):
        ids = [BEGIN, *prompt, ANSWER, *answer, END]
        length = next((n for n in LENGTHS if n >= len(ids)), None)
        if length:
            rows[length].append((ids, len(prompt) + 2))
    result = {}
    for length, members in rows.items():
        if members:
            ids_array = np.full((len(members), length), PAD, dtype=np.int16)
            for i, (ids, _) in enumerate(members):
                ids_array[i, : len(ids)] = ids
            result[length] = (ids_array, np.array([start for _, start in members], dtype=np.int16))
    return result


def train(options: argparse.Namespace, data: dict[int, tuple[np.ndarray, np.ndarray]], device: str) -> Decoder:
    """AdamW with a warm-up and a linear decay, bfloat16 autocast, loss on the reply's tokens only."""
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    model = Decoder(
        Shape(width=options.width, layers=options.layers, heads=options.heads, hidden=options.hidden)
    ).to(device)
    decayed = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": options.decay}, {"params": others, "weight_decay": 0.0}],
        lr=options.rate,
        betas=(0.9, 0.95),
        fused=device == "cuda",
    )
    moved = {n: (torch.from_numpy(a).to(device), torch.from_numpy(b).to(device)) for n, (a, b) in data.items()}
    lengths = list(moved)
    # A length is drawn by its examples' share of the tokens, long ones capped: they carry the least news.
    shares = [min(a.numel() / sum(x.numel() for x, _ in moved.values()), 0.3) for a, _ in moved.values()]
    run = torch.compile(model) if options.compile else model
    warm, started = 200, time.monotonic()
    for step in range(options.steps):
        progress = step / options.steps
        factor = min((step + 1) / warm, 1.0) * (1.0 - progress) if step < warm else 1.0 - progress
        for group in optimizer.param_groups:
            group["lr"] = options.rate * max(factor, 0.01)
        length = rng.choices(lengths, shares)[0]
        tokens, starts = moved[length]
        chosen = torch.randint(len(tokens), (options.tokens // length,), device=device)
        batch, begin = tokens[chosen].long(), starts[chosen].long()
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            logits = run(batch[:, :-1])
        targets = batch[:, 1:].clone()
        at = torch.arange(length - 1, device=device)[None]
        targets[(at < begin[:, None] - 1) | (targets == PAD)] = -100
        loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-100)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 250 == 0 or step == options.steps - 1:
            value = loss.item()
            print(f"step {step} loss {value:.4f} {time.monotonic() - started:.0f} s", flush=True)
            if not math.isfinite(value):
                raise SystemExit("the loss is not finite: lower --rate")
    return model


def evaluated(path: Path, tokenizer: Tokenizer, examples: list[Example], device: str) -> dict[str, Any]:
    """Quantization -> category -> n, right, same (as unquantized), gained and lost refusals."""
    table: dict[str, Any] = {}
    reference: list[str] = []
    for method, group in QUANTIZATIONS:
        quantization = Quantization.parse(method, group)
        model = load(path).to(device)
        if model.shape.width % (group or 1) or model.shape.hidden % (group or 1):
            continue
        quantize(model, quantization)
        texts = replies(model, tokenizer, examples)
        reference = reference or texts
        rows = {c: {"n": n, "right": right} for c, (n, right) in tally(examples, texts).items()}
        for row in rows.values():
            row |= {"same": 0, "refusal_gained": 0, "refusal_lost": 0}
        for example, text, base in zip(examples, texts, reference, strict=True):
            row = rows[example.category]
            row["same"] += text == base
            row["refusal_gained"] += declines(text) and not declines(base)
            row["refusal_lost"] += declines(base) and not declines(text)
        table[str(quantization)] = rows
    return table


def show(table: dict[str, Any]) -> None:
    """Print the share of right replies: a row per category, a column per quantization."""
    names = list(table)
    print(f"{'right':14}" + "".join(f"{name:>10}" for name in names))
    for category in next(iter(table.values())):
        print(f"{category:14}" + "".join(f"{table[q][category]['right'] / table[q][category]['n']:10.3f}" for q in names))
    total = {q: sum(r["same"] for r in table[q].values()) / sum(r["n"] for r in table[q].values()) for q in names}
    print(f"{'same':14}" + "".join(f"{total[q]:10.4f}" for q in names))
    for side in ("refusal_gained", "refusal_lost"):
        print(f"{side:14}" + "".join(f"{table[q]['refusal'][side] / table[q]['refusal']['n']:10.3f}" for q in names))


def main() -> None:
    """Run the whole recipe."""
    parser = argparse.ArgumentParser(prog="python -m understudy.engine.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5000)
    parser.add_argument("--examples", type=int, default=1_200_000)
    parser.add_argument("--held-out", type=int, default=600, help="held-out prompts per category")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--tokens", type=int, default=STEP_TOKENS, help="tokens per step")
    parser.add_argument("--compile", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"

    clock = time.monotonic()
    texts = corpus(options.seed, options.examples)
    digest = hashlib.sha256()
    for prompt, reply in texts:
        digest.update(f"{prompt}\0{reply}\0".encode())
    tokens_path = options.out / "tokenizer.json"
    fit((part for pair in texts[:40_000] for part in pair), tokens_path)
    tokenizer = Tokenizer(tokens_path)
    data = packed(texts, tokenizer)
    prepared = time.monotonic() - clock
    print(f"{len(texts)} examples in {prepared:.0f} s:", {n: len(a) for n, (a, _) in data.items()}, flush=True)

    clock = time.monotonic()
    model = train(options, data, device)
    trained = time.monotonic() - clock
    weights_path = options.out / "model.safetensors"
    save(model, weights_path)

    clock = time.monotonic()
    examples = [
        example
        for category in WEIGHTS
        for example in sample(options.seed + 777, options.held_out, Split.HELD_OUT, {category: 1.0})
    ]
    table = evaluated(weights_path, tokenizer, examples, device)
    show(table)
    sizes: dict[str, list[int]] = {}
    for example, ids in zip(examples, tokenizer.encode_batch([e.reply for e in examples]), strict=True):
        sizes.setdefault(example.category, []).append(len(ids) + 1)
    print({c: (int(np.median(n)), max(n)) for c, n in sizes.items()}, flush=True)
    record = {
        "seed": options.seed,
        "steps": options.steps,
        "tokens_per_step": options.tokens,
        "rate": options.rate,
        "decay": options.decay,
        "shape": model.shape.metadata(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "examples": len(texts),
        "corpus_sha256": digest.hexdigest(),
        "seconds": {"corpus": prepared, "training": trained, "evaluation": time.monotonic() - clock},
        "hardware": torch.cuda.get_device_name() if device == "cuda" else platform.processor() or "cpu",
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "reply_tokens_median": {c: int(np.median(n)) for c, n in sizes.items()},
        "held_out_per_category": options.held_out,
        "exactness": table,
    }
    (options.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
