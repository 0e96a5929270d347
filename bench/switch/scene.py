"""Who takes part: two engines, `understudy serve` with two workers before them, callers; and the operator's orders."""

import asyncio
import contextlib
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from understudy.codec.kserve import INFER, STREAM
from understudy.errors import ConfigError, EngineError, UnderstudyError
from understudy.service.lines import ask

from bench.stage import ROOT, Stage, free_port
from bench.switch.part import MODEL, Part
from bench.switch.records import Records, Switch, read
from bench.tools import Tools

HOST = "127.0.0.1"
ENGINES = ("baseline", "candidate")
CLIENTS = ("grpcio", "tritonclient", "grpc-js")
WORKERS = 2
DRAIN_MAX_S = 5.0
START_S = 60.0
BEGIN_S = 30.0
"""How long callers may take until each process of them has an answer."""
END_S = 60.0
"""How long they may take to finish; longer than a deadline of theirs."""
ORDER_S = 120.0
GRPC_JS = ROOT / ".venv" / "node" / "node_modules" / "@grpc" / "grpc-js"
"""Where `make grpc-js` puts it."""
PARTS = {
    "grpcio": Part("grpcio", "", "", channels=4, unary=2, held=2),
    "tritonclient": Part("tritonclient", "", "", channels=2, unary=1, brief=0, held=2),
    "grpc-js": Part("grpc-js", "", "", channels=3),
}

CONFIG = """
listen = "{host}:{port}"
primary = "baseline"
run_dir = "{folder}/run"
state_dir = "{folder}/state"
[engines.baseline]
address = "{host}:{baseline}"
model = "{model}"
[engines.candidate]
address = "{host}:{candidate}"
model = "{model}"
[relay]
workers = {workers}
drain_max_s = {drain}
{tls}[mirror]
methods = ["{infer}", "{stream}"]
share = 1.0
control_share = 0.0
[rollback]
automatic = false
[web]
port = {web}
grpc_port = 0
"""


class Scene:
    """Everything that was started, on free ports of loopback in a temporary folder."""

    def __init__(self) -> None:
        self.stage = Stage(Tools({}, "", {}))
        self.folder = self.stage.folder
        self.clients = [each for each in CLIENTS if each != "grpc-js" or grpc_js()]
        self._served = 0
        self._loads = 0
        self._ca = ""
        self._files: list[Path] = []
        self._workers: list[psutil.Process] = []

    # ---- engines and the proxy

    def open(self) -> None:
        """Start the engines."""
        for name in ENGINES:
            self.stage.ports[name] = free_port()
            address = f"{HOST}:{self.stage.ports[name]}"
            heard = str(self.folder / f"{name}.heard")
            self._python(name, "bench.switch.engine", name, address, heard)
            self.stage.listening(name)

    def close(self) -> None:
        """End everything and leave nothing behind."""
        self._look()
        self.stage.close()
        for process in self._workers:  # those that outlive a supervisor that had to be killed
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def serve(self, tls: bool) -> None:
        """Start the proxy anew, and wait until it pairs."""
        self.leave()
        folder = self.folder / ("tls" if tls else "plain")
        (folder / "state").mkdir(parents=True)
        self._ca, section = certificates(folder) if tls else ("", "")
        self.stage.ports["proxy"] = free_port()
        config = CONFIG.format(
            host=HOST,
            port=self.stage.ports["proxy"],
            baseline=self.stage.ports["baseline"],
            candidate=self.stage.ports["candidate"],
            folder=folder,
            model=MODEL,
            workers=WORKERS,
            drain=DRAIN_MAX_S,
            tls=section,
            infer=INFER,
            stream=STREAM,
            web=free_port(),
        )
        self._path = folder / "understudy.toml"
        self._path.write_text(config)
        self._python(self._name(), "understudy.cli", "serve", str(self._path))
        self.until(lambda told: bool(told["pairing"]))
        self._look()

    def leave(self) -> None:
        """End the proxy, if there is one."""
        if self._name() in self.stage.running:
            self._tell(self._name())
            self._end(self._name())

    def _name(self) -> str:
        return f"proxy-{self._served}"

    def _python(self, name: str, module: str, *words: str) -> None:
        self.stage.spawn(name, name, [sys.executable, "-m", module, *words], None)

    def _look(self) -> None:
        """Note the relay's workers, which have sessions of their own and may outlive their supervisor."""
        for _, processes in self.stage.trees(self._name()):
            self._workers = [each for each in self._workers if each.is_running()] + processes[1:]

    def _tell(self, name: str) -> None:
        """Tell it to end; once, for a second word could kill it while it does."""
        for _, process in self.stage.running[name]:
            process.terminate()

    def _end(self, name: str) -> None:
        """See that it ends by itself, now that it was told to.

        Raises:
            EngineError: it does not, or says that it failed.
        """
        for part, process in self.stage.running[name]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
            if process.returncode != 0:
                raise EngineError(f"{part} ended with {process.returncode}: {self.stage.last_words(name)}")
        self.stage.stop(name)

    # ---- callers

    def call(self, knocks: bool = False) -> None:
        """Start all callers, and wait until each process of them was answered."""
        self._files = []
        self._loads += 1
        for client in self.clients:
            folder = self.folder / client
            folder.mkdir(exist_ok=True)
            part = replace(
                PARTS[client],
                address=f"{HOST}:{self.stage.ports['proxy']}",
                file=str(folder / "records"),
                ids=f"{client}-{self._loads}",
                ca=self._ca,
                knocks=knocks and client == "grpcio",
            )
            offset = time.time_ns() - time.monotonic_ns()
            part.write(folder / "part.json", offset=offset, library=str(GRPC_JS))
            self._files.append(Path(part.file))
            Path(part.file).unlink(missing_ok=True)
            if client == "grpc-js":
                command = [shutil.which("node") or "node", str(Path(__file__).parent / "client.js")]
            else:
                command = [sys.executable, "-m", f"bench.switch.{client.removesuffix('client')}"]
            self.stage.spawn(client, client, [*command, str(folder / "part.json")], None)
        deadline = time.monotonic() + BEGIN_S
        while not all(each.exists() and each.stat().st_size for each in self._files):
            self.stage.check()
            if time.monotonic() > deadline:
                raise EngineError(f"callers were not answered within {BEGIN_S:g} s: {self._last_words()}")
            time.sleep(0.1)

    def hang_up(self) -> Records:
        """Have the callers finish; what they wrote down.

        Raises:
            EngineError: a process of them failed.
        """
        for client in self.clients:
            self._tell(client)
        for client in self.clients:
            self._end(client)
        return read(line for path in self._files for line in path.read_text().splitlines())

    def heard(self) -> set[str]:
        """Ids of the requests that engines had on streams of callers."""
        return {id for name in ENGINES for id in (self.folder / f"{name}.heard").read_text().split()}

    def _last_words(self) -> str:
        return "; ".join(filter(None, (self.stage.last_words(client) for client in self.clients)))

    # ---- the operator

    def ask(self, order: Mapping[str, Any], socket: str = "control") -> dict[str, Any]:
        """What a control socket answers.

        Raises:
            UnderstudyError: it does not, or refuses.
        """
        path = self._path.parent / "run" / f"{socket}.sock"
        return asyncio.run(ask(path, dict(order), timeout_s=ORDER_S))

    def until(self, holds: Callable[[dict[str, Any]], bool], within_s: float = START_S) -> dict[str, Any]:
        """Wait for a status.

        Raises:
            EngineError: it does not come in time.
        """
        deadline = time.monotonic() + within_s
        while True:
            self.stage.check()
            with contextlib.suppress(UnderstudyError, KeyError, TypeError):
                told = self.ask({"op": "status"})
                if holds(told):
                    return told
            if time.monotonic() > deadline:
                said = self.stage.last_words(self._name())
                raise EngineError(f"the proxy is not as it should be after {within_s:g} s: {said}")
            time.sleep(0.1)

    def switch(self, to: str) -> Switch:
        """Order a switch, and wait until no caller is on the old engine any more.

        Raises:
            UnderstudyError: it is refused, or does not come to an end.
        """
        ordered = time.time_ns()
        self.ask({"op": "switch", "to": to})
        answered = time.time_ns()
        told = self.until(
            lambda status: (
                status["relay"]["switch"]["to"] == to
                and status["relay"]["switch"]["ns"] >= ordered
                and not status["relay"]["switch"]["remaining"]
            ),
            DRAIN_MAX_S + 10,
        )["relay"]["switch"]
        return Switch(
            to=to,
            ordered=ordered,
            told=told["ns"],
            answered=answered,
            switched=told["switched_ns"],
            connections=told["connections"],
            acknowledged=told["acknowledged"],
            ended_idle=told["ended_idle"],
            truncated=told["truncated"],
        )

    def restart(self) -> int:
        """Replace the workers one by one; how many were."""
        count = int(self.ask({"op": "restart"}, "serve")["restarted"])
        self._look()
        return count

    def upgrade(self) -> None:
        """A successor takes over from the running `serve`.

        Raises:
            EngineError: the old one does not leave, or the new one does not serve.
        """
        old = self._name()
        self._served += 1
        self._python(self._name(), "understudy.cli", "serve", "--takeover", str(self._path))
        for _, process in self.stage.running[old]:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(START_S)
            if process.returncode != 0:
                said = f"{self.stage.last_words(old)}; {self.stage.last_words(self._name())}"
                raise EngineError(f"the predecessor did not leave ({process.returncode}): {said}")
        self.stage.stop(old)
        self.until(lambda told: bool(told["pairing"]) and len(told["relay"]["workers"]) == WORKERS)
        self._look()


def grpc_js() -> bool:
    """Whether there is Node, and grpc-js for it."""
    return shutil.which("node") is not None and GRPC_JS.is_dir()


def certificates(folder: Path) -> tuple[str, str]:
    """Make an authority and a certificate; the authority's file, and the section of the config.

    Raises:
        ConfigError: trustme is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise ConfigError(
            "switch: there is no trustme to make certificates: install understudy[dev]"
        ) from None
    authority = trustme.CA()
    made = authority.issue_cert(HOST, "localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    made.cert_chain_pems[0].write_to_path(folder / "tls.pem")
    made.private_key_pem.write_to_path(folder / "tls.key")
    (folder / "tls.key").chmod(0o600)
    section = f'[relay.tls]\ncertificate = "{folder}/tls.pem"\nkey = "{folder}/tls.key"\n'
    return str(folder / "ca.pem"), section
