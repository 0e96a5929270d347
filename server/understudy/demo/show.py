"""The demo on the terminal: progress, who serves, and evidence growing towards its threshold."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

CELLS = 12
COLOURS = {"BREACH": "bold red", "WITHIN": "green", "INSTRUMENT_FAULT": "bold magenta"}


class Show:
    """A live view; feed it statuses."""

    def __init__(self, quantization: str, primary: str, pairs: int, page: str) -> None:
        self._title = f"{quantization} against full precision, {primary} serving at first"
        self._pairs = pairs
        self._page = page
        self._status: Mapping[str, Any] = {}
        self._calls = self._failed = 0
        self._began = time.monotonic()

    def see(self, status: Mapping[str, Any], calls: int, failed: int) -> None:
        """Take the newest figures."""
        self._status, self._calls, self._failed = status, calls, failed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw what is known."""
        status = self._status
        if not status:
            yield Panel("waiting for the first status", title=self._title)
            return
        counts = status["counts"]
        spent = time.monotonic() - self._began
        head = Table.grid(padding=(0, 2))
        head.add_row(
            Text(f"calls {self._calls}"),
            Text(f"failed {self._failed}", style="red" if self._failed else "green"),
            Text(f"pairs {counts['paired']}/{self._pairs}"),
            ProgressBar(self._pairs, min(counts["paired"], self._pairs), width=30),
            Text(f"{counts['paired'] / max(spent, 1):.1f} pairs/s"),
            Text(f"{spent:.0f} s"),
        )
        latch = status["latch"]
        serving = Text(f"serving: {status['primary']}", style="bold")
        if latch:
            serving.append(f"   rolled back: {latch['reason']}", style="bold red")
        yield Panel(Group(head, serving, _cells(status), Text(self._page, style="dim")), title=self._title)

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
            Column("exactness lost, measured", overflow="fold", ratio=2),
            expand=True,
        )
        for breach in summary["breaches"]:
            name = breach["slice"]
            truth = summary["truth"].get(name.removeprefix("category=")) or summary["measured"].get(name)
            low, high = breach["interval"]
            table.add_row(
                f"{name} x {breach['metric']}",
                str(breach["pairs_to_breach"]),
                f"{breach['effect']:+.3f} [{low:+.3f}, {high:+.3f}]",
                f"{truth['loss']:+.3f} [{truth['low']:+.3f}, {truth['high']:+.3f}]" if truth else "",
            )
        if summary["breaches"]:
            console.print(table)
        if rollback["signalled"]:
            console.print(
                f"rolled back {rollback['seconds_from_breach']:.1f} s after the first breach; of "
                f"{rollback['short_calls_after']} short calls begun after the switch the candidate answered "
                f"{rollback['replies_from_candidate_after']}; {rollback['held_streams_moved']} held streams moved"
            )
        console.print(f"summary {out / 'summary.json'}   report {out / 'report' / 'report.html'}")


def _cells(status: Mapping[str, Any]) -> Table:
    """The cells nearest to a decision; evidence as a bar from nothing to its threshold, on a log scale."""
    table = Table("slice", "metric", "verdict", "votes", "effect", "evidence", box=None, padding=(0, 1))
    order = {"BREACH": 0, "INSTRUMENT_FAULT": 1, "NOT_ENOUGH_EVIDENCE": 2, "WITHIN": 3}
    voted = [v for v in status["verdicts"] if v["votes"]]
    if not voted:
        table.add_row(
            Text("no tick is closed yet: votes count when all requests of a tick are answered", style="dim")
        )
    voted.sort(key=lambda v: (order.get(v["state"], 4), -(v["evidence_ratio"] or 0)))
    for one in voted[:CELLS]:
        ratio = max(1e-8, one["evidence_ratio"] or 0.0)
        filled = min(1.0, max(0.0, 1 + math.log10(ratio) / 8))
        table.add_row(
            one["slice"],
            one["metric"],
            Text(
                one["state"] + (f" {one['tier']}" if one["tier"] else ""),
                style=COLOURS.get(one["state"], "yellow"),
            ),
            str(one["votes"]),
            f"{one['effect']:+.3f}",
            ProgressBar(1.0, filled, width=20),
        )
    return table
