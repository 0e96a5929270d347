"""Intersections of two slices: how they are spelt, and which rows of a tick belong to them.

`language=de&task=math` holds the pairs that are in both slices. Nobody casts votes for it: a pair's rows in the two
slices say by themselves that it is in both, so files of votes need not hold what follows from them.
"""

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

JOIN = "&"
CATEGORIES = 16
"""Slices of one pair that are looked at together: a file with thousands of them must not cost their square."""


def categorizer(slice_: str) -> str:
    """Whose slice it is: the name before `=`; empty for `all`, `other` and for what is an intersection already."""
    name, equals, value = slice_.partition("=")
    return name if equals and value and JOIN not in slice_ else ""


def joined(one: str, other: str) -> str:
    """The intersection of two slices, in the one way it is spelt."""
    return JOIN.join(sorted((one, other)))


def parts(slice_: str) -> tuple[str, str] | None:
    """The two slices of an intersection; None of any other slice."""
    one, both, other = slice_.partition(JOIN)
    if not both or not one < other:
        return None
    first, second = categorizer(one), categorizer(other)
    return (one, other) if first and second and first != second else None


def meetings(group: Hashes, kind: Whole, order: Whole) -> tuple[Whole, Whole]:
    """Positions of rows that meet: equal in `group`, different in `kind`, neither of kind 0; each two rows once.

    `order` (all different within a group) decides which meet where a group has more than CATEGORIES rows.
    """
    chosen = np.flatnonzero(kind)
    sorted_ = chosen[np.argsort(group[chosen])]
    g = group[sorted_]
    if (g[CATEGORIES:] == g[:-CATEGORIES]).any():
        sorted_ = chosen[np.lexsort((order[chosen], group[chosen]))]
    chosen, k = sorted_, kind[sorted_]
    left, right = [chosen[:0]], [chosen[:0]]
    for step in range(1, min(CATEGORIES, len(g))):
        same = g[step:] == g[:-step]
        if not same.any():
            break
        at = np.flatnonzero(same & (k[step:] != k[:-step]))
        left.append(chosen[at])
        right.append(chosen[at + step])
    return np.concatenate(left), np.concatenate(right)
