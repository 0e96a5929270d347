"""Two faults against the real processes, and what is said of rounds; skipped where the C programs cannot be built."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from understudy.errors import ConfigError

from bench.stage import Stage
from bench.tools import Tools
from bench.tools import build as build_programs
from chaos import page
from chaos.faults import FAULTS, Fault
from chaos.measure import QUICK, Round, account, measure
from chaos.proxy import ROLES, Clock, Counts, Proxy
from chaos.run import begin, build, choose, moody, procedure, show, summary
from chaos.targets import targets

ROOT = Path(__file__).parent.parent.parent
TOOLS = ROOT / "out/tools"
PLAN = replace(QUICK, seconds=0.8)


@pytest.fixture(scope="module")
def library() -> str:
    try:
        build_programs(TOOLS, fetch=False)
        return build(TOOLS)
    except ConfigError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def proxy(library: str) -> Iterator[Proxy]:
    programs = {name: str(path) for name, path in build_programs(TOOLS, fetch=False).items()}
    stage = Stage(Tools(programs, "", {}))
    moody(stage.folder)
    stage.open()
    try:
        started = begin(stage, PLAN, fault("shadow-garbage"), library)
        try:
            yield started
        finally:
            started.stop()
    finally:
        stage.close()


def fault(name: str) -> Fault:
    (found,) = choose([name])
    return found


@pytest.mark.parametrize("name", ["shadow-garbage", "observer-killed"])
def test_callers_notice_nothing_and_every_call_is_accounted_for(proxy: Proxy, name: str) -> None:
    found = measure(proxy, fault(name), PLAN, 0)
    assert found.errors == 0 and found.sent > 2 * (64 + PLAN.rate * PLAN.seconds * 0.9)
    assert found.account["fine"], found
    assert found.recovery["recovered"], found
    if name == "observer-killed":
        assert found.account["blind"] >= 1, "what was open when it died cannot be followed"
    else:
        assert found.account["failed"] + found.account["paired"] == found.account["eligible"] > 0
    told = {
        "targets": targets({name: [found]}),
        "faults": {name: summary(name, [found])},
        "rounds": {name: [asdict(found)]},
        "quick": True,
        "notes": ["a note <b>"],
        "duration_s": 1.0,
        "machine": {"cpu": "x", "cores": 2, "kernel": "k", "python": "3", "load_before": 0.0},
        "procedure": procedure(proxy.stage, PLAN),
    }
    html = page.render(json.loads(json.dumps(told)))
    assert "a note &lt;b&gt;" in html and "<circle" in html and "http://" not in html
    console = Console(width=80, record=True, file=StringIO())
    show(told, console)
    assert name in console.export_text()


def test_a_jump_moves_the_wall_clock_of_a_running_process_and_no_other_clock(
    library: str, tmp_path: Path
) -> None:
    clock = Clock(tmp_path / "clock", library)
    clock.path.write_bytes(bytes(8))
    script = (
        "import time\nwhile input(): print(time.time_ns() // 10**9, time.monotonic_ns() // 10**9, flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clock.env(),
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        for seconds in (0, 3600, -3600, 0):
            clock.jump(seconds)
            process.stdin.write("now\n")
            process.stdin.flush()
            wall, monotonic = map(int, process.stdout.readline().split())
            assert wall - seconds == pytest.approx(time.time_ns() // 10**9, abs=2)
            assert monotonic == pytest.approx(time.monotonic_ns() // 10**9, abs=2)
        process.stdin.write("\n")
        process.stdin.flush()


def a_round(errors: int = 0, ratio: float = 1.0, back_s: float = 1.0, share: float = 0.5) -> Round:
    figures = {f"{kind}_{q}_us": 100.0 for kind in ("message", "call") for q in ("p50", "p99")}
    return Round(
        off=figures,
        on={name: value * ratio for name, value in figures.items()},
        recovery={"seconds": back_s, "recovered": 1.0},
        account=account(Counts(requests=10, eligible=10, paired=9, shed=1), 10),
        memory={f"{role}_share": share for role in ROLES},
        sent=10,
        errors=errors,
    )


def test_each_fault_has_six_targets_and_ratios_need_enough_rounds() -> None:
    found = targets({"shadow-slow": [a_round()] * 10, "disk-full": [a_round()]})
    assert [each["id"] for each in found[12:]] == ["all messages", "all calls"] and found[12]["rounds"] == 11
    verdicts = {each["id"]: each["met"] for each in found}
    assert verdicts["shadow-slow messages"] is True and verdicts["disk-full messages"] is None
    assert all(met for id_, met in verdicts.items() if id_.startswith(("shadow-slow", "all")))


@pytest.mark.parametrize(
    ("bad", "missed"),
    [
        (a_round(errors=1), "errors"),
        (a_round(back_s=11), "recovery"),
        (a_round(share=1.1), "memory"),
        (replace(a_round(), account=account(Counts(requests=9), 10)), "accounts"),
        (replace(a_round(), recovery={"seconds": 1.0, "recovered": 0.0}), "recovery"),
    ],
)
def test_one_bad_round_of_ten_misses_its_target(bad: Round, missed: str) -> None:
    found = targets({"shadow-slow": [a_round()] * 9 + [bad]})
    assert [each["id"] for each in found if each["met"] is False] == [f"shadow-slow {missed}"]


def test_a_round_without_an_end_misses_everything_but_ratios() -> None:
    met = {each["id"].split()[1]: each["met"] for each in targets({"shadow-slow": [a_round()] * 9 + [None]})}
    assert met == {
        "errors": False,
        "messages": True,
        "calls": True,
        "memory": False,
        "accounts": False,
        "recovery": False,
    }


@pytest.mark.parametrize(
    ("added", "sent", "fine"),
    [
        (Counts(requests=8, eligible=7, paired=4, shed=1, failed=1, lost=1, unobserved=2), 10, True),
        (Counts(requests=10, eligible=10, paired=8, failed=2, unobserved=2), 10, True),
        (Counts(requests=8, eligible=7, paired=4), 8, False),
        (Counts(requests=8), 10, False),
        (Counts(requests=8, blind=1), 10, True),
        (Counts(requests=12, blind=1), 10, False),
        (Counts(requests=10, eligible=1, in_flight=1), 10, False),
    ],
)
def test_a_call_that_nobody_saw_needs_a_blind_connection_to_be_on(
    added: Counts, sent: int, fine: bool
) -> None:
    assert account(added, sent)["fine"] == fine


def test_a_fault_is_chosen_by_its_name() -> None:
    assert choose([]) == list(FAULTS)
    assert [each.name for each in choose(["disk-full"])] == ["disk-full"]
    with pytest.raises(ConfigError, match=r"no fault 'rain': name one of .*observer-killed"):
        choose(["rain"])
