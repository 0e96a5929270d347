"""Format: is the structure that was asked for, or begun, whole? 1 = broken, .5 = whole, but an instruction is not kept.

What is expected comes from a contract that the request declares (`format.contract`), else from the prompt: JSON,
perhaps with names it must have, XML, HTML, YAML, CSV, a table, bullets, a numbered list, headings, code in a language,
a letter, a number of items. Without such a request a structure that *any* leg shows is held to itself, whichever leg
it is, so that neither engine is favoured: a reply that is one JSON document, and whatever is fenced, tabled or
numbered. Instructions of other kinds that the prompt gives (`instruction`) count half: what a program reads must
parse, while a word too many is a lapse, and models have many of them. What both legs break alike is no drift:
D = candidate - baseline.

A reply that declines is not a broken format: the refusal metric has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from understudy.pair import Leg, Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, structure
from understudy_analyzers.expectation import Expectation, Structure, expect, window
from understudy_analyzers.format import asked, document, grid, markup, shown
from understudy_analyzers.format.contract import Contract, Unfit, declared
from understudy_analyzers.format.fault import Fault
from understudy_analyzers.instruction import Instruction, detect, verify
from understudy_analyzers.refusal import read

LONGEST = structure.LONGEST
"""Characters beyond which a reply is unscored: half a document is neither whole nor broken."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is held against every reply of a pair."""

    wanted: Expectation
    contract: Contract | None
    instructions: Sequence[Instruction]
    ruled: bool
    """Rows between bars need a rule to be a table; not so where the prompt itself speaks of bars."""
    heads: frozenset[str]
    """Of the tables of all replies."""
    prompt: str

    def judge(self, text: str) -> judge.Found | None:
        """One reply; None of one that declines instead of doing what was asked."""
        if fault := shown.broken(text, self.ruled, self.heads):
            return _broken(text, fault)
        fault = (
            asked.missing(text, self.wanted, self.contract, self.prompt) if self.wanted.structure else None
        )
        lapse = None if fault else self._lapse(text)
        if fault is None and lapse is None:
            return judge.Found(0.0, note=f"{self.wanted.structure or 'structure'} whole")
        if read(text, self.prompt).value > 0:
            return None
        return _broken(text, fault) if fault else judge.Found(0.5, note=lapse or "")

    def _lapse(self, text: str) -> str | None:
        """The first instruction that is not kept."""
        verdicts = ((one, verify(one, text)) for one in self.instructions)
        return next((f"{one.kind.value}: {why}"[:160] for one, why in verdicts if why), None)


def _broken(text: str, fault: Fault) -> judge.Found:
    end = fault.end if fault.end >= 0 else len(text)
    return judge.Found(1.0, ((min(fault.start, len(text)), end, "broken"),), fault.note)


class Format:
    """Whether each leg's structure is broken."""

    name = "format"
    version = "2"
    metrics = (
        Metric("format", Sense.BAD, "the structure asked for or begun (JSON, table, list, code) is broken"),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score when a structure was asked for or any leg shows one; none otherwise."""
        outputs = {} if pair.censored else judge.texts(pair)
        if not outputs:
            return ()
        try:
            contract = declared(pair.request.metadata)
        except Unfit as reason:
            return (self._unscored(dict.fromkeys(outputs, "contract"), note=str(reason)),)
        prompt = pair.request.text
        wanted = contract.wanted if contract else common(expect(prompt), outputs)
        instructions = contract.instructions if contract else detect(prompt)
        if not wanted.structure and not instructions and not any(map(shown.applies, outputs.values())):
            return ()
        long = {leg: "too_long" for leg, text in outputs.items() if len(text) > LONGEST}
        texts = {leg: text for leg, text in outputs.items() if leg not in long}
        heads = frozenset[str]().union(*map(grid.heads, texts.values()))
        held = _Asked(wanted, contract, instructions, "|" not in window(prompt), heads, prompt)
        found = judge.each(texts, held.judge)
        if long:
            return (self._unscored(long, found),)
        return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()

    def _unscored(
        self, reasons: Mapping[Leg, str], found: Mapping[Leg, judge.Found] | None = None, note: str = ""
    ) -> Score:
        """Reasons are counted by their words and kept without the text: what a caller wrote stands in the note."""
        scored = judge.score(self.name, self.version, self.metrics[0], found or {})
        return replace(scored, unscored=reasons, explanation=scored.explanation or note)


def common(wanted: Expectation, outputs: Mapping[Leg, str]) -> Expectation:
    """What the replies show together that they are to be: one that is a document makes it the contract of all."""
    if wanted.structure not in (None, Structure.JSON):
        return wanted
    texts = [text for text in dict.fromkeys(outputs.values()) if len(text) <= LONGEST]
    if any(_pure(text) for text in texts):
        return Expectation(Structure.JSON, alone=True, keys=wanted.keys)
    if wanted.structure is None:
        for text in texts:
            kind = Structure.HTML if markup.hypertext(text) else Structure.XML
            if markup.whole(text) and markup.broken(text, kind is Structure.HTML, False) is None:
                return Expectation(kind)
        if any(map(shown.separated, texts)):
            return Expectation(Structure.CSV)
        if any(map(shown.program, texts)):
            return Expectation(Structure.CODE, language="python")
    return wanted


def _pure(text: str) -> bool:
    """A reply that is one bare JSON container."""
    if not structure.looks_json(text) or text.lstrip().startswith("`"):
        return False
    found = document.read(text)
    return found.fault is None and not found.around
