"""The demo on the terminal: progress, who serves, and evidence growing towards its threshold."""

import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from understudy.demo.traffic import Call

CELLS = 12
"""Lines of evidence at most; a low terminal gets fewer."""
AROUND = 13
"""Lines of the panel beside those."""
NARROW = 92
"""Columns below which evidence is a figure instead of a bar, so that names stay whole."""
NOTHING = 1e-4
"""Evidence as a share of its threshold, about as a cell begins: the empty bar."""
COLOURS = {"BREACH": "bold red", "WITHIN": "green", "INSTRUMENT_FAULT": "bold magenta"}
WORDS = {"NOT_ENOUGH_EVIDENCE": "undecided", "INSTRUMENT_FAULT": "fault", "WITHIN": "within"}
ORDER = {"BREACH": 0, "INSTRUMENT_FAULT": 1, "NOT_ENOUGH_EVIDENCE": 2, "WITHIN": 3}


class Show:
    """A live view; feed it statuses.

    Args:
        quantization: of the candidate.
        primary: who serves at first.
        pairs: the budget.
        page: address of the web page.
        same: slice -> another slice of the very same prompts, which is shown in its place.
        tick_s: evidence is counted in steps of so many seconds.
    """

    def __init__(
        self,
        quantization: str,
        primary: str,
        pairs: int,
        page: str,
        same: Mapping[str, str],
        tick_s: float,
    ) -> None:
        self._title = f"{quantization} against full precision, {primary} serving at first"
        self._pairs = pairs
        self._page = page
        self._same = same
        self._tick_s = tick_s
        self._status: Mapping[str, Any] = {}
        self._answered: Counter[str] = Counter()
        self._calls = self._failed = 0
        self._began = time.monotonic()
        self._first: _First | None = None

    def see(self, status: Mapping[str, Any], calls: Sequence[Call]) -> None:
        """Take the newest figures."""
        self._status, self._calls = status, len(calls)
        self._failed = sum(bool(call.error) for call in calls)
        self._answered = Counter(call.example.category for call in calls)
        if self._first is None:
            self._first = _First(status["now_ns"], int(self._tick_s * 1e9))
        self._first.see(status)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what is known, as wide as the terminal is."""
        status = self._status
        if not status:
            yield Panel("the callers begin", title=self._title)
            return
        spent = time.monotonic() - self._began
        latch = status["latch"]
        serving = Text(f"serving: {status['primary']}", style="bold")
        if latch:
            serving.append(f"   rolled back: {latch['reason'].removeprefix('rollback: ')}", style="bold red")
        voted = [v for v in status["verdicts"] if v["votes"]]
        room = max(3, min(CELLS, console.size.height - AROUND))
        body: RenderableType = self._waiting(spent)
        if voted:
            body = _cells(voted, self._same, room, options.max_width < NARROW)
        page = Text(self._page, style="dim")
        yield Panel(
            Group(self._head(status["counts"], spent), serving, Text(), body, page), title=self._title
        )

    def _head(self, counts: Mapping[str, int], spent: float) -> Table:
        head = Table.grid(Column(), Column(), Column(), Column(ratio=1), Column(), padding=(0, 2, 0, 0))
        head.expand = True
        head.add_row(
            Text(f"calls {self._calls}"),
            Text(f"failed {self._failed}", style="red" if self._failed else "green"),
            Text(f"pairs {counts['paired']}/{self._pairs}"),
            ProgressBar(self._pairs, min(counts["paired"], self._pairs)),
            Text(f"{counts['paired'] / max(spent, 1):.1f}/s  {spent:.0f} s"),
        )
        return head

    def _waiting(self, spent: float) -> Group:
        """Say what happens before the first evidence."""
        assert self._first is not None
        about = self._first.about_s(spent)
        when = (
            f"first evidence at about {about:.0f} s"
            if about > spent + 1
            else "the first step waits for its longest replies"
        )
        asked = Text("answered, by category: ")
        for category, count in sorted(self._answered.items(), key=lambda item: (-item[1], item[0])):
            asked.append(f"{category} ").append(f"{count}", style="bold").append("   ")
        return Group(
            Text(
                "Every prompt goes to both engines, and their two replies are scored as a pair. Pairs count as "
                f"evidence in steps of {self._tick_s:g} s, each when all its calls are answered by both: {when}."
            ),
            Text(),
            asked,
        )

    def end(self, console: Console, summary: Mapping[str, Any], out: Path) -> None:
        """Say what came of it."""
        style = COLOURS.get(summary["verdict"], "yellow")
        rollback = summary["rollback"]
        console.print(
            f"[{style}]{summary['verdict']}[/]  {summary['calls']} calls, {summary['failed_calls']} failed, "
            f"{summary['pairs']} pairs, {summary['duration_s']:.0f} s (start-up {summary['setup_s']:.0f} s)"
        )
        table = Table(
            Column("broken", overflow="fold", ratio=3),
            Column("pairs", justify="right", overflow="fold"),
            Column("effect, 95 %", overflow="fold", ratio=2),
            Column("exactness lost, measured before", overflow="fold", ratio=2),
            expand=True,
        )
        for breach in summary["breaches"]:
            name = breach["slice"]
            truth = summary["truth"].get(name)
            low, high = breach["interval"]
            table.add_row(
                f"{name} x {breach['metric']}",
                str(breach["pairs_to_breach"]),
                f"{breach['effect']:+.3f} [{low:+.3f}, {high:+.3f}]",
                f"{truth['loss']:+.3f} [{truth['low']:+.3f}, {truth['high']:+.3f}]"
                if truth
                else "not measured for this slice",
            )
        if summary["breaches"]:
            console.print(table)
        if rollback["signalled"] and not rollback["carried_out"]:
            console.print("a rollback was signalled and not yet carried out when the run ended")
        elif rollback["signalled"]:
            since = rollback["seconds_from_breach"]
            when = "" if since is None else f" {since:.1f} s after the first breach"
            console.print(
                f"rolled back{when}; of "
                f"{rollback['short_calls_after']} short calls begun after the switch the candidate answered "
                f"{rollback['replies_from_candidate_after']}; {rollback['held_streams_moved']} held streams moved"
            )
        console.print(f"summary {out / 'summary.json'}   report {out / 'report' / 'report.html'}")


class _First:
    """When the first step of evidence will be complete: its calls at their rate of pairing, the slowest last."""

    def __init__(self, now_ns: int, tick_ns: int) -> None:
        self._began_ns = now_ns
        self._end_ns = (now_ns // tick_ns + 1) * tick_ns
        self._in_step = 0.0
        self._rate = 0.0
        self._paired = 0
        self._slowest = 0.0

    def see(self, status: Mapping[str, Any]) -> None:
        now_ns, counts = status["now_ns"], status["counts"]
        spent = max((now_ns - self._began_ns) / 1e9, 1.0)
        self._paired = counts["paired"]
        self._rate = counts["paired"] / spent
        self._slowest = max(self._slowest, status["watermark_age_s"] or 0.0)
        if now_ns < self._end_ns:
            self._in_step = counts["eligible"] * (self._end_ns - self._began_ns) / 1e9 / spent

    def about_s(self, spent: float) -> float:
        """Seconds since the start, or no later than `spent` when it is due."""
        step = (self._end_ns - self._began_ns) / 1e9
        left = max(0.0, self._in_step - self._paired) / max(self._rate, 0.5)
        return max(step + self._slowest, spent + left)


def _cells(voted: list[Mapping[str, Any]], same: Mapping[str, str], room: int, narrow: bool) -> Group:
    """The cells nearest to a decision; evidence from nothing to its threshold, on a log scale."""
    table = Table(
        Column("slice", no_wrap=True),
        Column("metric", no_wrap=True),
        Column("verdict", no_wrap=True),
        Column("votes", justify="right"),
        Column("effect", justify="right"),
        Column("evidence", justify="right" if narrow else "left", ratio=1),
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        expand=True,
    )
    present = {v["slice"] for v in voted}
    told = [v for v in voted if same.get(v["slice"]) not in present]
    told.sort(key=lambda v: (ORDER.get(v["state"], 4), -(v["evidence_ratio"] or 0)))
    for one in told[:room]:
        ratio = max(NOTHING, one["evidence_ratio"] or 0.0)
        filled = min(1.0, 1 - math.log10(ratio) / math.log10(NOTHING))
        state = WORDS.get(one["state"], one["state"])
        table.add_row(
            one["slice"],
            one["metric"],
            Text(
                f"{state} {one['tier']}"
                if one["state"] == "BREACH" and one["tier"] and not narrow
                else state,
                style=COLOURS.get(one["state"], "yellow"),
            ),
            str(one["votes"]),
            f"{one['effect']:+.3f}",
            f"{int(100 * filled)} %" if narrow else ProgressBar(1.0, filled),
        )
    lines: list[RenderableType] = [table]
    shown = {one["slice"] for one in told[:room]}
    twins = [f"{name} = {of}" for name, of in sorted(same.items()) if of in shown and name in present]
    if twins:
        lines.append(Text(f"the same prompts, listed once: {', '.join(twins)}", style="dim"))
    return Group(*lines)
