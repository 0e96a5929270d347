"""What is broken in a reply, and where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken structure."""

    note: str
    """What is broken, in a few words."""
    start: int = 0
    """Character of the reply from which it is broken."""
    end: int = -1
    """Where the broken piece ends; -1: the end of the reply."""

    def later(self, by: int) -> "Fault":
        """The same fault of a text in which `by` characters precede."""
        return Fault(self.note, self.start + by, self.end + by if self.end >= 0 else -1)
