"""Triton's own load generator, `perf_analyzer`, before real engines: what it measures and what it is answered.

It asks for ModelMetadata, ModelConfig and ModelStatistics by itself and fails where one of them or a reply is missing:
that it ends well, and how it counts, says that all of them came through.
"""

import asyncio
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from understudy.demo.stage import Ports, Stage, config, free_port
from understudy.service.lines import ask

FOLDER = Path(__file__).parents[2] / ".venv" / "perf"
"""Where `make perf-analyzer` installs it."""
BINARY = FOLDER / "bin" / "perf_analyzer"

pytestmark = [
    pytest.mark.engines,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not (FOLDER / ".installed").exists(), reason="needs perf_analyzer: make perf-analyzer installs it"
    ),
]

PROMPTS = ("What is 12 plus 7?", "Count from 1 to 12 in words.", "Grüße, 你好 😀")
REQUESTS = 24
PROBES = 5
"""What else it asks: ModelMetadata, ModelConfig, ServerMetadata, and ModelStatistics before and after."""
KINDS = {
    "unary": ("-m", "ensemble"),
    "unary, async, gzip": ("-m", "ensemble", "--async", "--grpc-compression-algorithm", "gzip"),
    "streaming": ("-m", "tensorrt_llm_bls", "--async", "--streaming"),
    "streaming, deltas": ("-m", "ensemble_stream", "--async", "--streaming"),
}
Replies = Counter[tuple[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Measured:
    """What perf_analyzer told of a run."""

    requests: int
    served: int = field(compare=False)
    """As ModelStatistics counted them meanwhile; it asks for the first count when it has begun to send."""
    decoupled: bool
    """As ModelConfig says."""
    replies: Replies
    """(prompt, texts) of each request."""


@dataclass(frozen=True)
class Places:
    """Two engines, and `understudy serve` before them with a relay and a compat listener; the baseline is primary."""

    addresses: dict[str, str]
    out: Path
    measured: dict[str, Measured] = field(default_factory=dict)
    """Directly, by kind."""

    async def counts(self) -> dict[str, int]:
        """The accounting, as `understudy status` has it."""
        told = await ask(self.out / "run" / "control.sock", {"op": "status"})
        counts: dict[str, int] = told["counts"]
        return counts

    async def counted(self, since: dict[str, int], requests: int) -> dict[str, int]:
        """What was counted since, once it is so many requests and none of them is in flight."""
        async with asyncio.timeout(30):
            while True:
                counts = await self.counts()
                counts = {name: count - since[name] for name, count in counts.items()}
                if counts["requests"] >= requests and not counts["in_flight"]:
                    return counts
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places() -> AsyncIterator[Places]:
    with tempfile.TemporaryDirectory(prefix="us") as name:
        out, ports, compat = Path(name), Ports.choose(control=False), f"127.0.0.1:{free_port()}"
        stage, baseline = Stage(out), f"127.0.0.1:{ports.baseline}"
        try:
            await stage.start("baseline", "engine", "--listen", baseline)
            await stage.start("candidate", "engine", "--listen", f"127.0.0.1:{ports.candidate}", "-q", "int8")
            text = config(ports, out, "baseline", 0.0, [], 200)
            (out / "understudy.toml").write_text(f'{text}\n[compat]\nlisten = "{compat}"\n')
            await stage.start("proxy", "serve", str(out / "understudy.toml"))
            await stage.ready(out / "run", 60)
            yield Places({"direct": baseline, "relay": f"127.0.0.1:{ports.proxy}", "compat": compat}, out)
        finally:
            await stage.stop()


async def measure(address: str, kind: str, folder: Path) -> Measured:
    """Run it with real prompts, two at a time; it has to end well."""
    asks: list[dict[str, Any]] = [
        {"text_input": [prompt], "max_tokens": [24], "temperature": [0.0], "top_k": [1]} for prompt in PROMPTS
    ]
    if "--streaming" in KINDS[kind]:
        asks = [question | {"stream": [True]} for question in asks]
    data, export = folder / "asks.json", folder / "export.json"
    data.write_text(json.dumps({"data": asks}))
    libraries = (
        FOLDER / "nvidia" / "cuda_runtime" / "lib",
        *(FOLDER / "debian" / "root" / "usr" / "lib").iterdir(),
    )
    process = await asyncio.create_subprocess_exec(
        *(str(BINARY), "-u", address, "-i", "grpc", *KINDS[kind]),
        *("--input-data", str(data), "--profile-export-file", str(export)),
        *("--concurrency-range", "2", "--request-count", str(REQUESTS)),
        env=os.environ | {"LD_LIBRARY_PATH": ":".join(str(library) for library in libraries)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(60):
            told = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0 and "ailed" not in told, told

    def number(name: str) -> int:
        found = re.search(rf"^ +{name}: (\d+)$", told, re.MULTILINE)
        assert found, told
        return int(found[1])

    (experiment,) = json.loads(export.read_text())["experiments"]
    return Measured(
        number("Request count"),
        number("Successful request count"),
        "Detected decoupled model" in told,
        Counter(
            (request["request_inputs"]["text_input"], texts(request)) for request in experiment["requests"]
        ),
    )


def texts(request: dict[str, Any]) -> tuple[str, ...]:
    """Every text of a reply; the message that only says it was the last has none."""
    return tuple(said["text_output"] for said in request["response_outputs"] if "text_output" in said)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["direct", "relay", "compat"])
async def test_perf_analyzer_is_answered_as_directly_and_all_it_asks_becomes_pairs(
    places: Places, tmp_path: Path, path: str, kind: str
) -> None:
    if kind not in places.measured:
        places.measured[kind] = await measure(places.addresses["direct"], kind, tmp_path)
    expected = places.measured[kind]
    assert expected.requests == expected.replies.total() == REQUESTS
    assert expected.decoupled == ("--streaming" in KINDS[kind])
    assert {prompt for prompt, _ in expected.replies} == set(PROMPTS)
    assert all(
        said[0].startswith(prompt) and len("".join(said)) > len(prompt) for prompt, said in expected.replies
    )
    if path == "direct":
        return
    before = await places.counts()
    (tmp_path / path).mkdir()
    measured = await measure(places.addresses[path], kind, tmp_path / path)
    assert measured == expected and 0 < measured.served <= REQUESTS
    counts = await places.counted(before, REQUESTS + PROBES)
    assert counts["eligible"] == counts["paired"] == REQUESTS
    assert counts["requests"] == REQUESTS + PROBES  # the probes passed, and nobody else was asked them
