"""A whole deployment for tests: `understudy serve` as its users start it, engines that can be told to misbehave."""

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
from tritonclient.grpc import service_pb2 as pb
from understudy.codec.kserve import INFER, KServeCodec, unpack
from understudy.demo.stage import METHODS, free_port
from understudy.errors import UnderstudyError
from understudy.pair import Sampling
from understudy.service.lines import ask

from tests.mirror.double import Double

CODEC = KServeCodec()


class Engine(Double):
    """A double that says who it is and answers by a rule: prompt -> text."""

    def __init__(self, name: str, brain: Callable[[str], str]) -> None:
        super().__init__()
        self.name = name
        self.brain = brain

    async def start(self, address: str = "127.0.0.1:0") -> "Engine":
        """Listen, with the RPCs that describe an engine."""
        await super().start(address)
        return self

    def handlers(self) -> dict[str, Any]:
        """Inference by the brain, and ModelConfig."""
        return {
            "ServerMetadata": grpc.unary_unary_rpc_method_handler(
                self._server_metadata,
                pb.ServerMetadataRequest.FromString,
                pb.ServerMetadataResponse.SerializeToString,
            ),
            "ModelMetadata": grpc.unary_unary_rpc_method_handler(
                self._model_metadata,
                pb.ModelMetadataRequest.FromString,
                pb.ModelMetadataResponse.SerializeToString,
            ),
            "ModelConfig": grpc.unary_unary_rpc_method_handler(
                self._config, pb.ModelConfigRequest.FromString, pb.ModelConfigResponse.SerializeToString
            ),
        }

    async def _server_metadata(self, request: Any, context: Any) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(name="double", version="1")

    async def _model_metadata(self, request: Any, context: Any) -> pb.ModelMetadataResponse:
        return pb.ModelMetadataResponse(name=request.name)

    async def _config(self, request: pb.ModelConfigRequest, context: Any) -> pb.ModelConfigResponse:
        reply = pb.ModelConfigResponse()
        reply.config.name = request.name
        manifest = json.dumps(
            {"fingerprint": self.name * 8, "method": {"value": self.name, "source": "observed"}}
        )
        reply.config.parameters["understudy_manifest"].string_value = manifest
        return reply

    def words_for(self, request: pb.ModelInferRequest) -> Sequence[str]:
        """By the brain, word by word."""
        said = self.brain(unpack(request.raw_input_contents[0])[0].decode())
        return re.findall(r"\s*\S+|\s+$", said) or [""]


class Deployment:
    """A running `understudy serve`."""

    def __init__(self, directory: Path, config: str) -> None:
        self.directory = directory
        self.run_dir, self.state_dir = directory / "run", directory / "state"
        self.path = directory / "understudy.toml"
        self.path.write_text(config)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it pairs."""
        with (self.directory / "proxy.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "understudy.cli", "serve", str(self.path), stdout=log, stderr=log
            )
        await self.until(lambda status: bool(status["pairing"]))

    async def status(self) -> dict[str, Any]:
        """As `understudy status --json`."""
        return await ask(self.run_dir / "control.sock", {"op": "status"})

    async def until(self, holds: Callable[[dict[str, Any]], bool], timeout_s: float = 40) -> dict[str, Any]:
        """Wait for a status; a process that ended fails at once."""
        status: dict[str, Any] = {}
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    assert self.process is not None
                    if self.process.returncode is not None:
                        raise AssertionError((self.directory / "proxy.log").read_text())
                    try:
                        status = await self.status()
                        if holds(status):
                            return status
                    except UnderstudyError:
                        pass
                    await asyncio.sleep(0.1)
        except TimeoutError:
            log = (self.directory / "proxy.log").read_text()[-3000:]
            raise AssertionError(f"not reached: {json.dumps(status)[:3000]}\n{log}") from None

    def kill(self) -> None:
        """kill -9 of every process of it, the supervisor first so that nothing is brought back."""
        assert self.process is not None
        mine = psutil.Process(self.process.pid).children(recursive=True)
        os.kill(self.process.pid, signal.SIGKILL)
        for child in mine:
            child.kill()

    async def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            await asyncio.wait_for(self.process.wait(), 40)


def config(
    directory: Path,
    port: int,
    baseline: str,
    candidate: str,
    more: str = "",
    primary: str = "candidate",
    mirror: str = "",
    relay: str = "",
) -> str:
    """A small understudy.toml."""
    methods = ", ".join(f'"{method}"' for method in METHODS)
    return f"""
listen = "127.0.0.1:{port}"
primary = "{primary}"
run_dir = "{directory}/run"
state_dir = "{directory}/state"
tolerances = "{directory}/tolerances.toml"
[engines]
wait_s = 5
describe_s = 1
[engines.baseline]
address = "{baseline}"
model = "m"
[engines.candidate]
address = "{candidate}"
model = "m"
[mirror]
methods = [{methods}]
control_share = 1.0
{mirror}
[relay]
drain_max_s = 2
{relay}
[analyzers]
names = ["format", "agreement"]
[web]
port = {free_port()}
grpc_port = {free_port()}
{more}
"""


@asynccontextmanager
async def deployed(
    baseline: Engine,
    candidate: Engine,
    more: str = "",
    primary: str = "candidate",
    tick_s: float = 1.0,
    mirror: str = "",
    relay: str = "",
) -> AsyncIterator[tuple[Deployment, int]]:
    """Both engines and a deployment in front of them; yields it and its port."""
    with tempfile.TemporaryDirectory(prefix="us") as name:
        directory, port = Path(name), free_port()
        await baseline.start()
        await candidate.start()
        (directory / "tolerances.toml").write_text(f"tick_s = {tick_s}\n")
        text = config(directory, port, baseline.address, candidate.address, more, primary, mirror, relay)
        deployment = Deployment(directory, text)
        try:
            await deployment.start()
            yield deployment, port
        finally:
            await deployment.stop()
            await baseline.stop()
            await candidate.stop()


async def call(port: int, prompts: list[str], width: int = 16) -> list[str]:
    """Ask each prompt by unary ModelInfer; return the replies in order."""
    replies = [""] * len(prompts)
    waiting = iter(enumerate(prompts))

    async def worker(infer: Any) -> None:
        for index, prompt in waiting:
            raw = CODEC.encode(
                model="m",
                id=f"{prompt}-{index}",
                prompt=prompt,
                sampling=Sampling(temperature=0.0, top_k=1, max_tokens=50),
                stream=False,
            )
            replies[index] = (CODEC.chunk(INFER, await infer(raw, timeout=20)).text or b"").decode()

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.gather(*(worker(channel.unary_unary(INFER, None, None)) for _ in range(width)))
    return replies
