"""The figures as tables for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

COLOURS = {True: "green", False: "red", None: "yellow"}


def show(told: Mapping[str, Any], console: Console) -> None:
    """Switches, restarts, and what was missed."""
    met = {each["id"]: each["met"] for each in told["targets"]}
    console.print(_switches(told, met))
    console.print(_restarts(told, met))
    for name, variant in told["variants"].items():
        last, whole = variant["last_old_byte_s"]["all"], variant["complete_s"]
        console.print(
            f"{name}: last byte of the old engine after the order, median and most: short RPCs {_pair(last['short'])}, "
            f"held streams {_pair(last['held'])}; switch complete after {_pair(whole)}",
            soft_wrap=True,
        )
    console.print(
        "[dim]short: RPCs of one request; trunc.: with messages missing; held: requests on held streams; "
        "each: the most UNAVAILABLEs that one stream got of one order; cut: requests on held streams that lost "
        "their answer before drain_max; limit: the same at drain_max[/]"
    )
    console.print("[dim]green: met, red: missed, yellow: nothing there to be counted[/]")
    for each in told["targets"]:
        if each["met"] is False:
            console.print(f"[red]missed[/] {each['what']}: {each['value']}, at most {each['target']}")
    notes = dict.fromkeys(each["note"] for each in told["targets"] if "note" in each)
    for note in notes:
        console.print(f"[yellow]grpc-js {note}[/]")


def _switches(told: Mapping[str, Any], met: Mapping[str, bool | None]) -> Table:
    table = _table(
        f"{len(next(iter(told['variants'].values()))['switches'])} switches of primary each, under load",
        ("", "short", "failed", "trunc.", "mixed", "late", "held", "each", "cut", "limit"),
    )
    for name, variant in told["variants"].items():
        for client, found in variant["clients"].items():
            row = client if name == "plaintext" else f"{client}, {name}"
            if found is None:
                table.add_row(row, "[yellow]\N{EN DASH}[/]")
                continue
            short, held = found["short"], found["held"]

            def mark(value: int, id_: str, name: str = name, client: str = client) -> str:
                return f"[{COLOURS[met[f'{name} {client} {id_}']]}]{value:,}[/]"

            table.add_row(
                row,
                f"{short['calls']:,}",
                mark(short["failed"], "failed"),
                mark(short["truncated"], "truncated"),
                mark(short["mixed"] + held["mixed"], "mixed"),
                mark(short["late"], "late"),
                f"{held['requests']:,}",
                mark(held["most"], "unavailable"),
                mark(held["truncated"], "cut"),
                str(held["at_limit"]),
            )
    return table


def _restarts(told: Mapping[str, Any], met: Mapping[str, bool | None]) -> Table:
    restarts = told["restarts"]
    table = _table(
        f"{restarts['orders']} restarts ({restarts['workers']} workers replaced) and an upgrade under load",
        ("", "sent", "failed", "trunc.", "held", "each", "cut", "limit"),
    )
    colour = COLOURS[met["restarts refused"]]
    table.add_row(
        "connects", f"{restarts['tried']:,}", f"[{colour}]{sum(restarts['refused'].values())} refused[/]"
    )
    for client, found in restarts["clients"].items():
        if found is None:
            table.add_row(client, "[yellow]\N{EN DASH}[/]")
            continue
        short, held = found["short"], found["held"]
        colours = [COLOURS[met[f"restarts {client} {id_}"]] for id_ in ("failed", "truncated")]
        table.add_row(
            client,
            f"{short['calls']:,}",
            f"[{colours[0]}]{short['failed']}[/]",
            f"[{colours[1]}]{short['truncated']}[/]",
            f"{held['requests']:,}",
            f"{held['most']}",
            f"{held['truncated']}",
            f"{held['at_limit']}",
        )
    return table


def _table(title: str, heads: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False, collapse_padding=True)
    for head in heads:
        table.add_column(head, justify="right" if head else "left", no_wrap=True)
    return table


def _pair(one: Mapping[str, float | None]) -> str:
    middle, most = one["median"], one["most"]
    return "none" if middle is None or most is None else f"{middle:.2f} s and {most:.2f} s"
