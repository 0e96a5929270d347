"""Format: is the structure that was asked for, or begun, whole? 1 = broken.

What is expected comes from the prompt (JSON, a table, CSV, bullets, a numbered list, code, a letter, a number
of items). Without such a request a structure that *any* leg shows is held to itself: whichever leg it is, so
that neither engine is favoured. A reply that declines is not a broken format: the refusal metric has it.
"""

from collections.abc import Sequence

from understudy.pair import Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge, structure
from understudy_analyzers.expectation import Expectation, Structure, expect
from understudy_analyzers.refusal import read


def broken(text: str, wanted: Expectation) -> judge.Found:
    """Judge one reply against what was asked for."""
    whole = judge.view(text).text
    if fault := _fault(whole, wanted):
        note, start = fault
        return judge.Found(1.0, ((min(start, len(text)), len(text), "broken"),), note)
    return judge.Found(0.0, note=f"{wanted.structure or 'structure'} whole")


def _fault(text: str, wanted: Expectation) -> tuple[str, int] | None:
    """What is broken and from where; None when nothing is."""
    blocks = structure.fences(text)
    if blocks and not blocks[-1].closed:
        return "code fence never closed", blocks[-1].start
    fault: str | None = None
    match wanted.structure:
        case Structure.JSON:
            fault = None if structure.json_of(text) is not None else "no valid JSON"
        case Structure.CODE:
            fault = _code(text, wanted.language, blocks)
        case Structure.TABLE:
            rows = structure.table(text)
            fault = (
                "no table" if rows is None else None if structure.even(rows) else "table rows differ in cells"
            )
        case Structure.CSV:
            lines = structure.csv(text)
            fault = (
                "no CSV" if lines is None else None if structure.even(lines) else "CSV rows differ in cells"
            )
        case Structure.BULLETS:
            fault = None if structure.bullets(text) or structure.numbered(text) else "no bullet list"
        case Structure.NUMBERED:
            fault = _numbers(structure.numbered(text))
        case Structure.CHOICE:
            fault = None if structure.choice(text) or len(text) > 40 else "no letter"
        case None:
            pass
    if fault is None and wanted.items and wanted.structure in (Structure.BULLETS, Structure.NUMBERED):
        count = len(structure.bullets(text)) or len(structure.numbered(text))
        fault = None if count == wanted.items else f"{count} items instead of {wanted.items}"
    return (fault, 0) if fault else None


def _code(text: str, language: str, blocks: list[structure.Fence]) -> str | None:
    named = {block.language for block in blocks if block.language}
    python = language == "python" or (not language and bool(named & {"python", "py", "python3"}))
    if named - {"python", "py", "python3"}:
        return (
            None  # other languages are not parsed here, and shell or output blocks stand beside Python ones
        )
    if python and (blocks or structure.looks_python(text) or len(text) < 400):
        return None if structure.python_of(text) is not None else "Python does not parse"
    return None


def _numbers(items: list[tuple[int, str]]) -> str | None:
    if not items:
        return "no numbered list"
    # Nested and repeated lists start again at 1; every number must continue its own list.
    previous = 0
    for number, _ in items:
        if number not in (1, previous, previous + 1) and number > previous + 1:
            return f"numbering jumps from {previous} to {number}"
        previous = number
    return None


class Format:
    """Whether each leg's structure is broken."""

    name = "format"
    version = "1"
    metrics = (
        Metric("format", Sense.BAD, "the structure asked for or begun (JSON, table, list, code) is broken"),
    )

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score when a structure was asked for or any leg shows one; none otherwise."""
        outputs = {} if pair.censored else judge.texts(pair)
        wanted = expect(pair.request.text)
        if wanted.structure is None:
            if any(
                structure.looks_json(text) and structure.json_of(text) is not None
                for text in outputs.values()
            ):
                wanted = Expectation(Structure.JSON)
            elif not any("```" in text or "~~~" in text for text in outputs.values()):
                return ()

        def one(text: str) -> judge.Found | None:
            if wanted.structure is not None and read(text).value > 0:
                return None
            return broken(text, wanted)

        found = judge.each(outputs, one)
        return (judge.score(self.name, self.version, self.metrics[0], found),) if found else ()
