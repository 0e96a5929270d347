"""The operator's commands on a running deployment, by its control socket."""

import asyncio
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from understudy.service.lines import ask

CONTROL = "control.sock"


def order(run_dir: Path, request: dict[str, Any], *, as_json: bool) -> int:
    """Send an order and print what came of it; the exit code.

    Raises:
        UnderstudyError: nobody listens, or the order was refused.
    """
    answer = asyncio.run(ask(run_dir / CONTROL, request, timeout_s=60))
    if as_json:
        print(json.dumps(answer))
    else:
        print("; ".join(f"{name}: {value}" for name, value in answer.items() if not isinstance(value, dict)))
    return 0


def status(run_dir: Path, *, as_json: bool) -> int:
    """Print the state of the deployment; the exit code.

    Raises:
        UnderstudyError: nobody listens.
    """
    told = asyncio.run(ask(run_dir / CONTROL, {"op": "status"}))
    if as_json:
        print(json.dumps(told))
        return 0
    console = Console()
    held = told["latch"]
    console.print(f"primary [bold]{told['primary']}[/]" + (f"  (latched: {held['reason']})" if held else ""))
    console.print(f"mirror {'on' if told['mirror_on'] else 'off'}  verdict {told['verdict']}")
    console.print("  ".join(f"{name.replace('_', ' ')} {count}" for name, count in told["counts"].items()))
    firing = [one for one in told["alerts"] if one["state"] == "firing"]
    for one in firing:
        console.print(f"[red]{one['name']}[/] {one['annotations']['summary']}")
    table = Table("slice", "metric", "verdict", "votes", "effect", "tolerance", "evidence", "about more")
    for one in told["verdicts"][:40]:
        table.add_row(
            one["slice"],
            one["metric"],
            one["state"] + (f" ({one['tier']})" if one["tier"] else ""),
            str(one["votes"]),
            f"{_figure(one['effect'], '+.3f')} [{_figure(one['low'], '+.3f')}, {_figure(one['high'], '+.3f')}]",
            _figure(one["tau"], "g"),
            _figure(one["evidence_ratio"], ".3g"),
            "" if one["more_pairs"] is None else str(one["more_pairs"]),
        )
    console.print(table)
    if len(told["verdicts"]) > 40:
        console.print(f"... and {len(told['verdicts']) - 40} more cells: see --json")
    return 0


def _figure(value: float | None, form: str) -> str:
    """A figure that may not be known."""
    return "?" if value is None else format(value, form)
