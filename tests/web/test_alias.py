"""Slices of the same pairs are one line; slices that merely count the same are not."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from understudy.drift.verdict import State
from understudy.pair import Pair
from understudy.testing import a_pair
from understudy.web import Aliases

from tests.verdicts import LANE, OTHER, a_verdict


def sliced(number: int, **categories: str) -> Pair:
    return a_pair(f"{number}", categories=categories)


def test_a_category_that_is_the_task_too_is_shown_once_under_the_first_name() -> None:
    aliases = Aliases()
    for number in range(4):
        aliases.see(sliced(number, task="code", category="code", language="en"))
    aliases.see(sliced(9, task="math", category="sums", language="en"))
    names = ("all", "task=code", "category=code", "language=en", "task=math")
    verdicts = [a_verdict(slice=name) for name in names]
    lane = str(LANE)
    assert aliases.leaders(verdicts) == {
        (lane, "language=en"): "all",
        (lane, "task=code"): "category=code",
    }


def test_equal_figures_of_different_pairs_are_two_lines() -> None:
    aliases = Aliases()
    aliases.see(sliced(1, language="en"))
    aliases.see(sliced(2, language="es"))
    assert not aliases.leaders([a_verdict(slice="language=en"), a_verdict(slice="language=es")])


def test_a_verdict_of_its_own_makes_a_line_of_its_own() -> None:
    aliases = Aliases()
    aliases.see(sliced(1, task="code", category="code"))
    strict = a_verdict(slice="task=code", tau=0.01)
    assert not aliases.leaders([a_verdict(slice="category=code"), strict])
    both = [a_verdict(slice="category=code"), a_verdict(slice="task=code")]
    assert not aliases.leaders([*both, a_verdict(State.WITHIN, slice="task=code", metric="format")])
    assert aliases.leaders(both) and not aliases.leaders([both[0], replace(both[1], lane=OTHER)])


def test_slices_unknown_since_the_start_are_never_folded() -> None:
    assert not Aliases().leaders([a_verdict(slice="category=code"), a_verdict(slice="task=code")])


@given(st.permutations(range(6)), st.integers(0, 5))
def test_the_order_of_pairs_does_not_matter_and_one_pair_more_does(order: list[int], odd: int) -> None:
    aliases = Aliases()
    for number in order:
        aliases.see(sliced(number, task="code"))
    for number in range(6):
        aliases.see(sliced(number, category="code"))
    verdicts = [a_verdict(slice="category=code"), a_verdict(slice="task=code")]
    assert aliases.leaders(verdicts)
    aliases.see(sliced(odd, task="code"))
    assert not aliases.leaders(verdicts)
