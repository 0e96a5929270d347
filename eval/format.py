"""Formatting, measured: structures of real replies and of our own making, whole and broken in one place each.

A reply is taken for whole by other means than the analyzer's: `json`, `ast`, a Markdown parser's table, numbers
that count up. It is then broken once in each way that fits it, at a place drawn by lot (fixed seed), and judged as
candidate beside itself; untouched, it must not be flagged. Where real replies are too few (tables, XML, CSV, YAML,
names and schemas), structures are made.
"""

import random
import re
from collections.abc import Iterator
from pathlib import Path

from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers import structure
from understudy_analyzers.expectation import Structure, expect
from understudy_analyzers.format import Format

from bench.stats import Limit
from eval import stats
from eval.asked import ASKED
from eval.breakage import OWN, REAL
from eval.found import Figure, Section
from eval.made import SEED, Reply, made
from eval.split import answered, held, rows

NAME = "format"
STRONG = ("gpt-4o-mini", "claude-3-haiku", "o1-mini", "Mixtral", "vicuna")
"""Models whose untouched replies are looked at for flags."""


def replies(data: Path, out: bool = True) -> Iterator[Reply]:
    """Replies whose prompt was held out (or, to tune on, was not)."""
    yield from (Reply(*one) for one in answered(data, out))
    for engine in ("fp16", "q8_0"):
        for row in rows(data / "pairs" / "llama31_8b" / f"extraction_{engine}.jsonl.gz"):
            if held(row["example_id"]) is out:
                yield Reply(f"llama31_{engine}", "", row["output"], kind=row["example_id"])


FORMAT = Format()


def flagged(reply: Reply, text: str | None = None) -> float:
    """The candidate's value less the baseline's, the reply itself being both or the baseline of a broken one."""
    pair = a_pair(reply.prompt, reply.text, reply.text if text is None else text, metadata=reply.metadata)
    for score in FORMAT.score(pair):
        value = score.values.get(Leg.CANDIDATE, 0.0)
        return value if text is None else value - score.values.get(Leg.BASELINE, 0.0)
    return 0.0


Cases = list[tuple[str, float, float]]


def fits(kind: str, reply: Reply) -> bool:
    """Whether a kind of breakage says something of a reply.

    That items are too few is known only where the prompt says how many; and where JSON alone was asked for, a reply
    with a fence among words is not whole to begin with.
    """
    match kind.partition(":")[0]:
        case "list" if kind.endswith("item"):
            return expect(reply.prompt).items == len(re.findall(r"^\* ", reply.text, re.MULTILINE))
        case "fence" | "code" | "Python":
            return "json" not in reply.prompt.lower()
    return True


def injected(data: Path, out: bool = True) -> tuple[dict[tuple[str, str], Cases], list[str]]:
    """(prompt, broken, flagged) by kind of breakage and model, each beside its untouched reply; and what was wrong."""
    cases: dict[tuple[str, str], Cases] = {}
    wrong: list[str] = []
    draw = random.Random(SEED)
    for reply in (*replies(data, out), *made()):
        own = {kind: way for kind, (of, way) in OWN.items() if of == reply.kind}
        for kind, way in (own if reply.model == "made" else REAL).items():
            broken = way(reply.text, draw) if fits(kind, reply) else None
            if broken is None or broken == reply.text:
                continue
            who = reply.prompt or reply.kind
            untouched, found = float(flagged(reply) > 0.5), float(flagged(reply, broken) > 0)
            cases.setdefault((kind, reply.model), []).extend(((who, 0.0, untouched), (who, 1.0, found)))
            if untouched or not found:
                wrong.append(
                    f"{kind}: {reply.model} {who[:24]!r}: {'flagged whole' if untouched else 'missed'}"
                )
    return cases, wrong


def quantized(data: Path) -> list[tuple[str, str, str]]:
    """(id, fp16, q8_0) of one model's extractions."""
    fp16, q8 = (
        rows(data / "pairs" / "llama31_8b" / f"extraction_{engine}.jsonl.gz") for engine in ("fp16", "q8_0")
    )
    return [(a["example_id"], a["output"], b["output"]) for a, b in zip(fp16, q8, strict=True)]


def servers(data: Path) -> list[tuple[str, str, str]]:
    """(prompt, one, other) of vicuna-13b on two servers."""
    folder = data / "pairs" / "alpaca_eval"
    other = {row["instruction"]: row["output"] for row in rows(folder / "vicuna-13b-v1.5-togetherai.json.gz")}
    return [
        (row["instruction"], row["output"], other[row["instruction"]])
        for row in rows(folder / "vicuna-13b-v1.5.json.gz")
        if row["instruction"] in other
    ]


def changes(pairs: list[tuple[str, str, str]], prompted: bool) -> Cases:
    """How a pair of one model with itself changes its value, from -1 to 1; lapses of instructions are halves."""
    return [
        (who, 0.0, float(flagged(Reply("", who if prompted else "", one), other)))
        for who, one, other in pairs
    ]


def flips(changed: Cases) -> Cases:
    """Whether they are whole against broken."""
    return [(who, 0.0, float(abs(change) > 0.5)) for who, _, change in changed]


def verdicts(data: Path) -> tuple[Cases, Cases]:
    """(prompt, verifier, ours) of replies that were to be JSON; (prompt, asked, expected) of whether they were.

    Every prompt whose only mention of JSON asks for it counts as asking, as the data's own labels do in part.
    """
    kept: Cases = []
    asked: dict[str, tuple[str, float, float]] = {}
    for path in sorted((data / "format" / "mifeval").glob("en_*.strict.jsonl.gz")):
        for row in rows(path):
            if not row["response"] or not held(row["prompt"]):
                continue
            named = [one.removeprefix("en:") for one in row["instruction_id_list"]]
            wanted = "detectable_format:json_format" in named
            asks = float(wanted or "json" in row["prompt"].lower())
            seen = float(expect(row["prompt"]).structure is Structure.JSON)
            asked[row["prompt"]] = (row["prompt"], asks, seen)
            if wanted:
                told = row["follow_instruction_list"][named.index("detectable_format:json_format")]
                ours = flagged(Reply("", row["prompt"], row["response"])) <= 0.5
                kept.append((row["prompt"], float(told), float(ours)))
    return kept, list(asked.values())


def paraphrased() -> tuple[Cases, Cases]:
    """(prompt, asked, found rightly) of our own prompts: of those that ask for a structure; of those said to."""
    found = [(prompt, wanted, expect(prompt).structure or "") for prompt, wanted in ASKED]
    return (
        [(prompt, 1.0, float(seen == wanted)) for prompt, wanted, seen in found if wanted],
        [(prompt, float(wanted != ""), float(seen == wanted)) for prompt, wanted, seen in found if seen],
    )


def grouped(cases: dict[tuple[str, str], Cases], part: int) -> dict[str, float]:
    """F1 by kind of breakage (0) or by model (1)."""
    groups: dict[str, Cases] = {}
    for key, some in sorted(cases.items()):
        groups.setdefault(key[part], []).extend(some)
    return {name: found.value for name, some in groups.items() if (found := stats.over(some, stats.f1))}


def share(cases: Cases) -> float:
    """Mean of what was said."""
    return sum(case[2] for case in cases) / len(cases)


def measure(data: Path) -> Section:
    """Everything measured of formats."""
    cases, wrong = injected(data)
    every = [case for some in cases.values() for case in some]
    whole = [(who, 0.0, said) for who, broken, said in every if not broken]
    strong: dict[str, Cases] = {}
    for reply in replies(data):
        if reply.model.startswith(STRONG):
            strong.setdefault(reply.model, []).append((reply.prompt, 0.0, float(flagged(reply) > 0.5)))
    null = quantized(data)
    valid: dict[str, Cases] = {
        engine: [(row[0], 1.0, float(structure.json_of(row[at]) is not None)) for row in null]
        for at, engine in ((1, "fp16"), (2, "q8_0"))
    }
    equal: Cases = [(n, 1.0, float(structure.json_of(a) == structure.json_of(b))) for n, a, b in null]
    served = changes(servers(data), True)
    kept, asked = verdicts(data)
    own, said = paraphrased()
    figures = (
        Figure("injected breakage: F1", stats.over(every, stats.f1), 0.98, by=grouped(cases, 0)),
        Figure("injected breakage, by model: F1", stats.over(every, stats.f1), 0.98, by=grouped(cases, 1)),
        Figure("injected breakage, untouched: flagged", stats.over(whole, stats.mean), 0.0, Limit.MOST),
        Figure(
            "strong models, untouched: flagged",
            stats.over([case for some in strong.values() for case in some], stats.mean),
            limit=Limit.MOST,
            by={model: share(some) for model, some in strong.items()},
            note="what truly does not parse, or was asked for and is not there, is among them",
        ),
        Figure("canonical JSON, fp16 and q8_0: equal", stats.over(equal, stats.mean), 0.946),
        Figure(
            "JSON, fp16 and q8_0: valid",
            stats.over([case for some in valid.values() for case in some], stats.mean),
            by={engine: share(some) for engine, some in valid.items()},
        ),
        Figure(
            "null pairs, fp16 and q8_0: flips",
            stats.over(flips(changes(null, False)), stats.mean),
            0.01,
            Limit.MOST,
        ),
        Figure(
            "null pairs, two servers: flips",
            stats.over(flips(served), stats.mean),
            limit=Limit.MOST,
            note="sampled replies, of which one in a hundred truly breaks a fence or does not parse",
        ),
        Figure(
            "null pairs, two servers: mean difference, lapses of instructions included",
            stats.over(served, stats.mean),
            note="what the drift engine sees of it; tau is .02",
        ),
        Figure("JSON asked for: agreement with the verifier", stats.over(kept, stats.agreement), 0.98),
        Figure("JSON asked for, prompts: recall", stats.over(asked, stats.recall), 0.95),
        Figure("JSON asked for, prompts: precision", stats.over(asked, stats.precision), 0.95),
        Figure("structures asked for, paraphrased prompts: recall", stats.over(own, stats.mean), 0.9),
        Figure("structures asked for, paraphrased prompts: precision", stats.over(said, stats.mean), 0.95),
    )
    return Section(NAME, figures, tuple(wrong))
