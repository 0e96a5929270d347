"""A short soak: every byte compared, every stream accounted for; and what counts as flat."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from understudy.errors import ConfigError

from bench.field import Account, Field, row
from bench.soak import Soak, exact, growth, soak, summary, targets
from bench.tools import Tools, build

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def field() -> Iterator[Field]:
    try:
        programs = build(ROOT / "out/tools", fetch=False)
    except ConfigError as missing:
        pytest.skip(str(missing))
    with Field(Tools({name: str(path) for name, path in programs.items()}, "", {})) as started:
        yield started


def test_ten_seconds_of_paced_streams_are_all_mirrored_and_not_a_byte_differs(field: Field) -> None:
    field.start(row("paired"))
    told = summary(soak(field, 10, Console(quiet=True)), 10)
    met = {target["id"]: target["met"] for target in told["targets"]}
    assert met == {"whole": True, "bytes": True, "accounting": True, "memory": None}
    assert told["streams"] >= 64 and told["messages"] > 64 * 300 and told["resident"]["most"] > 0


def test_memory_is_flat_by_the_whole_interval_or_not_at_all() -> None:
    flat = [(at / 2, 100_000_000 + at % 7 * 50_000) for at in range(1200)]
    leak = [(at, size + round(at * 50_000)) for at, size in flat]
    found = Soak(sent=1, done=1, resident=flat)
    assert {each["id"]: each["met"] for each in targets(found, 600)}["memory"] is True
    found.resident = leak
    assert {each["id"]: each["met"] for each in targets(found, 600)}["memory"] is False
    assert {each["id"]: each["met"] for each in targets(found, 60)}["memory"] is None
    grown = growth(leak, 600)
    assert grown is not None and grown.low is not None and grown.low < 50_000 * 1.01 and grown.value > 49_000


def test_a_stream_in_no_column_or_in_two_is_not_exact() -> None:
    before = Account(10, 10, 0, 0)
    assert exact(before, Account(74, 74, 0, 0), 64) and exact(before, Account(74, 70, 4, 0), 64)
    assert not exact(before, Account(74, 73, 0, 0), 64)
    assert not exact(before, Account(74, 74, 1, 0), 64)
    assert not exact(before, Account(74, 73, 0, 1), 64)
