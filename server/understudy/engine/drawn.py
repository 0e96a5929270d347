"""What a family of the corpus draws."""

import random
from collections.abc import Callable
from typing import NamedTuple


class Drawn(NamedTuple):
    """One instruction and its right reply, before it has an id."""

    language: str
    prompt: str
    reply: str
    expects: str
    """text | number | json | list | choice | code | refusal | answer: how a reply is checked."""


Family = Callable[[random.Random], Drawn]
Text4 = tuple[str, str, str, str]
