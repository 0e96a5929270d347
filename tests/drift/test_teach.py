"""The pictures and tables of docs/statistics.md are what the engine makes today."""

import pytest

from sim.teach.page import COMMAND, PAGE, ROOT, differs, filled, made


def test_the_committed_pictures_and_tables_are_the_engines() -> None:
    fresh = made((ROOT / PAGE).read_text())
    stale = [
        str(path)
        for path, text in fresh.items()
        if not (ROOT / path).is_file() or differs((ROOT / path).read_text(), text)
    ]
    assert not stale, f"{', '.join(stale)}: not what the engine makes; run `{COMMAND}` and commit"
    shown = (ROOT / PAGE).read_text()
    assert all(f"pictures/{path.name}" in shown for path in fresh if path.suffix == ".svg")


@pytest.mark.parametrize(
    ("committed", "fresh", "stale"),
    [
        ("votes 1,200 at 10.4", "votes 1,200 at 10.5", False),
        ("votes 1,200 at 10.4", "votes 1,300 at 10.4", True),
        ("+0.113 [-0.02]", "+0.114 [-0.02]", False),
        ("+0.113", "+0.213", True),
        ("at 03:20", "at 03:21", True),
        ("WITHIN 5", "BREACH 5", True),
        ("5 5", "5", True),
    ],
)
def test_a_hair_is_no_difference_and_anything_else_is(committed: str, fresh: str, stale: bool) -> None:
    assert differs(committed, fresh) is stale


def test_a_page_without_a_place_for_a_figure_is_refused() -> None:
    assert filled("x <!-- n -->1<!-- / --> y", {}, {"n": "2"}) == "x <!-- n -->2<!-- / --> y"
    with pytest.raises(ValueError, match=r"no place for 'm'; write <!-- m -->"):
        filled("x", {}, {"m": "2"})
