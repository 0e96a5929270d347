"""What a section of `make eval` finds: figures, each with its interval and perhaps a target."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.stats import Estimate, Limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one analyzer."""

    name: str
    """`refusal rows: balanced accuracy`: what was measured, then how."""
    found: Estimate | None
    """Value and 95 % interval over prompts; `rounds` is the number of cases. None where it could not be measured."""
    target: float | None = None
    """None: told, held against nothing."""
    limit: Limit = Limit.LEAST
    by: Mapping[str, float] = field(default_factory=dict)
    """The same figure by model, type or language."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the value itself is on the good side; None without a target or a value."""
        if self.target is None or self.found is None:
            return None
        value = self.found.value
        return value >= self.target if self.limit is Limit.LEAST else value <= self.target


@dataclass(frozen=True, slots=True)
class Section:
    """Everything measured of one analyzer."""

    name: str
    figures: tuple[Figure, ...]
    wrong: tuple[str, ...] = ()
    """Ids of cases that were judged wrongly, with what was said and what is true; no text of theirs."""
