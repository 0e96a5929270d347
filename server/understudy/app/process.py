"""What each child of the supervisor runs: `python -m understudy.app.process NAME CONFIG [FD SEAT BOARD]`."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy import latch, plugins
from understudy.app import logs
from understudy.errors import ConfigError
from understudy.pair import Leg
from understudy.supervise import watch_parent

RECORD = "engines.json"
LATCH = "latch.json"


def relay(path: Path, fd: int, seat: int, board: tuple[int, ...]) -> int:
    """Pass bytes."""
    from understudy.config import load
    from understudy.relay import run

    config = load(path)
    return run(
        replace(
            config.relay,
            listen=config.listen,
            listen_fd=fd,
            name=f"relay-{os.getpid()}",
            seat=seat,
            board_fds=board,
            baseline=config.engines.baseline.replicas,
            candidate=config.engines.candidate.replicas,
            baseline_tls=config.engines.baseline.tls,
            candidate_tls=config.engines.candidate.tls,
            primary=config.primary.value,
            latch=str(Path(config.state_dir) / LATCH),
            run_dir=config.run_dir,
        )
    )


def compat(path: Path) -> int:
    """Terminate gRPC, edit headers, route each request."""
    from understudy.codec.kserve import KServeCodec
    from understudy.compat.process import Place, run
    from understudy.config import load

    config = load(path)
    if config.compat is None:
        raise ConfigError(f"{path}: compat: the section is gone: start understudy again")
    place = Place(
        baseline=config.engines.baseline.replicas[0],
        candidate=config.engines.candidate.replicas[0],
        primary=config.primary,
        latch=str(Path(config.state_dir) / LATCH),
        run_dir=config.run_dir,
        drain_max_s=config.relay.drain_max_s,
    )
    copying = replace(config.relay, run_dir=config.run_dir)
    return run(config.compat, place, [KServeCodec(config.kserve)], copying)


def observer(path: Path) -> int:
    """Rebuild requests, mirror them, publish pairs."""
    from understudy.app import roster
    from understudy.category.build import build
    from understudy.codec.kserve import KServeCodec
    from understudy.config import load
    from understudy.drift.load import load as load_tolerances
    from understudy.drift.tolerance import Tolerances
    from understudy.mirror import Engine, Engines
    from understudy.observe.process import run

    config = load(path)
    known = roster.read(Path(config.state_dir) / RECORD)
    tolerances = load_tolerances(Path(config.tolerances)) if config.tolerances else Tolerances.default()
    categorizers = build(plugins.load("categorizers", config.categories.names), config.categories.topic)
    named = roster.engines(config)
    legs = {
        leg: Engine(
            named[leg].where,
            member.fingerprint,
            model=named[leg].model,
            addresses=named[leg].replicas,
            tls=named[leg].tls,
        )
        for leg, member in known.items()
        if leg in named
    }
    run_dir = Path(config.run_dir)
    return run(
        replace(
            config.observe,
            socket=str(run_dir / "observer.sock"),
            controller=f"unix:{run_dir / 'controller.sock'}",
            tick_s=tolerances.tick_s,
        ),
        categorizers,
        codecs=[KServeCodec(config.kserve)],
        mirror=config.mirror,
        engines=Engines(legs[Leg.BASELINE], legs[Leg.CANDIDATE], legs.get(Leg.CONTROL)),
        ingest=config.ingest,
    )


def analyzers(
    listen: str,
    names: tuple[str, ...],
    limit_s: float,
    memory_bytes: int,
    parameters: Mapping[str, Mapping[str, Any]],
) -> int:
    """Score pairs behind AnalysisService."""
    from understudy.service.analysis import serve
    from understudy.service.build import build

    loaded = build(names, parameters)

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await serve(listen, loaded, stop, limit_s, memory_bytes)

    asyncio.run(main())
    return 0


def elsewhere(listen: str, names: tuple[str, ...], limit_s: float | None, path: Path | None) -> int:
    """The same for a worker that no supervisor of ours starts: by name, or as a config file says."""
    from understudy.config import chosen

    settings, _ = chosen(path)
    if names:
        settings = settings.only(names)
    return analyzers(
        listen,
        settings.names,
        settings.limit_s if limit_s is None else limit_s,
        settings.memory_bytes,
        settings.parameters,
    )


def controller(path: Path) -> int:
    """Gather evidence and act on it."""
    from understudy.app.controller import run
    from understudy.config import load

    return run(load(path))


def primary(config_primary: Leg, state: Path) -> Leg:
    """Who serves now: the latch wins over the config."""
    held = latch.read(state / LATCH)
    return Leg(held.primary) if held else config_primary


def main() -> int:
    """Run the child named on the command line."""
    from understudy.app.exits import guarded

    name, *rest = sys.argv[1:]
    logs.configure(name)
    watch_parent()

    def child() -> None:
        match name, rest:
            case "relay", [config, fd, seat, board]:
                sys.exit(relay(Path(config), int(fd), int(seat), tuple(map(int, board.split(",")))))
            case "compat", [config]:
                sys.exit(compat(Path(config)))
            case "observer", [config]:
                sys.exit(observer(Path(config)))
            case "analyzers", [listen, limit, memory, parameters, *names]:
                sys.exit(analyzers(listen, tuple(names), float(limit), int(memory), json.loads(parameters)))
            case "controller", [config]:
                sys.exit(controller(Path(config)))
            case _:
                raise ConfigError(f"no child process {name!r} {rest!r}")

    return guarded(child, trace=True)  # it goes to the log


if __name__ == "__main__":
    sys.exit(main())
