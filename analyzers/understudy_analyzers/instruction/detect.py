"""Every instruction of a prompt."""

from functools import lru_cache

from understudy_analyzers.instruction.verdict import Instruction


@lru_cache(maxsize=512)
def detect(prompt: str) -> tuple[Instruction, ...]:
    """The instructions a prompt gives, in the order in which they stand there; () when it gives none."""
    return ()
