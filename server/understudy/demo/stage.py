"""The demo's processes: engines and the proxy, each started as its user would start it."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy.errors import EngineError, UnderstudyError
from understudy.service.lines import ask

METHODS = (
    "/inference.GRPCInferenceService/ModelInfer",
    "/inference.GRPCInferenceService/ModelStreamInfer",
)


CONFIG = "understudy.toml"
HEAD = "# The configuration of the last demo: `understudy serve` takes it as it is."


def made(out: Path) -> bool:
    """Whether a demo made this directory: its config says so."""
    try:
        return (out / CONFIG).read_text().startswith(HEAD)
    except (OSError, ValueError):
        return False


def free_port() -> int:
    """Return a port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Stage:
    """Started processes and how to end them."""

    out: Path
    processes: list[tuple[str, asyncio.subprocess.Process]] = field(default_factory=list)

    async def start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        """Start `understudy ARGUMENTS`, its output in `out`/NAME.log."""
        with (self.out / f"{name}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "understudy.cli",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | dict(env or {}),
                start_new_session=True,
            )
        self.processes.append((name, process))

    def check(self) -> None:
        """See that everything still runs.

        Raises:
            EngineError: a process has ended; with the last line it wrote.
        """
        for name, process in self.processes:
            if process.returncode is not None:
                written = (self.out / f"{name}.log").read_text(errors="replace").strip().splitlines()
                raise EngineError(f"demo: {name} ended: {written[-1] if written else 'without a word'}")

    async def ready(self, run_dir: Path, timeout_s: float) -> None:
        """Wait until the proxy serves.

        Raises:
            EngineError: it does not in time, or a process has ended.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            self.check()
            try:
                status = await ask(run_dir / "control.sock", {"op": "status"}, timeout_s=2)
                if status["pairing"]:
                    return
            except (UnderstudyError, KeyError):
                pass
            if time.monotonic() > deadline:
                raise EngineError(
                    f"demo: the proxy was not ready within {timeout_s:g} s: see {self.out}/*.log"
                )
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """End everything, the proxy before the engines; kill what does not go."""
        for _, process in reversed(self.processes):
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), 45)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        self.processes.clear()


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on loopback."""

    proxy: int
    web: int
    baseline: int
    candidate: int
    control: int | None = None

    @classmethod
    def choose(cls, control: bool) -> "Ports":
        """Free ones."""
        return cls(free_port(), free_port(), free_port(), free_port(), free_port() if control else None)


def config(
    ports: Ports, out: Path, primary: str, control_share: float, categories: Sequence[str], pairs: int
) -> str:
    """Return the demo's understudy.toml: the defaults, but for what a demo must say."""
    control = (
        f'[engines.control]\naddress = "127.0.0.1:{ports.control}"\nmodel = "ensemble"\n'
        if ports.control
        else ""
    )
    expected = ", ".join(f'"category={name}"' for name in categories)
    return f"""{HEAD}
listen = "127.0.0.1:{ports.proxy}"
primary = "{primary}"
run_dir = "{out / "run"}"
state_dir = "{out / "state"}"
announce = "demo start"

[engines.baseline]
address = "127.0.0.1:{ports.baseline}"
model = "ensemble"

[engines.candidate]
address = "127.0.0.1:{ports.candidate}"
model = "ensemble"

{control}
[mirror]
methods = [{", ".join(f'"{method}"' for method in METHODS)}]
control_share = {control_share}
control_in_flight = 64

[categories]
expected = [{expected}]

[capture]
content = true
votes = true
part_pairs = {max(200, pairs // 4)}

[web]
port = {ports.web}
grpc_port = {free_port()}
"""
