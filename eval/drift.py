"""Long-output drift, measured: degenerations put at known places into clean long outputs of real models.

Every long output of a held-out prompt gets each of them once, at a place drawn by lot (fixed seed), and is judged
beside its own clean text, as candidate and baseline. A digit that changed is no degeneration: it is seen by the
numbers analyzer, which compares.
"""

import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from understudy.analysis.hazard import Hazard
from understudy.pair import Leg, Pair
from understudy.score import Analyzer, Score
from understudy.testing import a_pair
from understudy_analyzers.drift import Drift
from understudy_analyzers.language import detect
from understudy_analyzers.numbers import Numbers

from bench.stats import Limit
from eval import stats
from eval.found import Figure, Section
from eval.split import answered, held, rows

NAME = "drift"
LONG = 1_500
"""Characters from which an output is long."""
EVERY = 1
"""Of the long outputs, every so manieth is spoiled: the section has a minute."""
STRONG = ("gpt-4o-mini", "claude-3-haiku", "o1-mini", "Mixtral", "gpt-4-turbo")
"""Models whose untouched outputs count as clean: those of small ones do loop, and are no ground truth."""


@dataclass(frozen=True, slots=True)
class Clean:
    """One model's output."""

    model: str
    prompt: str
    text: str


@dataclass(frozen=True, slots=True)
class Spoiled:
    """A text and the character from which it is spoiled."""

    text: str
    onset: int


def outputs(data: Path, out: bool = True) -> Iterator[Clean]:
    """Outputs whose prompt was held out (or, to tune on, was not)."""
    yield from (Clean(*one) for one in answered(data, out))
    for row in rows(data / "numeric" / "example_model_solutions.jsonl.gz"):
        if held(row["question"]) is out:
            yield Clean("175b_verification", row["question"], row["175b_verification"]["solution"])


def foreign(data: Path) -> list[tuple[str, str]]:
    """(language, reply) in other languages than English, to switch to."""
    return [
        (row["language"], " ".join(row["completion"].split()))
        for row in rows(data / "language" / "gpt-4-turbo.csv.gz")
        if row["task"] == "monolingual" and row["language"] != "en" and len(row["completion"]) >= 300
    ]


def _place(text: str, draw: random.Random, after: str = r"[.!?]\s") -> int:
    """A place between sentences from a quarter to nine tenths of a text; between words when there is none."""
    places = [
        found.end()
        for found in re.finditer(after, text)
        if 0.25 * len(text) <= found.end() <= 0.9 * len(text)
    ]
    if not places:
        places = [found.end() for found in re.finditer(r"\s", text) if 0.25 * len(text) <= found.end()]
    return draw.choice(places) if places else len(text) // 2


_FRESH = (
    "and then the same thing happened once more, ",
    "I am here to help you. ",
    "This is important to note. ",
    "the best of the best of ",
)


def loop(text: str, draw: random.Random) -> Spoiled:
    """A few words, said last or never said before, over and over to the end."""
    at = _place(text, draw, r"\s")
    piece = text[max(0, at - draw.randint(8, 120)) : at] if draw.random() < 0.6 else draw.choice(_FRESH)
    return Spoiled(text[:at] + piece * draw.randint(max(5, 200 // len(piece)), 12 + 400 // len(piece)), at)


def inner(text: str, draw: random.Random) -> Spoiled:
    """The same, and then the text goes on."""
    made = loop(text, draw)
    return Spoiled(made.text + "\n" + text[made.onset :], made.onset)


def counter(text: str, draw: random.Random) -> Spoiled:
    """A sentence over and over, with a number that counts."""
    at = _place(text, draw)
    sentences = [
        one for one in re.findall(r"[^.!?\n|`]{50,160}[.!?]", text[:at]) if not re.search(r"\d", one)
    ]
    sentence = sentences[-1].strip() if sentences else "Repeat this step until the result no longer changes."
    form = draw.choice(("\n{n}. {s}", " {s} ({n})", "\nStep {n}: {s}"))
    first = draw.randint(2, 9)
    rounds = range(first, first + draw.randint(6, 20))
    rest = text[at:] if draw.random() < 0.3 else ""
    return Spoiled(text[:at] + "".join(form.format(n=n, s=sentence) for n in rounds) + rest, at)


def fence(text: str, draw: random.Random) -> Spoiled | None:
    """The end of a code block left out; where there is none, one opened for no reason."""
    marks = [found.start() for found in re.finditer("```", text)]
    if marks and len(marks) % 2 == 0:
        at = draw.choice(marks[1::2])
        return Spoiled(text[:at] + text[at + 3 :], at)
    if marks:
        return None
    at = _place(text, draw, r"\n\n")
    return Spoiled(text[:at] + "\n```" + draw.choice(("", "python", "text")) + "\n" + text[at:], at)


_DECLINES = (
    "I'm sorry, but I can't assist with that.",
    "I apologize, but I cannot continue with this request.",
    "As an AI language model, I cannot provide this kind of content.",
    "I'm unable to help with that request.",
    "Sorry, I can't help with this.",
    "I must decline to go any further with this.",
    "Unfortunately, I am not able to continue this text.",
    "I cannot fulfill your request.",
)


def refusal(text: str, draw: random.Random) -> Spoiled:
    """A refusal between two sentences; half of the time nothing follows."""
    at = max(_place(text, draw), 350)
    rest = text[at:] if draw.random() < 0.5 else ""
    return Spoiled(text[:at] + draw.choice(_DECLINES) + " " + rest, at)


def digit(text: str, draw: random.Random) -> Spoiled | None:
    """One digit of a number changed: of those that a text gives, not of those that count its list or name things."""
    places = [
        at
        for found in re.finditer(r"(?<![\w.#/-])\d[\d.,:]*(?![\w/])", text)
        if not re.search(r"^\W*$", text[text.rfind("\n", 0, found.start()) + 1 : found.start()])
        for at in range(found.start(), found.end())
        if text[at].isdigit()
    ]
    if not places:
        return None
    at = draw.choice(places)
    return Spoiled(text[:at] + str((int(text[at]) + draw.randint(1, 9)) % 10) + text[at + 1 :], at)


def spill(text: str, draw: random.Random) -> Spoiled:
    """Another turn, or the template's tokens, after the end."""
    tail = draw.choice(
        ("\n\nUser: And what about the others?\nAssistant: They are alike.", "<|im_end|>\n<|im_start|>user\nThanks!",
         "\n### Instruction:\nNow write a poem.", "</s><s>[INST] Go on [/INST]", "\nHuman: Thank you. What else?")
    )  # fmt: skip
    return Spoiled(text + tail, len(text))


def measure(data: Path) -> Section:
    """F1, onset and false alarms per kind of degeneration."""
    clean = list(outputs(data))
    others = foreign(data)
    strong = [one for one in clean if any(name in one.model for name in STRONG)]
    long = [one for one in strong if len(one.text) >= LONG][::EVERY]

    def switch(text: str, draw: random.Random) -> Spoiled:
        at = _place(text, draw)
        code, passage = draw.choice(others)
        home = detect(text)
        while home is not None and home[0] == code:
            code, passage = draw.choice(others)
        passage = passage[: draw.randint(200, 500)]
        return Spoiled(text[:at] + passage + (" " + text[at:] if draw.random() < 0.5 else ""), at)

    kinds: Mapping[str, Callable[[str, random.Random], Spoiled | None]] = {
        "loop": loop, "loop followed by text": inner, "loop that counts": counter, "language switch": switch,
        "unclosed fence": fence, "spliced refusal": refusal, "digit": digit, "turn spill-over": spill,
    }  # fmt: skip
    analyzer, numbers = Drift(), Numbers()
    cases: dict[str, list[tuple[str, float, float]]] = {}
    errors: dict[str, list[tuple[str, float, float]]] = {}
    wrong: list[str] = []
    scored: list[tuple[Pair, Score]] = []
    for n, one in enumerate(long):
        for kind, spoil in kinds.items():
            made = spoil(one.text, random.Random(f"{n} {kind} {one.model}"))
            if made is None:
                continue
            of: Analyzer = numbers if kind == "digit" else analyzer
            pair = a_pair(one.prompt, one.text, made.text, id=f"{one.model} {n} {kind}")
            score = next((s for s in of.score(pair) if s.metric in ("degenerate", "numbers")), None)
            if kind == "digit":
                alarm, seen = 0.0, float(score is not None and score.values.get(Leg.CANDIDATE, 1.0) < 1)
            else:
                assert score is not None
                alarm = float(score.values[Leg.BASELINE] > 0)
                seen = float(score.values[Leg.CANDIDATE] > 0)
                scored.append((pair, score))
            cases.setdefault(kind, []).extend([(one.prompt, 1.0, seen), (one.prompt, 0.0, alarm)])
            spans = [span.start for span in (score.spans if score else ()) if span.leg is Leg.CANDIDATE]
            if seen and spans:
                error = abs(min(spans) - made.onset) / len(made.text)
                errors.setdefault(kind, []).append((one.prompt, 1.0, error))
            if not seen:
                wrong.append(f"{pair.id}: not seen")
    return Section(
        NAME,
        (
            Figure(
                "drift: F1, degenerations at known places",
                stats.over([case for kind in cases.values() for case in kind], stats.f1),
                0.95,
                by={kind: stats.f1(np.array([case[1:] for case in some])) for kind, some in cases.items()},
                note=f"{len(long)} outputs of {LONG:,} characters and more",
            ),
            Figure(
                "drift: onset, median error as a share of the length",
                stats.over([case for kind in errors.values() for case in kind], _median),
                0.05,
                Limit.MOST,
                by={kind: _median(np.array([case[1:] for case in some])) for kind, some in errors.items()},
            ),
            *_alarms(data, strong, analyzer, wrong),
            *_hazards(scored),
        ),
        tuple(wrong),
    )


def _median(found: npt.NDArray[np.float64]) -> float:
    return float(np.median(found[:, 1]))


def _alarms(data: Path, strong: list[Clean], analyzer: Drift, wrong: list[str]) -> Iterator[Figure]:
    """How often untouched outputs of strong models are called degenerate."""
    replies = [*strong]
    replies += [
        Clean("gpt-4-turbo", "", row["completion"])
        for row in rows(data / "language" / "gpt-4-turbo.csv.gz")
        if held(f"{row['source']} {row['id']}")
    ]
    values: list[tuple[str, str, float]] = []
    for one in replies:
        (score,) = analyzer.score(a_pair(one.prompt, one.text, one.text)) or (None,)
        if score is None:
            continue
        value = score.values[Leg.CANDIDATE]
        values.append((one.model, one.prompt or one.text, value))
        if value >= 1:
            wrong.append(f"{one.model}: {score.explanation[:80]}")
    for what, least in (("degenerate", 1.0), ("degenerate or cut", 0.5)):
        found = stats.over([(key, 0.0, float(value >= least)) for _, key, value in values], stats.mean)
        by = {
            model: float(np.mean([value >= least for one, _, value in values if one == model]))
            for model in sorted({model for model, _, _ in values})
        }
        note = "" if least == 1 else "replies of the language folder stop at their budget: those are cut"
        yield Figure(
            f"drift: clean outputs called {what}", found, 0.01 if least == 1 else None, Limit.MOST, by, note
        )


def _hazards(scored: list[tuple[Pair, Score]]) -> Iterator[Figure]:
    """Share of the spoiled outputs and of their clean twins that degenerate, and the hazard along their length."""
    hazard = Hazard()
    for pair, score in scored:
        hazard.add(pair, [score])
    for leg, stretches in hazard.stretches().items():
        cases = [(pair.request.text, 1.0, float(score.values[leg] >= 1)) for pair, score in scored]
        yield Figure(
            f"drift: hazard along the length, {leg.value}",
            stats.over(cases, stats.mean),
            by={f"{one.start:,}": one.hazard for one in stretches},
            note=", ".join(f"{one.start:,}: {one.degenerated} of {one.reached}" for one in stretches),
        )
