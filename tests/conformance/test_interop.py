"""Whatever stands between, a client gets what it would get directly, the server sees what it would have seen, and
the observer saw what the client saw: gRPC's interop cases and more, by real clients of two implementations."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.conformance import paths
from tests.conformance.cases import TABLE, Call
from tests.conformance.clients import CLIENTS, Transcript
from tests.conformance.paths import Route
from tests.conformance.upstream import RPC, Upstream

pytestmark = pytest.mark.asyncio(loop_scope="module")

BETWEEN = [name for name in paths.NAMES if name != "direct"]
NODE = (
    "large_unary",
    "client_compressed_unary",
    "server_compressed_unary",
    "ping_pong",
    "custom_metadata",
    "status_code_and_message",
    "special_status_message",
    "unimplemented_method",
    "cancel_after_first_response",
    "timeout_on_sleeping_server",
    "repeated_and_binary_metadata",
    "initial_metadata_before_message",
    "rich_error_details",
)
"""Where implementations differ: Node takes half a second to start, each time."""
CALLERS = [("aio", case) for case in TABLE]
CALLERS += [("sync", case) for case in TABLE if case != "64_mib_messages"]
CALLERS += [("node", case) for case in NODE]


@dataclass
class Stage:
    """One upstream, every path to it, and what was got directly."""

    upstream: Upstream
    shadow: Upstream
    routes: dict[str, Route]
    direct: dict[tuple[str, str], "Run"] = field(default_factory=dict)
    late: list[tuple[paths.Witness, str, Call, Transcript]] = field(default_factory=list)
    """Calls that their observer is yet to learn the end of: all of them are waited for at once, after the last."""

    async def run(self, client: str, case: str, path: str) -> "Run":
        """Carry out a case; directly but once."""
        if path == "direct" and (client, case) in self.direct:
            return self.direct[client, case]
        calls = [(f"{client}-{case}-{number}@{path}", call) for number, call in enumerate(TABLE[case])]
        route = self.routes[path]
        transcripts = await CLIENTS[client](route.address, calls, self.upstream.begun)
        run = Run([got.without(route.adds) for got in transcripts], [])
        for (rpc, call), got in zip(calls, run.transcripts, strict=True):
            run.seen.append(await self._seen(rpc) if call.ended else None)
            if route.witness is None or not call.path.startswith(route.copied):
                continue  # no observer, or nothing for it: unimplemented_service through Envoy
            if route.late and call.ended == "cancelled":
                self.late.append((route.witness, rpc, call, got))
            else:
                paths.agrees(await route.witness.ended(rpc), call, got)
        if path == "direct":
            self.direct[client, case] = run
        return run

    async def _seen(self, rpc: str) -> dict[str, Any]:
        seen = await self.upstream.ended(rpc)
        return {
            "method": seen.method,
            "metadata": [pair for pair in seen.metadata if pair[0] != RPC],
            "deadline": seen.remaining_s is not None,
            "remaining_s": seen.remaining_s,
            "asked": seen.asked,
            "ended": seen.ended,
        }


@dataclass
class Run:
    """What came of a case."""

    transcripts: list[Transcript]
    seen: list[dict[str, Any] | None]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="us")))
        upstream, shadow = await Upstream().start(), await Upstream().start()
        stack.push_async_callback(upstream.stop)
        stack.push_async_callback(shadow.stop)
        routes = {}
        for name, stand in paths.PATHS.items():
            place = folder / name
            place.mkdir()
            routes[name] = await stack.enter_async_context(stand(upstream, shadow, place))
        made = Stage(upstream, shadow, routes)
        yield made
        for witness, rpc, call, got in made.late:
            paths.agrees(await witness.ended(rpc), call, got)


@pytest.mark.parametrize("path", BETWEEN)
@pytest.mark.parametrize(("client", "case"), CALLERS)
async def test_a_call_is_the_same_as_directly(stage: Stage, client: str, case: str, path: str) -> None:
    calls = TABLE[case]
    expected, got = await stage.run(client, case, "direct"), await stage.run(client, case, path)
    for call, directly, here in zip(calls, expected.transcripts, got.transcripts, strict=True):
        assert (directly.code, list(directly.replies)) == (call.code, call.expected)
        assert call.details is None or directly.details == call.details
        assert here == directly
    for call, there, here_seen in zip(calls, expected.seen, got.seen, strict=True):
        if there is None or here_seen is None:
            continue
        there = dict(there)
        for side in (there, here_seen):
            side["metadata"] = [pair for pair in side["metadata"] if pair[0] not in stage.routes[path].own]
        left, had = here_seen.pop("remaining_s"), there["remaining_s"]
        assert here_seen == {name: value for name, value in there.items() if name != "remaining_s"}
        assert here_seen["ended"] == call.ended
        if call.timeout_s is not None:
            # grpcio rounds a timeout up on its way.
            assert all(0 < seconds <= call.timeout_s * 1.02 + 0.05 for seconds in (left, had))


@pytest.mark.parametrize("path", BETWEEN)
async def test_a_path_adds_the_headers_it_is_known_for_and_no_others(stage: Stage, path: str) -> None:
    route, call = stage.routes[path], TABLE["custom_metadata"][0]
    asked, answered = [], []
    for name in ("direct", path):
        rpc = f"headers-{path}@{name}"
        (got,) = await CLIENTS["sync"](stage.routes[name].address, [(rpc, call)], stage.upstream.begun)
        asked.append({pair for pair in (await stage.upstream.ended(rpc)).metadata if pair[0] != RPC})
        answered.append({*got.initial, *got.trailing})
    assert {name for name, _ in asked[0] ^ asked[1]} == route.own
    assert {name for name, _ in answered[0] ^ answered[1]} == route.adds
