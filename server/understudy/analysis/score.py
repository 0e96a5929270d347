"""`understudy score`: what analyzers say of replies, or of pairs of them, and what they point at."""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.analysis.inputs import (
    INPUT,
    NOT_GIVEN,
    SIDE,
    files,
    is_capture,
    json_lines,
    parse,
    parse_reply,
    piped,
    unknown,
)
from understudy.analysis.notes import ignored
from understudy.analysis.workers import scoring, usable
from understudy.capture.reader import admitted
from understudy.config import chosen
from understudy.errors import LINE, DataError, shown
from understudy.pair import Leg, Output, Pair
from understudy.score import Score, Sense, Span
from understudy.service.analysis import Declared

if TYPE_CHECKING:
    from rich.console import Console

STANDARD = "-"
"""Names standard input."""
QUOTED = 120
"""Characters of evidence that a terminal gets of one place."""
AROUND = 30
"""Characters that it gets on either side."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What one analyzer says of one leg by one metric; without a metric, why it says nothing of a row."""

    id: str
    analyzer: Declared
    metric: str | None = None
    sense: Sense | None = None
    leg: Leg | None = None
    value: float | None = None
    unscored: str | None = None
    explanation: str = ""
    spans: tuple[tuple[Span, str], ...] = ()
    """Places in this leg's reply, each with the text there."""

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "leg": self.leg and self.leg.value,
            "analyzer": self.analyzer.analyzer,
            "version": self.analyzer.version,
            "parameters": dict(self.analyzer.parameters),
            "metric": self.metric,
            "sense": self.sense and self.sense.value,
            "value": self.value,
            "unscored": self.unscored,
            "explanation": self.explanation,
            "spans": [
                {"start": span.start, "end": span.end, "label": span.label, "text": text}
                for span, text in self.spans
            ],
        }


def run(
    paths: Sequence[Path],
    names: Sequence[str] = (),
    *,
    config: Path | None = None,
    workers: int | None = None,
    as_json: bool = False,
    quiet: bool = False,
) -> int:
    """Score every row, and print what was found as it is found; the exit code.

    Args:
        paths: JSON Lines, `.gz` or not, and captures; directories and globs of them; `-` is standard input.
        names: analyzers; none = those of the config.
        config: a deployment's file, whose analyzers, parameters and bounds hold.
        workers: processes that score; None = as many as there are processors, up to a few.
        as_json: a line for each row, leg and metric.
        quiet: no count of the rows.

    Raises:
        DataError: an input is missing or broken; what came before is printed.
        PluginError, ConfigError: an analyzer cannot be had.
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from understudy.report import table

    analyzers, _ = chosen(config)
    if names:
        analyzers = analyzers.only(names)
    scorer = scoring(analyzers, usable(workers))
    strange: Counter[str] = Counter()
    errors, console = Console(stderr=True, highlight=False, soft_wrap=True), table.console()
    off = quiet or not errors.is_terminal or sys.stdout.isatty()
    columns = (TextColumn("score {task.completed} rows"), TimeElapsedColumn())
    # What is found goes to standard output, whatever is drawn meanwhile.
    bar = Progress(*columns, console=errors, disable=off, transient=True, redirect_stdout=False)
    found = 0
    with closing(scorer), bar:
        task = bar.add_task("score", total=None)
        for pair, scores in scorer.run((pair, pair) for pair in _pairs(paths, strange)):
            remarks = remarked(pair, scorer.declared, scores)
            if as_json:
                for remark in remarks:
                    sys.stdout.write(json.dumps(remark.told(), ensure_ascii=False) + "\n")
            else:
                show(pair, remarks, console)
            found += 1
            bar.update(task, completed=found)
    if not found:
        raise DataError("no row in these files; give one JSON object a line")
    if strange:
        errors.print(f"ignored fields: {shown(ignored(strange), LINE)}", markup=False)
    return 0


def single(pair: Pair) -> bool:
    """Whether it is a row of one reply."""
    return pair.candidate.error == NOT_GIVEN and not pair.candidate.text and pair.control is None


def remarked(pair: Pair, analyzers: Sequence[Declared], scores: Iterable[Score]) -> list[Remark]:
    """What was said of a pair, analyzer by analyzer, and which of them said nothing."""
    alone = single(pair)
    legs = {output.leg: output for output in pair.legs() if not (alone and output.leg is not Leg.BASELINE)}
    said: dict[str, list[Score]] = {}
    for score in scores:
        heard = not (alone and score.sense is Sense.AGREE)
        if heard and any(leg in score.values or leg in score.unscored for leg in legs):
            said.setdefault(score.analyzer, []).append(score)
    made: list[Remark] = []
    for one in {declared.analyzer: declared for declared in analyzers}.values():
        for score in said.get(one.analyzer, ()):
            made += _of(pair.id, one, score, legs, alone=alone)
        if one.analyzer not in said:
            agree = all(d.metric.sense is Sense.AGREE for d in analyzers if d.analyzer == one.analyzer)
            made.append(Remark(pair.id, one, explanation="nothing to say: " + _why(legs, agree and alone)))
    return made


def _of(
    row: str, analyzer: Declared, score: Score, legs: Mapping[Leg, Output], *, alone: bool
) -> Iterator[Remark]:
    """A remark for each leg that the score speaks of."""
    # Of one reply, nobody needs to be told whose.
    explanation = score.explanation.removeprefix(f"{Leg.BASELINE}: ") if alone else score.explanation
    analyzer = analyzer._replace(version=score.version, parameters=score.parameters or {})
    for leg, output in legs.items():
        if leg in score.values or leg in score.unscored:
            spans = tuple(
                (span, output.text[span.start : span.end]) for span in score.spans if span.leg is leg
            )
            yield Remark(
                row,
                analyzer,
                score.metric,
                score.sense,
                leg,
                score.values.get(leg),
                score.unscored.get(leg),
                explanation,
                spans,
            )


def _why(legs: Mapping[Leg, Output], lonely: bool) -> str:
    if lonely:
        return "it compares replies, and this row has one"
    failed = {leg: output for leg, output in legs.items() if output.failed}
    if len(failed) < len(legs):
        return "none of its metrics applies"
    return "; ".join(f"{leg}: {_failure(output)}" for leg, output in failed.items())


def _failure(output: Output) -> str:
    if output.truncated_by:
        return "cut at its limit, which is a failure"
    return f"failed ({output.error or output.status})" if output.error or output.status else "an empty reply"


def show(pair: Pair, remarks: Sequence[Remark], console: "Console") -> None:
    """One row for people: each metric with its values, what explains them, and the places they rest on."""
    from rich.text import Text

    console.print(Text(shown(pair.id), style="bold"))
    texts = {output.leg: output.text for output in pair.legs()}
    by_metric: dict[tuple[str, str | None], list[Remark]] = {}
    for remark in remarks:
        by_metric.setdefault((remark.analyzer.analyzer, remark.metric), []).append(remark)
    for (analyzer, metric), told in by_metric.items():
        if metric is None:
            console.print(Text(f"  {analyzer}: {shown(told[0].explanation, LINE)}", style="dim"))
            continue
        values = "  ".join(_value(remark, alone=single(pair)) for remark in told)
        console.print(Text(f"  {shown(metric)}  {values}{_moved(told)}"), soft_wrap=True)
        if told[0].explanation:
            console.print(Text(f"    {shown(told[0].explanation, LINE)}"), soft_wrap=True)
        for remark in told:
            for span, quoted in remark.spans:
                assert remark.leg is not None
                place = f"    {'' if single(pair) else f'{remark.leg} '}{span.start}-{span.end}"
                label = f" {shown(span.label)}" if span.label else ""
                console.print(
                    Text(f"{place}{label}: ", style="dim") + _marked(texts[remark.leg], span, quoted),
                    soft_wrap=True,
                )


def _value(remark: Remark, *, alone: bool) -> str:
    value = f"{remark.value:.2f}" if remark.value is not None else f"unscored ({shown(remark.unscored)})"
    return value if alone else f"{remark.leg} {value}"


def _moved(told: Sequence[Remark]) -> str:
    """Where the candidate went."""
    values = {remark.leg: remark.value for remark in told}
    before, after = values.get(Leg.BASELINE), values.get(Leg.CANDIDATE)
    if before is None or after is None or before == after:
        return ""
    up = after > before
    if told[0].sense is Sense.BAD:
        return "  broken" if up else "  mended"
    return "  gained" if up else "  lost"


def _marked(text: str, span: Span, quoted: str) -> Any:
    """The place in its surroundings: in colour where there is some, in guillemets everywhere."""
    from rich.text import Text

    def flat(part: str) -> str:
        return shown(" ".join(part.split()) if part.strip() else "", LINE)

    before, after = text[max(0, span.start - AROUND) : span.start], text[span.end : span.end + AROUND]
    if len(quoted) > QUOTED:
        quoted = f"{quoted[: QUOTED // 2]} ... {quoted[-QUOTED // 2 :]}"
    return Text.assemble(
        (flat(before) + (" " if before[-1:].isspace() else ""), "dim"),
        "«",
        (flat(quoted), "bold yellow"),
        "»",
        ((" " if after[:1].isspace() else "") + flat(after), "dim"),
    )


def _pairs(paths: Sequence[Path], strange: Counter[str]) -> Iterator[Pair]:
    """The rows of all inputs, in order; `strange` counts fields that are not read."""
    for path in paths:
        if str(path) == STANDARD:
            yield from (_row(INPUT, *row, strange) for row in piped(sys.stdin.buffer))
            continue
        for file in files([path]):
            if is_capture(file):
                yield from _captured(file)
            else:
                yield from (_row(file, *row, strange) for row in json_lines(file))


def _captured(path: Path) -> Iterator[Pair]:
    for item in admitted(path):
        if not item.content:
            raise DataError(f"{path}: was captured without content; capture with capture.content = true")
        yield item.pair


def _row(path: Path, number: int, value: dict[str, Any], strange: Counter[str]) -> Pair:
    """A line's object: a pair if it has a part of one, else one reply."""
    alone = value.get("text") is not None
    whole = value.get("baseline") is not None or value.get("candidate") is not None
    if alone and whole:
        raise DataError(f"{path}:{number}: 'text' beside 'baseline' or 'candidate'; give a reply or a pair")
    try:
        pair = parse(value) if whole else parse_reply(value)
    except ValueError as error:
        raise DataError(f"{path}:{number}: {error}") from None
    except OverflowError:
        raise DataError(f"{path}:{number}: a number beyond all limits; mend or remove the line") from None
    known = SIDE if alone else frozenset[str]()
    strange.update(field for field in unknown(value) if field not in known)
    return pair
