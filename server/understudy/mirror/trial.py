"""The self-test: each engine is asked one question, through the leg that will call it, before it is compared.

A mirror that is wired wrongly (another model's name, another protocol, a gateway that answers for the engine) would
turn every request into a failure of the candidate, or into nothing at all. So a leg whose answer has not the shape
of an answer is not called for pairs; its requests are shed, and the log says why. An engine that cannot be reached
is another matter: that is its failure, which the pairs have to show.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from understudy.codec import Codec, Seen
from understudy.mirror.client import DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE
from understudy.mirror.leg import Call, Shadow, Unsent, metadata_for
from understudy.mirror.settings import Settings
from understudy.mirror.spread import Spread
from understudy.pair import Leg, Output, Sampling

log = logging.getLogger(__name__)

QUESTION: Final = "Who are you?"
TOKENS: Final = 8
LIMIT_S: Final = 5.0
AGAIN_S: Final = 5.0
"""Pause before a leg that failed, or was not reached, is asked again."""
DIALECTS: Final = ("ensemble", "llmapi")
AWAY: Final = (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED)
"""An engine that is not there, or has too much to do: nothing is known of its answers."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one leg's answer showed."""

    fault: str = ""
    """Why its replies cannot be compared; '' when they can, or nobody knows."""
    reached: bool = True
    """Whether it answered at all; if not it is asked again."""


def shape(reply: Output) -> Finding:
    """Judge an answer by its shape, never by what it says."""
    if reply.status in AWAY or reply.cancelled_by:
        return Finding(reached=False)
    if reply.status or reply.error:
        return Finding(f"it answers our question with {reply.error or f'status {reply.status}'}")
    if not reply.chunks_ns:
        return Finding("its reply to our question holds no text tensor")
    return Finding()


async def examine(shadow: Shadow, codecs: Sequence[Codec], model: str, settings: Settings) -> Finding:
    """Ask one engine, by each method that is mirrored and in each dialect, until an answer has its shape."""
    settings = replace(settings, deadline_min_s=LIMIT_S, deadline_max_s=LIMIT_S)
    sampling = Sampling(temperature=0.0, top_k=1, max_tokens=TOKENS)
    first: Finding | None = None
    for method in settings.methods:
        codec = next((known for known in codecs if known.arity(method) is not None), None)
        if codec is None:
            continue
        for dialect in DIALECTS:
            raw = codec.encode(
                model=model, id="self-test", prompt=QUESTION, sampling=sampling, stream=False, dialect=dialect
            )
            found = await _ask(shadow, codec, method, raw, settings)
            if not found.fault:
                return found
            first = first or replace(
                found, fault=f"{method.rpartition('/')[2]} of model {model!r}: {found.fault}"
            )
    return first or Finding()


async def _ask(shadow: Shadow, codec: Codec, method: str, raw: bytes, settings: Settings) -> Finding:
    request = codec.rebuild(raw, Seen("self-test", method, 0))
    metadata = metadata_for(shadow.leg, request, {}, settings)
    try:
        return shape(await Call(shadow, codec, request, raw, metadata, settings, lambda count: None).run())
    except Unsent:
        return Finding(reached=False)


class Trial:
    """Asks every leg at the start, and again while one has not passed or an engine was exchanged."""

    def __init__(
        self,
        shadows: Mapping[Leg, Spread],
        codecs: Sequence[Codec],
        models: Mapping[Leg, str],
        settings: Settings,
    ) -> None:
        """`models` names those to ask; a leg without one is not asked."""
        self._shadows = shadows
        self._codecs = codecs
        self._models = {leg: model for leg, model in models.items() if model}
        self._settings = settings
        self._due = set(self._models) if settings.self_test else set[Leg]()
        self._again = asyncio.Event()

    def exchanged(self, leg: Leg) -> None:
        """Another engine answers there now."""
        if self._settings.self_test and leg in self._models:
            self._due.add(leg)
            self._again.set()

    async def once(self) -> None:
        """Ask every leg that is due."""
        async with asyncio.TaskGroup() as group:
            for leg in sorted(self._due):
                group.create_task(self._leg(leg))

    async def run(self) -> None:
        """Ask on until every leg has passed, and after each exchange; holds until cancelled."""
        while True:
            if not self._due:
                await self._again.wait()
            self._again.clear()
            await self.once()
            if self._due:
                await asyncio.sleep(AGAIN_S)

    async def _leg(self, leg: Leg) -> None:
        shadow = self._shadows[leg]
        found = await examine(shadow.next(), self._codecs, self._models[leg], self._settings)
        if found.reached and not found.fault:
            self._due.discard(leg)
            log.info("self-test: the %s at %s answers as it should", leg, shadow.address)
        if not found.reached or found.fault == shadow.fault:
            return
        if found.fault:
            log.error(
                "self-test: the %s at %s: %s; requests are not mirrored to it",
                leg,
                shadow.address,
                found.fault,
            )
        shadow.fault = found.fault
