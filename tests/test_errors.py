"""What an outside name may do to a terminal: nothing."""

import pytest
from understudy.errors import NAME, shown


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("language=de&task=Größe", "language=de&task=Größe"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\0b\nc\td\x7f", r"a\x00b\x0ac\x09d\x7f"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("a\u2028b\ufeff\U000e0041", r"a\u2028b\ufeff\U000e0041"),
        ("\udcff", r"\udcff"),  # of a file name that is no UTF-8
    ],
)
def test_what_a_terminal_obeys_is_spelt_out_and_letters_stay(name: str, said: str) -> None:
    assert shown(name) == said


def test_a_name_without_end_is_cut() -> None:
    assert shown("x" * NAME) == "x" * NAME
    assert shown("x" * 10**6) == "x" * NAME + "..."
