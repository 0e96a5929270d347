"""`understudy serve`: one command, one config, every process."""

import asyncio
import fcntl
import json
import logging
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from understudy.app import crew, logs, process, roster
from understudy.app.check import named
from understudy.app.foreman import SERVE, Foreman
from understudy.config import Config, load
from understudy.errors import ConfigError, UnderstudyError
from understudy.relay.settings import parse as parse_address
from understudy.service.lines import ask
from understudy.supervise import Child, Supervisor, answered, bind

log = logging.getLogger(__name__)


def run(path: Path, *, takeover: bool = False) -> int:
    """Serve until SIGTERM or SIGINT, with `takeover` in place of the one that serves now; the exit code.

    Raises:
        UnderstudyError: something the operator must mend before it can start.
    """
    logs.configure("supervisor")
    return asyncio.run(_serve(path.resolve(), takeover))


async def _serve(path: Path, takeover: bool) -> int:
    config = load(path)
    for problem in named(config):
        raise ConfigError(problem)
    run_dir, state_dir = private(config.run_dir, "run_dir"), private(config.state_dir, "state_dir")

    def lock() -> ExitStack:
        with ExitStack() as held:
            held.enter_context(locked(run_dir, "run_dir"))
            held.enter_context(locked(state_dir, "state_dir"))
            return held.pop_all()

    succeeds = takeover and await _asked_to_yield(run_dir)
    held = lock()
    try:
        return await _hold(config, path, run_dir, state_dir, lock, held, succeeds)
    finally:
        held.close()


async def _hold(
    config: Config,
    path: Path,
    run_dir: Path,
    state_dir: Path,
    lock: Callable[[], ExitStack],
    held: ExitStack,
    succeeds: bool,
) -> int:
    """Serve while the directories are ours; with `succeeds` another supervisor's workers serve until ours do."""
    elder = await asyncio.to_thread(crew.elders, run_dir) if config.listen else []
    free(config.web.host, config.web.port, beside=bool(elder))
    if config.ingest is not None and isinstance(where := parse_address(config.ingest.listen), tuple):
        free(*where, beside=False, key="ingest.listen")
    old_compat = succeeds or await _answers(run_dir / "compat.sock")  # its successor sends it home
    if config.compat is not None and isinstance(where := parse_address(config.compat.listen), tuple):
        free(*where, beside=old_compat, key="compat.listen")
    listening = await _listening(config.listen, elder) if config.listen else None
    if config.capture is not None:
        private(config.capture_settings().directory, "capture.directory")
    now = process.primary(config.primary, state_dir)
    await roster.gather(config, now, state_dir / process.RECORD)
    workers = None
    if listening is not None:
        workers = crew.Crew(path, run_dir, listening, config.relay.workers, config.relay.drain_max_s + 5)
    supervisor = Supervisor(children(config, path, workers))
    foreman = Foreman(supervisor, run_dir, lock, held, lambda: listening.close() if listening else None)
    foreman.signals()
    listeners = [config.listen] if config.listen else []
    listeners += [config.compat.listen] if config.compat is not None else []
    log.info("serving on %s, primary %s", " and ".join(listeners) or "no port of ours: Envoy serves", now)
    beside = asyncio.ensure_future(_succeed(foreman, workers, elder, run_dir, succeeds))
    try:
        await supervisor.run()
    finally:
        beside.cancel()
        await asyncio.gather(beside, return_exceptions=True)
        foreman.held.close()
        if listening is not None:
            listening.close()
    return 0


async def _listening(address: str, elder: Sequence[crew.Elder]) -> socket.socket:
    """The socket callers connect to: an elder's, or a new one beside it."""
    inherited = await asyncio.to_thread(crew.inherit, elder, address)
    return inherited or bind(address, beside=bool(elder))


async def _asked_to_yield(run_dir: Path) -> bool:
    """Have the supervisor that holds the directories let go of them; False when there is none.

    Raises:
        UnderstudyError: it does not do so now.
    """
    if not await asyncio.to_thread(answered, run_dir / SERVE):
        return False
    await ask(run_dir / SERVE, {"op": "yield"}, timeout_s=60)
    return True


async def _succeed(
    foreman: Foreman,
    workers: crew.Crew | None,
    elder: Sequence[crew.Elder],
    run_dir: Path,
    succeeds: bool,
) -> None:
    """Once our workers accept callers, send those of the last supervisor away; then take orders."""
    while workers is not None and not workers.working:
        await asyncio.sleep(0.02)
    if succeeds:
        with suppress(UnderstudyError):  # it died meanwhile: its workers have nobody but us
            await ask(run_dir / SERVE, {"op": "leave"})
            log.warning("the last supervisor and its workers finish their callers and end")
            elder = ()
    for one in elder:
        one.drain()
        log.warning("%s of an earlier supervisor finishes its callers and ends", one.path.stem)
    server = await foreman.listen()
    path = run_dir / SERVE
    ours = path.stat().st_ino
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        with suppress(FileNotFoundError):
            if path.stat().st_ino == ours:  # it may be a successor's by now
                path.unlink()


def children(config: Config, path: Path, workers: crew.Crew | None) -> list[Child]:
    """The processes in the order of their start; without `workers` there is no relay."""
    me = (sys.executable, "-m", "understudy.app.process")
    sockets = analyzer_sockets(config)
    analyzers = config.analyzers
    scoring = (
        *(
            str(analyzers.limit_s),
            str(analyzers.memory_bytes),
            json.dumps(analyzers.parameters, default=dict),
        ),
        *analyzers.names,
    )
    relay_stop_s = config.relay.drain_max_s + 5
    return [
        *(
            Child(f"analyzers-{number}", (*me, "analyzers", address, *scoring))
            for number, address in enumerate(sockets)
        ),
        Child("controller", (*me, "controller", str(path)), stop_s=15),
        Child("observer", (*me, "observer", str(path))),
        *(workers.children() if workers is not None else []),
        *(
            [Child("compat", (*me, "compat", str(path)), outlives=True, stop_s=relay_stop_s)]
            if config.compat is not None
            else []
        ),
    ]


def analyzer_sockets(config: Config) -> list[str]:
    """Addresses of the local analyzer workers."""
    return [f"unix:{Path(config.run_dir) / f'analyzers-{n}.sock'}" for n in range(config.analyzers.workers)]


def private(directory: str, key: str) -> Path:
    """Make a directory that only we may enter.

    Raises:
        ConfigError: it cannot be made.
    """
    path = Path(directory)
    longest = str(path / "controller.sock")
    if key == "run_dir" and len(longest) > 100:
        raise ConfigError(f"{key}: {longest} is too long for a unix socket: name a shorter directory")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX:
            raise ConfigError(f"{key}: {path} is shared with others: name a directory of its own")
        path.chmod(0o700)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ConfigError(
            f"{key}: {path} cannot be written ({error.strerror}): name another directory"
        ) from error
    return path


@contextmanager
def locked(directory: Path, key: str) -> Iterator[None]:
    """Hold a directory for ourselves; the kernel lets go of it however we die.

    Raises:
        ConfigError: another `understudy serve` holds it.
    """
    handle = os.open(directory / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ConfigError(
            f"{key}: {directory} is in use by another `understudy serve`: stop that one, "
            "name another directory, or take its place with --takeover"
        ) from None
    try:
        yield
    finally:
        os.close(handle)


def free(host: str, port: int, *, beside: bool, key: str = "web.port") -> None:
    """Make sure that the port of `key` can be had; `beside` a dying predecessor it may still be taken.

    Raises:
        ConfigError: it is taken or not ours.
    """
    if port == 0 or beside:
        return
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise ConfigError(
            f"{key}: cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}): set {key} to a free one"
        ) from None


async def _answers(control: Path) -> bool:
    """Whether a process of an earlier supervisor still serves."""
    with suppress(UnderstudyError):
        return bool(await ask(control, {"op": "status"}, timeout_s=2))
    return False


async def _old(control: Path, what: str) -> bool:
    """Tell a data path whose supervisor died to finish its callers; True when there was one."""
    with suppress(UnderstudyError):
        await ask(control, {"op": "drain"}, timeout_s=2)
        log.warning("a %s of an earlier supervisor still served: it finishes its callers and ends", what)
        return True
    return False
