"""docs/statistics.md with its tables filled in, and the pictures it shows."""

import re
from collections.abc import Mapping
from pathlib import Path

from understudy.drift.tolerance import Tier

from sim.teach import incident, looking, speed

ROOT = Path(__file__).parents[2]
PAGE = Path("docs/statistics.md")
PICTURES = Path("docs/pictures")
COMMAND = "python -m sim.teach"
_NUMBER = re.compile(r"-?\d[\d,]*\.?\d*|-?\.\d+")


def made(page: str) -> dict[Path, str]:
    """Every file the command writes, by its path below the root; `page` is the page as it stands."""
    night = incident.night()
    looked, shares = looking.drawn()
    dots = speed.points()
    least, most = speed.ratios(dots)
    whole, paged, sure = night.whole, night.first(Tier.PAGE), night.first(Tier.ROLLBACK)
    said = {
        "certified": incident.clock(night.hour(night.certified)),
        "paged": incident.clock(night.hour(paged)),
        "minutes to page": f"{60 * (night.hour(paged) - incident.CHANGED):.0f}",
        "sure": incident.clock(night.hour(sure)),
        "cleared": incident.clock(night.hour(night.cleared)),
        "recent": f"{paged.verdict.recent:+.2f}",
        "diluted": f"{paged.verdict.effect:+.3f}",
        "whole": f"{whole.effect:+.3f} [{whole.low:+.3f}, {whole.high:+.3f}]",
        "whole state": str(whole.state),
        "repeated": f"{100 * shares['repeated']:.0f} %",
        "once": f"{100 * shares['once']:.1f} %",
        "engine": f"{100 * shares['engine']:.1f} %",
        "ratios": f"{least:.2f} to {most:.2f}",
    }
    blocks = {
        "night": incident.log(night),
        "breaches": speed.breaches(),
        "prices": speed.prices(),
        "certificates": speed.certificates(),
    }
    return {
        PAGE: filled(page, blocks, said),
        PICTURES / "evidence.svg": incident.evidence(night),
        PICTURES / "effect.svg": incident.effect(night),
        PICTURES / "certificate.svg": incident.certificate(night),
        PICTURES / "looking.svg": looked,
        PICTURES / "votes.svg": speed.drawn(dots),
    }


def filled(page: str, blocks: Mapping[str, list[str]], said: Mapping[str, str]) -> str:
    """Put tables between `<!-- table NAME -->` and `<!-- end -->`, and figures into `<!-- NAME -->...<!-- /-->`."""
    for name, lines in blocks.items():
        table = "".join(f"{line}\n" for line in lines)
        page = _put(page, rf"(<!-- table {name} -->\n).*?(<!-- end -->)", table, f"table {name}")
    for name, text in said.items():
        page = _put(page, rf"(<!-- {name} -->).*?(<!-- / -->)", text, name)
    return page


def _put(page: str, pattern: str, text: str, name: str) -> str:
    found, count = re.subn(pattern, lambda m: m[1] + text + m[2], page, flags=re.DOTALL)
    if not count:
        raise ValueError(f"{PAGE}: has no place for {name!r}; write <!-- {name} --> where it belongs")
    return found


def differs(committed: str, fresh: str) -> bool:
    """Whether two texts say different things: other words, or numbers more than a hair apart.

    The last digit of a logarithm may differ between processors: a coordinate then moves by a tenth of a pixel.
    """
    if _NUMBER.sub("0", committed) != _NUMBER.sub("0", fresh):
        return True
    pairs = zip(_NUMBER.findall(committed), _NUMBER.findall(fresh), strict=True)
    return any(_apart(one.replace(",", ""), other.replace(",", "")) for one, other in pairs)


def _apart(one: str, other: str) -> bool:
    hair = 1.5 * 10.0 ** -len(one.partition(".")[2]) if "." in one else 0.01 * abs(float(one))
    return abs(float(one) - float(other)) > hair
