"""Which slices a request belongs to: each categorizer gives a request at most one value.

The drift engine sees a slice `<name>=<value>` for every value, beside `all`. Values are few and stable: a
categorizer that invents them without bound would starve every slice of evidence.
"""

from typing import Final, Protocol, runtime_checkable

from understudy.pair import Category, Request

LOAD: Final = "load"
"""The name that the observer itself gives a value: how many calls were open when a windowed pair was asked."""


@runtime_checkable
class Categorizer(Protocol):
    """Gives requests a value. Deterministic, no I/O after construction, at most 300 us per request."""

    name: str
    # One whose values are learnt may have a `version: str`; another version is a new lane of evidence.

    def categorize(self, request: Request) -> Category | None:
        """The request's category; None when this categorizer has nothing to say about it."""
        ...
