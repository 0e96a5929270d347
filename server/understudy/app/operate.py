"""The operator's commands on a running deployment, by its control socket."""

import asyncio
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from understudy.errors import LINE, NAME, shown
from understudy.service.lines import ask

CONTROL = "control.sock"

SHOWN = 40
"""Cells printed: breaches first, then those with most evidence of one."""
WIDE = 110
"""Columns of a terminal from which a cell's figures fit one line."""
PIPED = 2_000
"""Columns of a file or a pipe: no name is broken there, and a cell is one line that grep finds."""
PLAIN = ("collecting", "certified")
"""Reasons that say no more than their state does."""

ORDER = ("BREACH", "INSTRUMENT_FAULT", "NOT_ENOUGH_EVIDENCE", "WITHIN")


def order(
    run_dir: Path,
    request: dict[str, Any],
    *,
    as_json: bool,
    socket: str = CONTROL,
    timeout_s: float = 60,
) -> int:
    """Send an order and print what came of it; the exit code.

    Raises:
        UnderstudyError: nobody listens, or the order was refused.
    """
    answer = asyncio.run(ask(run_dir / socket, request, timeout_s=timeout_s))
    if as_json:
        print(json.dumps(answer))
    else:
        print(
            "; ".join(
                f"{shown(name)}: {shown(value, LINE)}"
                for name, value in answer.items()
                if not isinstance(value, dict)
            )
        )
    return 0


def _costs(analyzers: dict[str, Any]) -> str:
    """What a pair costs each analyzer, the dearest first; empty before there is one."""
    known = {name: one["ms"] for name, one in analyzers.items() if one["ms"] is not None}
    if not known:
        return ""
    told = ", ".join(
        f"{_told(name)} {spent:.2f}" for name, spent in sorted(known.items(), key=lambda item: -item[1])
    )
    return f"scoring {sum(known.values()):.1f} ms a pair: {told}\n"


def status(run_dir: Path, *, as_json: bool) -> int:
    """Print the state of the deployment; the exit code.

    Raises:
        UnderstudyError: nobody listens.
    """
    told = asyncio.run(ask(run_dir / CONTROL, {"op": "status"}))
    if as_json:
        print(json.dumps(told))
        return 0
    console = _console()
    held = told["latch"]
    console.print(
        f"primary [bold]{_told(told['primary'])}[/]"
        + (f"  (latched: {_told(held['reason'], LINE)})" if held else "")
    )
    console.print(f"mirror {'on' if told['mirror_on'] else 'off'}  verdict {_told(told['verdict'])}")
    console.print(
        "  ".join(f"{_told(name.replace('_', ' '))} {count}" for name, count in told["counts"].items())
    )
    dropped = {reason: count for reason, count in told["capture_dropped"].items() if count}
    if dropped:
        console.print(
            "pairs not captured: "
            + ", ".join(f"{count} ({_told(reason)})" for reason, count in dropped.items())
        )
    console.print(_costs(told.get("analyzers") or {}), soft_wrap=True, end="")
    firing = [one for one in told["alerts"] if one["state"] == "firing"]
    for one in firing:
        tier = one["labels"].get("tier")
        console.print(
            f"[red]{_told(one['name'])}[/]{f' ({_told(tier)})' if tier else ''} "
            + _told(one["annotations"]["summary"], LINE)
        )
    if not told["ready"]["ok"]:
        console.print(f"[red]not ready[/] {_told(told['ready']['why'], LINE)}", soft_wrap=True)
    shown_for: dict[tuple[str, str], dict[str, None]] = {}
    for one in told["verdicts"]:
        if one["same_as"]:
            shown_for.setdefault((one["lane"], one["same_as"]), {})[one["slice"]] = None
    voted = [one for one in told["verdicts"] if one["votes"] and not one["same_as"]]
    voted.sort(key=lambda one: (ORDER.index(one["state"]), -(one["evidence_ratio"] or 0.0)))
    turn = " " if console.width >= WIDE else "\n"
    table = Table(
        Column("slice x metric", overflow="fold", ratio=3, min_width=26),
        Column("verdict", overflow="fold", ratio=2, min_width=10),
        *(
            Column(name, justify="right", overflow="fold")
            for name in ("votes", "effect", f"recent{turn}/ tau", "evidence", "more")
        ),
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        header_style="bold",
        expand=console.is_terminal,
    )
    for one in voted[:SHOWN]:
        breach = one["state"] == "BREACH"
        table.add_row(
            _told(one["slice"])
            + (" (found)" if one["discovered"] else "")
            + "".join(f" (= {_told(other)})" for other in shown_for.get((one["lane"], one["slice"]), ()))
            + f"{turn}x {_told(one['metric'])}",
            _words(one["state"]).lower()
            + (f" ({one['tier']})" if one["tier"] else "")
            + ("" if one["reason"] in PLAIN else f":{turn}{_words(one['reason'])}"),
            str(one["votes"]),
            _figure(one["effect"], "+.3f")
            + f"{turn}[{_figure(one['low'], '+.3f')}, {_figure(one['high'], '+.3f')}]",
            (f"{_figure(one['recent'], '+.3f')}{turn}" if breach else "") + f"/ {_figure(one['tau'], 'g')}",
            _figure(one["evidence_ratio"], ".3g"),
            "" if one["more_pairs"] is None else str(one["more_pairs"]),
        )
    console.print(table)
    if len(voted) > SHOWN:
        console.print(f"... and {len(voted) - SHOWN} more cells with votes: see --json")
    return 0


def _console() -> Console:
    made = Console()
    return made if made.is_terminal else Console(width=PIPED)


def _words(name: str) -> str:
    return _told(name.replace("_", " "))


def _told(text: object, most: int = NAME) -> str:
    """A name or a sentence of others: neither the terminal nor the markup obeys it."""
    return escape(shown(text, most))


def _figure(value: float | None, form: str) -> str:
    """A figure that may not be known."""
    return "?" if value is None else format(value, form)
