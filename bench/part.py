"""Understudy's own processes with nothing left out but the analyzers: `python -m bench.part NAME FOLDER ...`.

The relay and the observer are the product's. The controller is a subscriber that counts the pairs it is sent,
after they crossed PairService, and tells the observer to mirror or not to.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

KEPT_OPEN = 16384
"""mirror.in_flight: a stream held is in flight, and more than the default of them are held here."""
LEDGER_S = 0.25
"""observe.ledger_s: a probe waits for the accounting that follows it."""


def relay(
    folder: Path, listen: str, baseline: str, candidate: str, certificate: str = "", key: str = ""
) -> int:
    """Pass bytes; with a certificate callers speak TLS."""
    from understudy.relay import Settings, run
    from understudy.tls import Listener

    return run(
        Settings(
            listen=listen,
            baseline=baseline,
            candidate=candidate,
            latch=str(folder / "latch.json"),
            run_dir=str(folder),
            tls=Listener(certificate, key) if certificate else None,
        )
    )


def observer(folder: Path, baseline: str, candidate: str, control: float) -> int:
    """Rebuild, mirror, pair and publish, with the codec and the categorizers of the default config.

    The share of control replies is asked of the engine that serves the callers, with the limits of the default config.
    """
    from understudy import plugins
    from understudy.codec.kserve import INFER, STREAM, KServeCodec
    from understudy.config import Categories
    from understudy.mirror import Engine, Engines
    from understudy.mirror import Settings as Mirror
    from understudy.observe import Settings
    from understudy.observe.process import run

    names = Categories().names
    made: list[Any] = list(plugins.load("categorizers", names).values())
    return run(
        Settings(
            socket=str(folder / "observer.sock"),
            controller=f"unix:{folder / 'controller.sock'}",
            ledger_s=LEDGER_S,
        ),
        [one() for one in made],
        codecs=[KServeCodec()],
        mirror=Mirror(
            methods=(INFER, STREAM), control_share=control, control_primary_share=control, in_flight=KEPT_OPEN
        ),
        engines=Engines(Engine(baseline, "b" * 64), Engine(candidate, "c" * 64)),
    )


def sink(folder: Path, mirror: str) -> int:
    """Count what is published; `mirror` is on or off."""
    import grpc
    from understudy.service.lines import listen
    from understudy.service.pairs import PairServicer
    from understudy.v1 import pairs_pb2 as pb
    from understudy.v1 import pairs_pb2_grpc as rpc

    class Count:
        """A sink that is done with a batch at once."""

        def __init__(self) -> None:
            self.pairs = 0
            self.controls = 0
            self.ledger = pb.Ledger()

        def take(self, batch: pb.PairBatch) -> asyncio.Future[None]:
            """Count it."""
            self.pairs += len(batch.pairs)
            self.controls += sum(pair.HasField("control") for pair in batch.pairs)
            self.ledger = batch.ledger
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            done.set_result(None)
            return done

        def state(self) -> pb.ObserverState:
            """Mirror, or do not."""
            return pb.ObserverState(mirror_on=mirror == "on", primary="baseline")

    async def main() -> None:
        count = Count()

        async def told(_: dict[str, Any]) -> dict[str, Any]:
            ledger = count.ledger
            lost = (ledger.shed, ledger.failed, ledger.lost, ledger.unobserved)
            return {
                "requests": ledger.requests,
                "paired": count.pairs,
                "dropped": sum(sum(reasons.values()) for reasons in lost),
                "in_flight": ledger.in_flight,
                "controls": count.controls,
                "reasons": {name: n for reasons in lost for name, n in reasons.items()},
            }

        server = grpc.aio.server()
        rpc.add_PairServiceServicer_to_server(PairServicer(count), server)
        server.add_insecure_port(f"unix:{folder / 'controller.sock'}")
        await server.start()
        async with await listen(folder / "count.sock", told):
            await server.wait_for_termination()

    asyncio.run(main())
    return 0


def main() -> int:
    """Run the part named on the command line."""
    match sys.argv[1:]:
        case "relay", folder, listen, baseline, candidate, *shown:
            return relay(Path(folder), listen, baseline, candidate, *shown)
        case "observer", folder, baseline, candidate, control:
            return observer(Path(folder), baseline, candidate, float(control))
        case "sink", folder, mirror:
            return sink(Path(folder), mirror)
        case words:
            raise SystemExit(f"bench: no part {words}")


if __name__ == "__main__":
    sys.exit(main())
