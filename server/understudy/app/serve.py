"""`understudy serve`: one command, one config, every process."""

import asyncio
import fcntl
import logging
import os
import signal
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from understudy.app import logs, process, roster
from understudy.app.check import named
from understudy.config import Config, load
from understudy.errors import ConfigError, UnderstudyError
from understudy.relay.settings import parse as parse_address
from understudy.service.lines import ask
from understudy.supervise import Child, Supervisor, bind

log = logging.getLogger(__name__)


def run(path: Path) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.

    Raises:
        UnderstudyError: something the operator must mend before it can start.
    """
    logs.configure("supervisor")
    return asyncio.run(_serve(path.resolve()))


async def _serve(path: Path) -> int:
    config = load(path)
    for problem in named(config):
        raise ConfigError(problem)
    run_dir, state_dir = private(config.run_dir, "run_dir"), private(config.state_dir, "state_dir")
    with locked(run_dir, "run_dir"), locked(state_dir, "state_dir"):
        return await _hold(config, path, run_dir, state_dir)


async def _hold(config: Config, path: Path, run_dir: Path, state_dir: Path) -> int:
    old_relay = await _old(run_dir / "relay.sock", "relay")
    free(config.web.host, config.web.port, beside=old_relay)
    if config.ingest is not None and isinstance(where := parse_address(config.ingest.listen), tuple):
        free(*where, beside=False, key="ingest.listen")
    old_compat = await _answers(
        run_dir / "compat.sock"
    )  # its successor sends it home, once it listens itself
    if config.compat is not None and isinstance(where := parse_address(config.compat.listen), tuple):
        free(*where, beside=old_compat, key="compat.listen")
    listening = bind(config.listen, beside=old_relay) if config.listen else None
    if config.capture is not None:
        private(config.capture_settings().directory, "capture.directory")
    now = process.primary(config.primary, state_dir)
    await roster.gather(config, now, state_dir / process.RECORD)
    supervisor = Supervisor(children(config, path, listening.fileno() if listening else None))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
    listeners = [config.listen] if config.listen else []
    listeners += [config.compat.listen] if config.compat is not None else []
    log.info("serving on %s, primary %s", " and ".join(listeners) or "no port of ours: Envoy serves", now)
    await supervisor.run()
    if listening is not None:
        listening.close()
    return 0


def children(config: Config, path: Path, fd: int | None) -> list[Child]:
    """The processes in the order of their start; they end in the reverse order. Without `fd` there is no relay."""
    me = (sys.executable, "-m", "understudy.app.process")
    sockets = analyzer_sockets(config)
    scoring = (str(config.analyzers.limit_s), *config.analyzers.names)
    relay_stop_s = config.relay.drain_max_s + 5
    return [
        *(
            Child(f"analyzers-{number}", (*me, "analyzers", address, *scoring))
            for number, address in enumerate(sockets)
        ),
        Child("controller", (*me, "controller", str(path)), stop_s=15),
        Child("observer", (*me, "observer", str(path))),
        *(
            [
                Child(
                    "relay", (*me, "relay", str(path), str(fd)), fds=(fd,), outlives=True, stop_s=relay_stop_s
                )
            ]
            if fd is not None
            else []
        ),
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
            f"{key}: {directory} is in use by another `understudy serve`: stop that one, or name another directory"
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
