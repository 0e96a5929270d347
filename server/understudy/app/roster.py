"""Who the engines are: fingerprints and manifests, asked at the start and recorded beside the evidence.

The record lets a restart go on when the shadow engine is gone, and tells a rollback whether what answers at the
baseline's address is still the engine that was compared.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from understudy import durable
from understudy.config import Config, Engine
from understudy.engine.upstream import Description, describe, probe, reach
from understudy.errors import ConfigError, EngineError, UnderstudyError
from understudy.pair import Leg

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Member:
    """One engine as it described itself."""

    address: str
    fingerprint: str
    manifest: Mapping[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    """Replicas that did not answer."""


Roster = Mapping[Leg, Member]

MENDS = {"address": "; give the host and port at which a KServe v2 server speaks gRPC"}
"""What to do where the error itself does not say it, by the field it lies in."""


def engines(config: Config) -> dict[Leg, Engine]:
    """The engines the config names; without a control of its own, none."""
    named = {Leg.BASELINE: config.engines.baseline, Leg.CANDIDATE: config.engines.candidate}
    return named | ({Leg.CONTROL: config.engines.control} if config.engines.control else {})


async def ask(engine: Engine, timeout_s: float) -> Member:
    """Ask an engine who it is, each of its replicas: those that answer must be the same engine.

    Raises:
        EngineError: none answers, one does not say, or two are different engines.
    """
    manifest = Path(engine.manifest) if engine.manifest else None

    async def one(address: str) -> Description:
        return await describe(address, engine.model, timeout_s=timeout_s, manifest=manifest, tls=engine.tls)

    found, absent = await _each(engine, one, every=True)
    first = next(iter(found))
    for address, described in found.items():
        if described.fingerprint != found[first].fingerprint:
            raise EngineError(
                f"{first} and {address} are different engines (fingerprints {found[first].fingerprint[:12]} and "
                f"{described.fingerprint[:12]}): name replicas of one engine",
                field="addresses",
            )
    return Member(engine.where, found[first].fingerprint, found[first].manifest, tuple(absent))


async def answers(engine: Engine, timeout_s: float) -> bool:
    """Whether any replica answers a real question with text: the relay leaves alone those that are not there.

    Raises:
        EngineError: none answers at all.
    """
    found, absent = await _each(
        engine, lambda address: probe(address, engine.model, timeout_s=timeout_s, tls=engine.tls)
    )
    for address, error in absent.items():
        log.warning("a replica at %s does not answer a question: %s", address, error)
    return any(found.values())


async def reached(engine: Engine) -> None:
    """Have one replica answer anything at all.

    Raises:
        EngineError: none does.
    """
    await _each(engine, lambda address: reach(address, tls=engine.tls))


async def _each(
    engine: Engine, ask_one: Callable[[str], Awaitable[T]], *, every: bool = False
) -> tuple[dict[str, T], dict[str, EngineError]]:
    """What each replica answers, and which are not there.

    Raises:
        EngineError: none answers, or, where `every` answer counts, one is an error that waiting does not mend.
        ConfigError: what was asked with is wrong.
    """
    results = await asyncio.gather(*map(ask_one, engine.replicas), return_exceptions=True)
    found: dict[str, T] = {}
    absent: dict[str, EngineError] = {}
    for address, result in zip(engine.replicas, results, strict=True):
        if isinstance(result, EngineError) and (result.passing or not every):
            absent[address] = result
        elif isinstance(result, BaseException):
            raise result
        else:
            found[address] = result
    if not found:
        raise next(iter(absent.values()))
    return found, absent


async def gather(config: Config, primary: Leg, record: Path) -> Roster:
    """Ask every engine, waiting up to engines.wait_s for those that must answer, and record the answers.

    The primary must answer, and at a first start the other engine too; later its record will do. Only for an
    engine that is not there, or not ready yet, does waiting help: any other error is raised at once.

    Raises:
        EngineError: an engine that must answer does not; it names the key to correct.
        ConfigError: baseline and candidate are the same engine outside an A/A run.
    """
    known = read(record)
    found: dict[Leg, Member] = {}

    async def one(leg: Leg, engine: Engine) -> None:
        recorded = known.get(leg) if leg is not primary else None
        if recorded is not None and recorded.address != engine.where:
            recorded = None  # of another engine: what the config names now was never asked
        patience = config.engines.wait_s if recorded is None else 2.0
        deadline = asyncio.get_running_loop().time() + patience
        told = False
        while True:
            left = deadline - asyncio.get_running_loop().time()
            try:
                found[leg] = await ask(engine, max(0.2, min(5.0, left)))
                if found[leg].absent:
                    log.warning(
                        "engines.%s: going on without %s: not there yet", leg, ", ".join(found[leg].absent)
                    )
                return
            except EngineError as error:
                if error.passing and asyncio.get_running_loop().time() < deadline:
                    if not told and patience >= 1:
                        log.info("waiting up to %.0f s for engines.%s: %s", patience, leg, error)
                    told = True
                    await asyncio.sleep(0.2)
                elif recorded is not None:
                    log.warning("engines.%s does not answer: going on with its record (%s)", leg, error)
                    found[leg] = recorded
                    return
                elif error.passing:
                    raise EngineError(
                        f"engines.{leg}.address {engine.where}: {error}; "
                        "start that engine, or correct its address or model"
                    ) from error
                else:
                    raise EngineError(
                        f"engines.{leg}.{error.field}: {error}{MENDS.get(error.field, '')}"
                    ) from error

    try:
        async with asyncio.TaskGroup() as group:
            for leg, engine in engines(config).items():
                group.create_task(one(leg, engine))
    except* UnderstudyError as failures:
        raise failures.exceptions[0] from None
    same = found[Leg.BASELINE].fingerprint == found[Leg.CANDIDATE].fingerprint
    if same and not config.engines.allow_equal:
        raise ConfigError(
            f"engines: baseline ({config.engines.baseline.where}) and candidate "
            f"({config.engines.candidate.where}) are the same engine (fingerprint "
            f"{found[Leg.BASELINE].fingerprint[:12]}): correct an address, or set engines.allow_equal = true "
            "for an A/A run"
        )
    write(record, found)
    return found


def read(record: Path) -> Roster:
    """The recorded engines; empty when none were recorded."""
    try:
        told = json.loads(record.read_text())
        return {Leg(leg): Member(m["address"], m["fingerprint"], m["manifest"]) for leg, m in told.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{record}: is damaged ({error}): remove it to have the engines asked anew"
        ) from error


def write(record: Path, roster: Roster) -> None:
    """Record the engines, whole or not at all."""
    told = {
        leg.value: {"address": m.address, "fingerprint": m.fingerprint, "manifest": dict(m.manifest)}
        for leg, m in roster.items()
    }
    durable.write(record, json.dumps(told, indent=1).encode())
