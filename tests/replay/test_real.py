"""Replay against two real engines: stopped by Ctrl-C, restarted elsewhere, and judged like the original."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from understudy.analysis.analyze import Settings as AnalysisSettings
from understudy.analysis.analyze import analyze
from understudy.capture import ParquetCapture, Settings, read
from understudy.codec.cluster import cluster_of
from understudy.codec.kserve import INFER, STREAM, KServeCodec
from understudy.config import Analyzers, Categories
from understudy.engine.corpus import Split, sample
from understudy.pair import Category, Lane, Leg, Output, Pair, Request, Sampling
from understudy.report import State

pytestmark = pytest.mark.engines

FEW = AnalysisSettings(analyzers=Analyzers(names=("agreement", "format")), categories=Categories(names=()))
CATEGORIES = {"multilingual": 3.0, "list": 1.0}
"""int3 without groups breaks the first and leaves the second alone."""
PAIRS = 100
UNARY, STREAMED = "ensemble", "tensorrt_llm_bls"


@contextmanager
def engine(quantization: str, log: Path) -> Iterator[list[str]]:
    """A started engine, and its address once it answers."""
    command = [
        sys.executable,
        "-m",
        "understudy.cli",
        "engine",
        "--listen",
        "127.0.0.1:0",
        "-q",
        quantization,
    ]
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        assert process.stdout is not None
        with process.stdout:
            line = process.stdout.readline()
            yield re.findall(r"127\.0\.0\.1:\d+", line)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def engines(log: Path) -> Iterator[tuple[str, str]]:
    with ExitStack() as both:
        (left,) = both.enter_context(engine("none", log))
        (right,) = both.enter_context(engine("int3", log))
        yield left, right


def captured(directory: Path) -> Path:
    """A capture of real requests, half of them streams; its replies are yet to be asked for."""
    codec = KServeCodec()
    capture = ParquetCapture(Settings(directory=str(directory), content=True))
    for number, example in enumerate(sample(3, PAIRS, Split.HELD_OUT, CATEGORIES)):
        method, sampling = (
            (STREAM if number % 2 else INFER),
            Sampling(temperature=0.0, top_k=1, max_tokens=60),
        )
        model = STREAMED if method == STREAM else UNARY
        raw = codec.encode(
            model=model, id=str(number), prompt=example.prompt, sampling=sampling, stream=method == STREAM
        )
        request = Request(
            id=f"r{number}",
            cluster=cluster_of(example.prompt),
            method=method,
            model=model,
            text=example.prompt,
            sampling=sampling,
            received_ns=number,
            categories={"category": Category(example.category, "declared")},
            raw=raw,
        )
        outputs = (Output(Leg.BASELINE, ""), Output(Leg.CANDIDATE, ""))
        again = Output(Leg.CONTROL, "")
        lane = Lane("b" * 64, "c" * 64)
        capture.write([(Pair(request, *outputs, lane, control=again, admitted_ns=number), ())])
    capture.close()
    return directory


def command(source: Path, out: Path, addresses: tuple[str, str]) -> list[str]:
    left, right = addresses
    start = [sys.executable, "-m", "understudy.cli", "replay", str(source), "--out", str(out), "--quiet"]
    return [*start, "--baseline", left, "--candidate", right]


def breaches(directory: Path) -> set[tuple[str, str]]:
    cells = analyze([directory], None, FEW).cells
    return {(cell.slice, cell.metric) for cell in cells if cell.state == State.BREACH}


def test_a_replay_interrupted_and_gone_on_with_elsewhere_breaches_on_the_same_slices(tmp_path: Path) -> None:
    asked, original, out = captured(tmp_path / "asked"), tmp_path / "original", tmp_path / "again"
    log = tmp_path / "engines.log"
    with engines(log) as addresses:
        whole = subprocess.run(
            command(asked, original, addresses), capture_output=True, text=True, check=False
        )
        assert whole.returncode == 0, whole.stderr
        process = subprocess.Popen(
            command(original, out, addresses), stderr=subprocess.PIPE, text=True, cwd=tmp_path
        )
        deadline = time.monotonic() + 60
        while not out.is_dir() or not any(out.glob("open-*")) or sum(1 for _ in read(out)) < PAIRS // 4:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)  # another process's progress: there is no event to wait for
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted: " in said and "go on with: understudy replay" in said
    done = {pair.id for pair, _ in read(out)}
    assert PAIRS // 4 <= len(done) < PAIRS

    with engines(log) as elsewhere:
        assert not set(elsewhere) & set(addresses)
        rest = subprocess.run(command(original, out, elsewhere), capture_output=True, text=True, check=False)
    assert rest.returncode == 0, rest.stderr
    assert f"({len(done)} of them earlier)" in rest.stderr

    assert Counter(pair.id for pair, _ in read(out)) == Counter({f"r{n}": 1 for n in range(PAIRS)})
    assert not any(leg.failed for pair, _ in read(out) for leg in pair.legs())
    found = breaches(original)
    assert ("category=multilingual", "task_agreement_coupled") in found
    assert not any(slice_ == "category=list" for slice_, _ in found)
    assert breaches(out) == found
