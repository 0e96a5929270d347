"""What breaks around callers, engines and our own processes: callers are served, pairs are accounted for."""

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from tritonclient.grpc import service_pb2 as pb
from understudy.codec.kserve import INFER, unpack
from understudy.pair import Sampling
from understudy.service.lines import ask

from tests.app.stage import CODEC, Deployment, Engine, call, config, deployed
from tests.app.test_serve import good, prompts

QUICK = "[alert]\npending_s = 0\n"


def running(deployment: Deployment, name: str) -> psutil.Process:
    """The child process of that name."""
    assert deployment.process is not None
    for child in psutil.Process(deployment.process.pid).children():
        if name in child.cmdline():
            return child
    raise AssertionError(f"no {name}")


@asynccontextmanager
async def traffic(port: int) -> AsyncIterator[list[str]]:
    """Callers that never pause; yields what they were told. A call that fails fails the test."""
    said: list[str] = []
    stop = asyncio.Event()

    async def drive() -> None:
        while not stop.is_set():
            said.extend(await call(port, prompts(8), width=4))
            await asyncio.sleep(0.05)

    async with asyncio.TaskGroup() as group:
        group.create_task(drive())
        yield said
        stop.set()


def votes(status: dict[str, Any], metric: str = "failure", slice_: str = "all") -> int:
    return max(
        (v["votes"] for v in status["verdicts"] if (v["slice"], v["metric"]) == (slice_, metric)), default=0
    )


async def run(*arguments: str) -> tuple[int, str]:
    """An `understudy` command: exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "understudy.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode()


async def test_killed_one_after_another_under_traffic_no_caller_notices_and_no_pair_is_lost_or_double() -> (
    None
):
    async with deployed(Engine("baseline", good), Engine("candidate", good), primary="baseline") as (
        deployment,
        port,
    ):
        async with traffic(port) as said:
            for name in ("controller", "analyzers", "observer"):
                status = await deployment.until(lambda s: s["scored"] > 20)
                known = status["counts"]["requests"]
                running(deployment, name).kill()
                before = len(said)
                while len(said) < before + 40:
                    await asyncio.sleep(0.05)
                await deployment.until(
                    lambda s: bool(s["pairing"]) and bool(s["analyzers"] if "analyzers" in s else 1)
                )
        # The calls under way as the observer was killed, eight at most, were on a connection that is blind now.
        # Later ones waited for it, and for the controller to tell it that the mirror is on.
        seen = known + len(said) - before - 8
        status = await deployment.until(
            lambda s: (
                s["counts"]["requests"] >= seen
                and s["counts"]["in_flight"] == 0
                and votes(s) == s["counts"]["paired"]
            )
        )
        assert status["accounted"] and status["relay"]["blind"] <= 1
        assert status["counts"]["requests"] == status["counts"]["eligible"] <= len(said)


async def test_a_killed_relay_fails_only_calls_under_way_and_is_back_obeying_the_latch() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    baseline.pause_s = candidate.pause_s = 0.1  # so that calls are under way when it dies
    async with deployed(baseline, candidate) as (deployment, port):
        said: list[str] = []
        failures: Counter[str] = Counter()
        stop = asyncio.Event()

        async def caller(number: int) -> None:
            async with grpc.aio.insecure_channel(
                f"127.0.0.1:{port}",
                options=[("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 200)],
            ) as channel:
                infer = channel.unary_unary(INFER, None, None)
                for turn in count():
                    if stop.is_set():
                        return
                    raw = CODEC.encode(
                        model="m", id="1", prompt=f"{number} {turn}", sampling=Sampling(), stream=False
                    )
                    try:
                        told = CODEC.chunk(INFER, await infer(raw, timeout=20, wait_for_ready=True)).text
                        said.append((told or b"").decode())
                    except grpc.aio.AioRpcError as error:
                        failures[error.code().name] += 1
                        # A call begun in the same instant would go out on the same dead connection: gRPC's
                        # channel has not noticed yet.
                        await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            for number in range(4):
                group.create_task(caller(number))
            await deployment.until(lambda s: s["counts"]["paired"] > 8)
            await ask(deployment.run_dir / "control.sock", {"op": "switch", "to": "baseline"})
            loop = asyncio.get_running_loop()
            before, died_s = len(said), loop.time()
            running(deployment, "relay").kill()
            while len(said) <= before + 4:  # what was answered before the kill may still be on its way
                await asyncio.sleep(0.01)
            back_s, served = loop.time() - died_s, len(baseline.requests)
            asked = [one for one in candidate.metadata if "x-understudy-leg" not in one]
            while len(said) < before + 40:
                await asyncio.sleep(0.01)
            stop.set()
        assert back_s < 10, "about a second on a machine with time for it"
        # One call under way for each caller: what comes next waits in the listening socket, which outlives it.
        assert set(failures) <= {"UNAVAILABLE"} and failures.total() <= 4, failures
        assert [one for one in candidate.metadata if "x-understudy-leg" not in one] == asked, "latched"
        assert len(baseline.requests) >= served + 30
        # Every call that was answered was seen, those on connections that the new relay took up before it had
        # found the observer again too; a call that failed may have died with the old relay before it was copied.
        settled = await deployment.until(
            lambda s: s["counts"]["in_flight"] == 0 and s["counts"]["eligible"] >= len(said)
        )
        counts, relay = settled["counts"], settled["relay"]
        assert relay["primary"] == settled["primary"] == "baseline" and relay["blind"] == 0
        assert settled["accounted"] and counts["lost"] <= failures.total() and counts["failed"] == 0
        assert counts["eligible"] <= len(said) + failures.total(), counts


class Moody(Engine):
    """Hangs for ever on some prompts."""

    def __init__(self, name: str, hangs: str) -> None:
        super().__init__(name, good)
        self.hangs = hangs

    async def _infer(self, request: pb.ModelInferRequest, context: Any) -> pb.ModelInferResponse:
        if self.hangs in unpack(request.raw_input_contents[0])[0].decode():
            await asyncio.Event().wait()
        return await super()._infer(request, context)


async def test_a_candidate_that_hangs_on_one_category_breaches_there_and_only_there() -> None:
    baseline, candidate = Engine("baseline", good), Moody("candidate", hangs="What is")
    more = QUICK
    async with deployed(
        baseline, candidate, more, primary="baseline", mirror="deadline_min_s = 0.5\ndeadline_max_s = 0.5\n"
    ) as (deployment, port):
        for turn in range(40):
            sums = [f"What is {turn * 10 + n} plus {n}?" for n in range(10)]
            await call(port, [*sums, *prompts(10)], width=4)
            await asyncio.sleep(0.5)
            status = await deployment.status()
            breached = {(v["slice"], v["metric"]) for v in status["verdicts"] if v["state"] == "BREACH"}
            if ("task=math", "failure") in breached:
                break
        status = await deployment.until(lambda s: s["counts"]["in_flight"] == 0)
        assert ("task=math", "failure") in breached
        assert not {slice_ for slice_, _ in breached} & {"task=list", "task=json"}
        assert status["accounted"] and status["counts"]["lost"] == 0


async def test_a_dead_baseline_behind_a_serving_candidate_alarms_and_accuses_nobody() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    more = QUICK
    async with deployed(baseline, candidate, more) as (deployment, port):
        await call(port, prompts(20))
        await deployment.until(lambda s: s["counts"]["paired"] == 20)
        await baseline.stop()
        async with traffic(port):
            status = await deployment.until(
                lambda s: any(
                    a["name"] == "BaselineUnreachable" and a["state"] == "firing" for a in s["alerts"]
                )
            )
        assert status["primary"] == "candidate" and status["accounted"]
        assert not [a for a in status["alerts"] if a["name"] == "Breach"]


async def test_a_dead_candidate_as_shadow_breaches_in_failure_and_as_primary_is_an_error_of_the_call() -> (
    None
):
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    async with deployed(baseline, candidate, QUICK, primary="baseline") as (deployment, port):
        await call(port, prompts(20))
        await deployment.until(lambda s: s["counts"]["paired"] == 20)
        await candidate.stop()
        for _ in range(60):
            await call(port, prompts(20))
            await asyncio.sleep(0.3)  # ticks are judged by the clock, however fast callers are
            status = await deployment.status()
            if ("all", "failure") in {
                (v["slice"], v["metric"]) for v in status["verdicts"] if v["state"] == "BREACH"
            }:
                break
        else:
            raise AssertionError(status)
        await ask(deployment.run_dir / "control.sock", {"op": "switch", "to": "candidate", "force": True})
        with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
            await call(port, ["to a dead engine"], width=1)
        await ask(deployment.run_dir / "control.sock", {"op": "switch", "to": "baseline"})
        assert await call(port, ["back"]) == [good("back")]


async def test_garbage_at_the_port_and_at_the_sockets_hurts_nobody() -> None:
    async with deployed(Engine("baseline", good), Engine("candidate", good), primary="baseline") as (
        deployment,
        port,
    ):
        async with traffic(port) as said:
            for rubbish in (
                b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
                os.urandom(4096),
                b"",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
            ):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(rubbish)
                await writer.drain()
                writer.close()
            (worker,) = deployment.run_dir.glob("relay-*.sock")
            for name in ("control.sock", "serve.sock", worker.name):
                for rubbish in (
                    b"\xff\xfe\n",
                    b"[]\n",
                    b'{"op": "nonsense"}\n',
                    b'{"op": "switch", "to": 5}\n',
                    b'{"op":"mirror","on":"yes"}\n',
                    b"x" * (2 << 20) + b"\n",
                ):
                    reader, writer = await asyncio.open_unix_connection(
                        deployment.run_dir / name, limit=8 << 20
                    )
                    writer.write(rubbish)
                    try:
                        answer = json.loads(await reader.readline())
                        assert answer["ok"] is False and answer["error"], (name, rubbish[:30])
                    except (BrokenPipeError, ConnectionResetError):
                        assert len(rubbish) > 1 << 20, "hung up on before all of it was said"
                    writer.close()
            for name in ("observer.sock", "controller.sock", "analyzers-0.sock"):
                reader, writer = await asyncio.open_unix_connection(deployment.run_dir / name)
                writer.write(os.urandom(2000))
                writer.close()
            before = len(said)
            await deployment.until(lambda s: len(said) > before + 40)
        status = await deployment.until(
            lambda s: s["counts"]["paired"] >= len(said) - 16 and s["counts"]["in_flight"] == 0
        )
        assert status["accounted"] and status["troubles"] == {} and status["counts"]["lost"] == 0


async def test_a_caller_that_cancels_leaves_an_account_that_balances() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    async with deployed(baseline, candidate, primary="baseline", mirror="self_test = false") as (
        deployment,
        port,
    ):
        baseline.pause_s = 1.0
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            raw = CODEC.encode(
                model="m", id="1", prompt="long", sampling=Sampling(max_tokens=5), stream=False
            )
            asked = channel.unary_unary(INFER, None, None)(raw)
            await baseline.asked.wait()
            asked.cancel()
        status = await deployment.until(
            lambda s: s["counts"]["eligible"] == 1 and s["counts"]["in_flight"] == 0
        )
        assert status["accounted"]


async def test_sigterm_under_traffic_drains_and_ctrl_c_ends_cleanly() -> None:
    slow = Engine("baseline", good)
    slow.pause_s = 0.5
    for number in (signal.SIGTERM, signal.SIGINT):
        async with deployed(slow, Engine("candidate", good), primary="baseline") as (deployment, port):
            waiting = asyncio.ensure_future(call(port, prompts(8), width=8))
            slow.asked.clear()
            await slow.asked.wait()
            assert deployment.process is not None
            deployment.process.send_signal(number)
            assert all(await waiting), "a call under way was answered"
            assert await asyncio.wait_for(deployment.process.wait(), 20) == 0
            lines = (deployment.directory / "proxy.log").read_text().splitlines()
            told = [json.loads(line) for line in lines]
            assert not [one for one in told if one["level"] not in ("info", "warning")], told
            assert not [one for one in told if "color_message" in one]
            left = {path.name for path in deployment.run_dir.iterdir()}
            assert left == {"serve.lock"}, "no socket is left that nobody answers"
        slow.pause_s = 0.5


async def test_a_second_serve_on_the_same_directories_is_refused_and_the_first_serves_on() -> None:
    async with deployed(Engine("baseline", good), Engine("candidate", good), primary="baseline") as (
        deployment,
        port,
    ):
        code, said = await run("serve", str(deployment.path))
        assert code == 3 and re.fullmatch(r"understudy: run_dir: .* is in use by another .*\n", said), said
        other = deployment.directory / "other.toml"
        text = deployment.path.read_text().replace('/run"', '/run2"').replace('/state"', '/state2"')
        other.write_text(text)
        code, said = await run("serve", str(other))
        assert code == 3 and said.count("\n") == 1 and "web.port" in said and "free" in said
        other.write_text(re.sub(r"(\[web\]\nport = )\d+", r"\g<1>0", text))
        code, said = await run("serve", str(other))
        assert code == 3 and said.count("\n") == 1 and str(port) in said and "free" in said
        assert await call(port, ["still"]) == [good("still")]
        code, said = await run("status", "--run-dir", str(deployment.run_dir))
        assert code == 0 and "primary baseline" in said
        for order, told in (
            (("mirror", "off"), "mirror: off"),
            (("mirror", "on"), "mirror: on"),
            (("switch", "--to", "candidate"), "primary: candidate"),
            (("rearm",), "primary: baseline"),
        ):
            code, said = await run(*order, "--run-dir", str(deployment.run_dir))
            assert code == 0 and told in said, said
        code, said = await run("rearm", "--run-dir", str(deployment.run_dir))
        assert (code, said) == (3, "understudy: rearm: nothing is latched\n")


async def test_a_capture_whose_disk_is_full_stops_alone_and_says_so() -> None:
    """The directory is taken away under it: as good as a full disk, and it needs no rights to do."""
    more = QUICK + "[capture]\nretry_s = 0.2\npart_s = 0.2\n"
    engines = Engine("baseline", good), Engine("candidate", good)
    async with deployed(*engines, more, primary="baseline") as (deployment, port):
        captures = deployment.state_dir / "captures"
        captures.rename(deployment.state_dir / "gone")
        async with traffic(port):
            status = await deployment.until(
                lambda s: any((a["name"], a["state"]) == ("CaptureStopped", "firing") for a in s["alerts"])
            )
        assert status["accounted"] and votes(status) > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("[engines]\n", "surprise = 1\n[engines]\n"), "surprise: unknown key"),
        (("tolerances = ", 'tolerances = "/nowhere/t.toml" #'), "/nowhere/t.toml does not exist"),
        (('"format"', '"nonsense"'), "'nonsense' is not installed"),
        (("listen = ", "listen = 5 #"), "listen: 5: input should be a valid string"),
        (("listen = ", 'listen = "here" #'), "listen: 'here' is no address"),
        (("wait_s = 5", "wait_s = 0.3"), "start that engine, or correct its address or model"),
        (("run_dir = ", 'run_dir = "/dev/null/x" #'), "run_dir: /dev/null/x cannot be written"),
        (("[engines]\n", "[engines\n"), "is not TOML"),
    ],
)
async def test_what_cannot_start_is_one_line_with_the_mend(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    (tmp_path / "tolerances.toml").write_text("")
    path = tmp_path / "u.toml"
    path.write_text(config(tmp_path, 1, "127.0.0.1:1", "127.0.0.1:2").replace(*change))
    code, said = await run("serve", str(path))
    assert code == 3 and says in said and said.count("\n") == 1, said
