"""Sends captured requests to both engines and captures the pairs they form: the same engines, asked again.

The output is a capture, and it is the journal too: a request is done when its pair is in it. So after Ctrl-C
or kill -9 the same command goes on where it stopped, and every request is in the result exactly once.
"""

import asyncio
import hashlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.capture import ParquetCapture
from understudy.capture import Settings as CaptureSettings
from understudy.capture.parquet import State as CaptureState
from understudy.capture.reader import admitted, ids
from understudy.errors import LINE, ConfigError, DataError, EngineError, UnderstudyError, shown
from understudy.pair import Lane, Leg, Output, Pair

if TYPE_CHECKING:
    from understudy.codec import Codec
    from understudy.mirror.leg import Shadow

PLAN = "replay.json"
"""In the output directory: what is replayed against which engines, so that a resumed run cannot mix two."""
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Settings:
    """How to replay."""

    concurrency: int = 8
    """Requests in flight at a time."""
    control_share: float | None = None
    """Share of requests, by a hash of their id, that the baseline answers twice (A/A); 0 to 1. None: those
    that had a control reply when they were captured, so that what was judged then can be judged again."""
    deadline_s: float = 300.0
    """No leg takes longer; then it has failed by its own deadline."""
    connect_s: float = 10.0
    """How long an engine may take to accept a connection."""

    def __post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigError(f"--concurrency is {self.concurrency}; give 1 or more")
        if self.control_share is not None and not 0 <= self.control_share <= 1:
            raise ConfigError(f"--control-share is {self.control_share}; give a share from 0 to 1")
        for name in ("deadline_s", "connect_s"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"replay.{name} is {getattr(self, name)}; give a value above 0")


@dataclass(slots=True)
class Counts:
    """What became of the captured requests: total = done + skipped + those still to do."""

    total: int = 0
    done: int = 0
    """Pairs in the output, those of earlier runs included."""
    resumed: int = 0
    """Of these, from earlier runs."""
    skipped: int = 0
    """Captured without their raw request: nothing to send."""
    failed_baseline: int = 0
    failed_candidate: int = 0
    interrupted: bool = False


Progress = Callable[[Counts], None]


def controlled(request_id: str, share: float) -> bool:
    """Whether this request gets a control reply: the same answer in every run."""
    digest = hashlib.blake2b(f"control:{request_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


async def replay(
    captures: Sequence[str | Path],
    baseline: str,
    candidate: str,
    out: Path,
    settings: Settings | None = None,
    *,
    fingerprints: Lane | None = None,
    codec: "Codec | None" = None,
    stop: asyncio.Event | None = None,
    progress: Progress = lambda counts: None,
) -> Counts:
    """Replay what `out` does not hold yet.

    `fingerprints` are those of the two engines (default: taken from the captured pairs); `stop`, once set,
    lets the requests in flight finish and sends no more.

    Raises:
        DataError: the capture cannot be read or holds no raw requests.
        EngineError: an engine cannot be reached, at the start or later on; what was done is kept.
        ConfigError: `out` holds a replay of something else.
    """
    from understudy.codec.kserve import KServeCodec
    from understudy.mirror.admission import Settings as MirrorSettings
    from understudy.mirror.leg import Shadow

    settings, stop, codec = settings or Settings(), stop or asyncio.Event(), codec or KServeCodec()
    counts = Counts(total=sum(len(list(ids(path))) for path in captures))
    _plan(out, captures, baseline, candidate, fingerprints, settings)
    capture = ParquetCapture(CaptureSettings(str(out), content=True, keep_days=36_500, max_bytes=1 << 60))
    done = set(ids(out)) if any(out.glob("pairs-*.parquet")) else set()
    counts.done = counts.resumed = len(done)
    progress(counts)
    mirror = MirrorSettings(
        deadline_min_s=settings.deadline_s, deadline_max_s=settings.deadline_s, deadline_factor=1.0
    )
    lane = fingerprints or Lane("", "")
    legs = (
        Shadow(Leg.BASELINE, baseline, lane.baseline, mirror),
        Shadow(Leg.CANDIDATE, candidate, lane.candidate, mirror),
        Shadow(Leg.CONTROL, baseline, lane.baseline, mirror),
    )
    run = _Run(settings, mirror, codec, legs, capture, counts, stop, progress, fingerprints)
    try:
        await asyncio.gather(*(_reached(leg, settings.connect_s) for leg in legs[:2]))
        await run.all(_requests(captures, done, counts))
    finally:
        capture.close()
        await asyncio.gather(*(leg.close() for leg in legs))
    if capture.status.state == CaptureState.STOPPED:
        raise DataError(f"{out}: {capture.status.reason}; make room and run the same command again to go on")
    if not counts.done and counts.skipped:
        raise DataError(
            f"{captures[0]}: none of the {counts.skipped} pairs holds its raw request; capture with "
            "capture.content = true, and without redactors that touch requests"
        )
    counts.interrupted = stop.is_set() and counts.done + counts.skipped < counts.total
    return counts


@dataclass(slots=True)
class _Run:
    settings: Settings
    mirror: Any
    codec: "Codec"
    legs: tuple["Shadow", "Shadow", "Shadow"]
    capture: ParquetCapture
    counts: Counts
    stop: asyncio.Event
    progress: Progress
    fingerprints: Lane | None
    gone: str = ""
    """Set once an engine no longer accepts connections."""

    async def all(self, pairs: Iterator[Pair]) -> None:
        """Every pair's request, `concurrency` at a time, sent in the capture's order."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.settings.concurrency):
                    group.create_task(self._worker(pairs))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None
        if self.gone:
            raise EngineError(
                f"{self.gone}; {self.counts.done} of {self.counts.total} requests are done: start it and run "
                "the same command again to go on"
            )

    async def _worker(self, pairs: Iterator[Pair]) -> None:
        for pair in pairs:
            if self.stop.is_set() or self.gone:
                return
            admitted_ns = time.time_ns()
            outputs = await self._ask(pair)
            refused = next((output for output in outputs if _refused(output)), None)
            if refused is not None:
                self.gone = f"the {refused.leg} engine at {refused.upstream} is gone ({refused.error})"
                return
            self._keep(pair, outputs, admitted_ns)
            await asyncio.sleep(0)

    async def _ask(self, pair: Pair) -> tuple[Output, ...]:
        from understudy.codec import Undecodable
        from understudy.mirror.client import UNAVAILABLE
        from understudy.mirror.leg import Call, Unsent, metadata_for

        request, share = pair.request, self.settings.control_share
        twice = pair.control is not None if share is None else controlled(request.id, share)
        legs = self.legs if twice else self.legs[:2]

        async def call(leg: "Shadow") -> Output:
            # The control never reuses the caller's seed: it is to show the baseline's own noise.
            raw = request.raw
            if leg.leg is Leg.CONTROL:
                raw = self.codec.reseed(raw, int.from_bytes(hashlib.sha256(raw).digest()[:4]))
            metadata = metadata_for(leg.leg, request, {}, self.mirror)
            try:
                return await Call(
                    leg, self.codec, request, raw, metadata, self.mirror, lambda count: None
                ).run()
            except Undecodable as error:
                return Output(
                    leg.leg, "", status=-1, error=f"undecodable reply: {error}", upstream=leg.address
                )
            except Unsent as error:
                return Output(leg.leg, "", status=UNAVAILABLE, error=str(error), upstream=leg.address)

        return tuple(await asyncio.gather(*(call(leg) for leg in legs)))

    def _keep(self, pair: Pair, outputs: Sequence[Output], admitted_ns: int) -> None:
        lane = self.fingerprints or pair.lane
        names = {Leg.BASELINE: lane.baseline, Leg.CANDIDATE: lane.candidate, Leg.CONTROL: lane.baseline}
        legs = {output.leg: replace(output, fingerprint=names[output.leg]) for output in outputs}
        again = Pair(
            request=pair.request,
            baseline=legs[Leg.BASELINE],
            candidate=legs[Leg.CANDIDATE],
            control=legs.get(Leg.CONTROL),
            lane=lane,
            tick=pair.tick,
            admitted_ns=admitted_ns,
            sampled_by="replay",
        )
        if not self.capture.write([(again, ())]):
            self.stop.set()
            return
        self.counts.done += 1
        self.counts.failed_baseline += again.baseline.failed
        self.counts.failed_candidate += again.candidate.failed
        self.progress(self.counts)


def _requests(captures: Sequence[str | Path], done: set[str], counts: Counts) -> Iterator[Pair]:
    seen: set[str] = set()
    for item in admitted(*captures):
        pair = item.pair
        if pair.id in seen:
            raise DataError(f"{captures[0]}: id {pair.id!r} comes twice; give every capture once")
        seen.add(pair.id)
        if pair.id in done:
            continue
        if not pair.request.raw:
            counts.skipped += 1
            continue
        yield pair


def _refused(output: Output) -> bool:
    """No connection at all, as opposed to an engine that failed on this request: that is a result."""
    from understudy.mirror.client import UNAVAILABLE

    said = output.error.lower()
    return output.status == UNAVAILABLE and (
        "failed to connect" in said or "dns resolution" in said or "refuses connections" in said
    )


async def _reached(leg: "Shadow", connect_s: float) -> None:
    try:
        await asyncio.wait_for(leg.client.ready(), connect_s)
    except TimeoutError:
        raise EngineError(
            f"the {leg.leg} engine at {leg.address} accepts no connection; start it or correct its address"
        ) from None


def _plan(
    out: Path,
    captures: Sequence[str | Path],
    baseline: str,
    candidate: str,
    fingerprints: Lane | None,
    settings: Settings,
) -> None:
    """Write down what `out` is for, or check that it is for this."""
    engines = [fingerprints.baseline, fingerprints.candidate] if fingerprints else [baseline, candidate]
    plan = {
        "captures": [str(Path(path).absolute()) for path in captures],
        "engines": engines,
        "control_share": settings.control_share,
    }
    path = out / PLAN
    try:
        if path.exists():
            if json.loads(path.read_text(encoding="utf-8")) != plan:
                raise ConfigError(
                    f"{out}: holds a replay of another capture, of other engines or with another control "
                    "share; give another --out"
                )
            return
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(out.glob("*.parquet")) or any(out.glob("open-*.jsonl")):
            raise ConfigError(f"{out}: holds a capture that is no replay; give another --out")
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(plan) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"{out}: {error.strerror}; give a directory that can be written") from None
    except json.JSONDecodeError:
        raise ConfigError(f"{path}: is broken; give another --out") from None


def run(
    captures: Sequence[str | Path],
    baseline: str,
    candidate: str,
    out: Path,
    settings: Settings | None = None,
    *,
    fingerprints: Lane | None = None,
    resume: str = "run the same command again to go on",
    quiet: bool = False,
) -> int:
    """The command, with its progress on stderr. Returns 0, 130 when interrupted, 3 on an error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("replay"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        transient=True,  # the last line says it all, and an error stands alone
        disable=quiet,
    )

    async def main() -> Counts:
        stop = asyncio.Event()
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupted() -> None:
            if stop.is_set() and task is not None:  # the second Ctrl-C waits for nobody
                task.cancel()
            stop.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, interrupted)
        shown = bar.add_task("replay", total=None, said="")

        def progress(counts: Counts) -> None:
            failed = counts.failed_baseline + counts.failed_candidate
            said = f"{failed} failed" if failed else ""
            bar.update(shown, total=counts.total - counts.skipped, completed=counts.done, said=said)

        return await replay(
            captures,
            baseline,
            candidate,
            out,
            settings,
            fingerprints=fingerprints,
            stop=stop,
            progress=progress,
        )

    try:
        with bar:
            counts = asyncio.run(main())
    except UnderstudyError as error:
        console.print(
            f"understudy: {shown(error, LINE)}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        return 3
    except (asyncio.CancelledError, KeyboardInterrupt):
        console.print(f"interrupted; {resume}", highlight=False, soft_wrap=True)
        return INTERRUPTED
    said = f"{counts.done} of {counts.total} requests replayed to {out}"
    if counts.resumed:
        said += f" ({counts.resumed} of them earlier)"
    if counts.skipped:
        said += f"; {counts.skipped} skipped: captured without their raw request"
    if counts.failed_baseline or counts.failed_candidate:
        said += f"; failed: baseline {counts.failed_baseline}, candidate {counts.failed_candidate}"
    if counts.interrupted:
        said = f"interrupted: {said}; {resume}"
    console.print(said, highlight=False, soft_wrap=True)
    return INTERRUPTED if counts.interrupted else 0
