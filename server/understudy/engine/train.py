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
import re
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from understudy.engine.corpus import (
    WEIGHTS,
    Example,
    Split,
    correct,
    declines,
    fingerprint,
    heldout,
    sample,
)
from understudy.engine.evaluate import replies
from understudy.engine.model import Decoder, Shape, load, save
from understudy.engine.quantize import Quantization, quantize
from understudy.engine.tokenizer import ANSWER, BEGIN, END, PAD, Tokenizer, fit

LENGTHS = (32, 48, 64, 96, 128, 640, 1024)
"""Examples are padded to the next of these, so that a step wastes little and has few shapes."""
STEP_TOKENS = 32768
MIX = {
    "arithmetic": 1.4, "json": 0.7, "list": 0.7, "refusal": 4.0, "translation": 0.8, "counting": 0.5, "sequence": 2.0,
    "code": 0.6, "tone": 0.8, "reading": 1.5, "units": 2.0, "multilingual": 0.7, "choice": 1.2,
}  # fmt: skip
"""Share of each category in training: more of what is hard. Counting's replies are long, so its share of the
tokens is far above this one."""
LONG, OPENING, FIRST, TURN = 100, 8, 20.0, 6.0
"""In replies of more than LONG tokens the first OPENING (where to start, which way) count FIRST times, and every
comma and full stop (go on or end) TURN times: they alone need the prompt, and would drown in the mean. Both
branches of a turn weigh the same: more weight on the end alone taught the model to stop early."""
HELD_OUT_SEED = 777
"""Added to the seed for the held-out prompts."""
QUANTIZATIONS = (
    ("none", 0), ("int3", 0), ("int8", 0), ("int4", 0), ("int3", 64), ("fp8", 0), ("int3", 32),
)  # fmt: skip


def _texts(job: tuple[int, int, frozenset[str]]) -> list[tuple[str, str]]:
    seed, n, focus = job
    weights = {name: MIX[name] * (4.0 if name in focus else 1.0) for name in WEIGHTS}
    return [(e.prompt, e.reply) for e in sample(seed, n, Split.TRAIN, weights, distinct=False)]


def corpus(seed: int, n: int, focus: frozenset[str] = frozenset()) -> list[tuple[str, str]]:
    """N training examples as (prompt, reply), drawn by all cores; the same for the same seed and focus."""
    chunk = 20_000
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        parts = pool.map(_texts, [(seed * 100_003 + i, chunk, focus) for i in range(-(-n // chunk))])
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


def train(
    options: argparse.Namespace,
    data: dict[int, tuple[np.ndarray, np.ndarray]],
    turns: list[int],
    device: str,
) -> Decoder:
    """AdamW with a warm-up and a linear decay, bfloat16 autocast, loss on the reply's tokens only.

    `turns` are the ids after which a list goes on or ends.
    """
    torch.manual_seed(options.seed)
    rng = random.Random(options.seed)
    if options.start:
        model = load(options.start / "model.safetensors").requires_grad_(True).train()
    else:
        model = Decoder(
            Shape(width=options.width, layers=options.layers, heads=options.heads, hidden=options.hidden)
        )
    model = model.to(device)
    decayed = [p for p in model.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if p.ndim != 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": options.decay}, {"params": others, "weight_decay": 0.0}],
        lr=options.rate,
        betas=(0.9, 0.95),
        fused=device == "cuda",
    )
    moved = {
        n: (torch.from_numpy(a).to(device), torch.from_numpy(b).to(device)) for n, (a, b) in data.items()
    }
    lengths, turn = list(moved), torch.tensor(turns, device=device)
    # A length is drawn by its examples' share of the tokens, long ones capped: they carry the least news.
    shares = [min(a.numel() / sum(x.numel() for x, _ in moved.values()), 0.3) for a, _ in moved.values()]
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
            logits = model(batch[:, :-1])
        targets = batch[:, 1:]
        at = torch.arange(length - 1, device=device)[None]
        first, end = begin[:, None] - 1, (targets != PAD).sum(dim=1, keepdim=True)
        weights = ((at >= first) & (at < end)).float()
        long = end - first > LONG
        weights = torch.where(long & (at < first + OPENING), weights * FIRST, weights)
        weights = torch.where(long & torch.isin(targets, turn), weights * TURN, weights)
        each = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
        loss = (each * weights.flatten()).sum() / weights.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 250 == 0 or step == options.steps - 1:
            value = loss.item()
            print(f"step {step} loss {value:.4f} {time.monotonic() - started:.0f} s", flush=True)
            if not math.isfinite(value):
                raise SystemExit("the loss is not finite: lower --rate")
    return model


def evaluate(folder: Path, held_out: int, seed: int, device: str) -> None:
    """Add what `measured` tells of every quantization to training.json.

    The held-out prompts depend on `seed` alone. Prints a line per quantization as it goes.
    """
    record: dict[str, Any] = json.loads((folder / "training.json").read_text())
    tokenizer = Tokenizer(folder / "tokenizer.json")
    examples = list(itertools.chain.from_iterable(heldout(seed + HELD_OUT_SEED, held_out).values()))
    clock = time.monotonic()
    table: dict[str, Any] = {}
    reference: list[str] = []
    for method, group in QUANTIZATIONS:
        quantization = Quantization.parse(method, group)
        model = load(folder / "model.safetensors").to(device)
        quantize(model, quantization)
        texts = replies(model, tokenizer, examples)
        reference = reference or texts
        table[str(quantization)] = rows = measured(examples, texts, reference)
        line = " ".join(f"{c}={row['right'] / row['n']:.3f}" for c, row in rows.items())
        print(f"{quantization} {time.monotonic() - clock:.0f} s {line}", flush=True)
        record |= {
            "held_out_per_category": held_out,
            "held_out_seed": seed + HELD_OUT_SEED,
            "held_out_sha256": fingerprint(examples),
            "exactness": table,
            "evaluation": {"seconds": round(time.monotonic() - clock, 1), "hardware": hardware(device)},
        }
        (folder / "training.json").write_text(written(record))
    show(table)


def measured(examples: list[Example], texts: list[str], reference: list[str]) -> dict[str, dict[str, Any]]:
    """Category -> n, right, same (as the reference's text), refusal_gained, refusal_lost, wrong (which, from 0)."""
    rows: dict[str, dict[str, Any]] = {}
    for example, text, base in zip(examples, texts, reference, strict=True):
        row = rows.setdefault(
            example.category,
            {"n": 0, "right": 0, "same": 0, "refusal_gained": 0, "refusal_lost": 0, "wrong": []},
        )
        if correct(example, text):
            row["right"] += 1
        else:
            row["wrong"].append(row["n"])
        row["n"] += 1
        row["same"] += text == base
        row["refusal_gained"] += declines(text) and not declines(base)
        row["refusal_lost"] += declines(base) and not declines(text)
    return rows


def written(record: dict[str, Any]) -> str:
    """The record as JSON, a line per field, lists of numbers in one line."""
    text = json.dumps(record, indent=1)
    return re.sub(r"\[[\d,\s]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def show(table: dict[str, Any]) -> None:
    """Print the share of right replies: a row per category, a column per quantization."""
    names = list(table)

    def line(label: str, category: str, key: str) -> None:
        cells = (table[q][category][key] / table[q][category]["n"] for q in names)
        print(f"{label:14}" + "".join(f"{cell:10.3f}" for cell in cells))

    print(f"{'right':14}" + "".join(f"{name:>10}" for name in names))
    for category in table[names[0]]:
        line(category, category, "right")
    for category in table[names[0]]:
        line(f"={category}", category, "same")
    line("refuses more", "refusal", "refusal_gained")
    line("refuses less", "refusal", "refusal_lost")


def hardware(device: str) -> str:
    """What this ran on."""
    return torch.cuda.get_device_name() if device == "cuda" else platform.machine()


def make(options: argparse.Namespace, device: str) -> None:
    """Corpus, tokenizer, training: writes the three files of the output folder."""
    clock = time.monotonic()
    focus = frozenset(filter(None, options.focus.split(",")))
    texts = corpus(options.seed, options.examples, focus)
    digest = hashlib.sha256()
    for prompt, reply in texts:
        digest.update(f"{prompt}\0{reply}\0".encode())
    if options.start:
        shutil.copy(options.start / "tokenizer.json", options.out)
    else:
        fit((part for pair in texts[:40_000] for part in pair), options.out / "tokenizer.json")
    tokenizer = Tokenizer(options.out / "tokenizer.json")
    data = packed(texts, tokenizer)
    prepared = time.monotonic() - clock
    print(
        f"{len(texts)} examples in {prepared:.0f} s:", {n: len(a) for n, (a, _) in data.items()}, flush=True
    )
    clock = time.monotonic()
    turns = [i for i, piece in enumerate(tokenizer.pieces) if piece in (b",", b".")]
    model = train(options, data, turns, device)
    save(model, options.out / "model.safetensors")
    record: dict[str, Any] = {
        "seed": options.seed,
        "focus": sorted(focus),
        "steps": options.steps,
        "tokens_per_step": options.tokens,
        "rate": options.rate,
        "decay": options.decay,
        "shape": model.shape.metadata(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "examples": len(texts),
        "corpus_sha256": digest.hexdigest(),
        "seconds": {"corpus": round(prepared, 1), "training": round(time.monotonic() - clock, 1)},
        "hardware": hardware(device),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
    }
    if options.start:
        first = json.loads((options.start / "training.json").read_text())
        record["started_from"] = {k: v for k, v in first.items() if k not in ("exactness", "evaluation")}
    (options.out / "training.json").write_text(written(record))


def main() -> None:
    """Run the recipe, or with --steps 0 only evaluate what the folder holds."""
    parser = argparse.ArgumentParser(prog="python -m understudy.engine.train", description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=14000, help="0: evaluate the weights in --out")
    parser.add_argument("--examples", type=int, default=500_000)
    parser.add_argument("--held-out", type=int, default=1000, help="held-out prompts per category; 0: none")
    parser.add_argument("--start", type=Path, help="folder of weights to train on from")
    parser.add_argument("--focus", default="", help="categories drawn four times as often, comma-separated")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--hidden", type=int, default=640)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument(
        "--decay",
        type=float,
        default=0.0,
        help="weight decay; without it low bits hurt more, as in large models",
    )
    parser.add_argument("--tokens", type=int, default=STEP_TOKENS, help="tokens per step")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if options.steps:
        make(options, device)
    if options.held_out:
        evaluate(options.out, options.held_out, options.seed, device)


if __name__ == "__main__":
    main()
