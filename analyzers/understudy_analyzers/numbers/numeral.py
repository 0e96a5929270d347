"""Numerals: every number that a text writes in digits, by value and place.

Separators follow the number itself: "1,234.5", "1.234,5", "1 234,5", "1'234" and "1,00,000" are read by which
mark comes last and how many digits follow it. A comma with exactly three digits behind it parts thousands; a
point does so only in a text that writes decimal commas.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from understudy_analyzers.numbers.digits import fold

MOST = 4_000
"""Numerals read per text."""

_LETTER = "0-9A-Za-z_\u00c0-\u052f"
"""What a numeral never follows directly: "x2" and "H2O" name things. Scripts without spaces may touch it."""
_NUMBER = re.compile(
    # The first character is a plain set, which the engine skips to quickly; the look-behind comes after it.
    rf"[0-9](?<![{_LETTER}][0-9])(?:"
    r"[0-9]{0,2}([,.' ]|\{,\}|\\[,!;])[0-9]{3}(?:\1[0-9]{3}){0,9}(?:(?!\1)[.,][0-9]{1,40})?(?![.,]?[0-9])|"
    r"[0-9]?,[0-9]{2}(?:,[0-9]{2}){0,6},[0-9]{3}(?:\.[0-9]{1,40})?(?![.,]?[0-9])|"
    r"(?<![0-9][.,][0-9])[0-9]{0,999}[.,][0-9]{1,999}(?![.,]?[0-9])|"
    r"[0-9]{0,999}(?![0-9]))"
)
_DECIMALS = re.compile(r"([.,])(?:[0-9]{1,2}|[0-9]{4,999})$")
_POWER = re.compile(
    r"[eE]([-+]?[0-9]{1,3})(?![0-9A-Za-z])|"
    r" ?(?:[x×·*]|\\times|\\cdot) ?10(?:(?:\^|\*\*)\{?([-+]?[0-9]{1,3})(?![0-9])\}?|([⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3}))"
)
_RAISED = str.maketrans("⁻⁺⁰¹²³⁴⁵⁶⁷⁸⁹", "-+0123456789")
_SCALES = {
    3: r"thousand|k|mil|mille|tausend|тысяч\w{0,2}|тыс\.?|ألف|آلاف|हज़ार|हजार|千|천",
    4: "万|萬|만",
    5: "lakhs?|लाख",
    6: r"millions?|mill[oó]n(?:es)?|milh(?:ão|ões)|millionen|mio\.?|milion[ei]|миллион\w{0,2}|млн\.?|مليون|ملايين",
    7: "crores?|करोड़",
    8: "亿|億|억",
    9: r"billions?|bn|mil millones|bilh(?:ão|ões)|milliards?|milliarden?|mrd\.?|miliard[oi]|миллиард\w{0,2}|млрд\.?|مليار",
    12: "trillions?|兆|조",
}
_SCALE = re.compile(
    " ?(?:" + "|".join(f"(?P<e{e}>{words})" for e, words in sorted(_SCALES.items(), reverse=True)) + r")(?![A-Za-z_\u00c0-\u052f])",
    re.IGNORECASE,
)  # fmt: skip
_MARKER = re.compile(r"^[ \t]{0,8}(?:#{1,6} )?(?:\*\*)?([0-9]{1,3})[.)](?=(?:\*\*)?[ \t]+\S)", re.MULTILINE)
_CURRENCIES = "$€£¥₹₩₽"


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as written: its value with sign and scale, and the place of its digits and scale, [start, end)."""

    value: Decimal
    start: int
    end: int


def value(token: str, comma: bool = False) -> Decimal | None:
    """The value of one number as written in any of the usual locales.

    `comma` says that the text around it writes decimal commas, so that "1.234" is 1234.
    """
    text = re.sub(r"\{,\}|\\[,!;]", ",", fold(token)).replace(" ", "").replace("'", "")
    commas, points = text.count(","), text.count(".")
    if commas and points:
        last, other = (",", ".") if text.rfind(",") > text.rfind(".") else (".", ",")
        text = text.replace(other, "").replace(last, ".")
    elif commas or points:
        mark = "," if commas else "."
        lead, tail = text.lstrip("+-").split(mark)[0], len(text) - text.rfind(mark) - 1
        single = tail == 3 and lead not in ("", "0") and len(lead) <= 3
        # "3.141" reads as thousands in half of the world: alone, a point with three digits stays a decimal point.
        thousands = commas + points > 1 or (single and (mark == "," or comma))
        text = text.replace(mark, "" if thousands else ".")
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None


def numerals(text: str, comma: bool | None = None, most: int = MOST) -> list[Numeral]:
    """The numerals of a text in order, list markers aside; `comma` as in `value`, None: judged by the text."""
    folded = fold(text)
    markers = {found.start(1) for found in _MARKER.finditer(folded)}
    tokens: list[tuple[int, str]] = []
    for written in _NUMBER.finditer(folded):
        if written.start() not in markers:
            tokens.append((written.start(), written.group()))
            if len(tokens) == most:
                break
    if comma is None:
        comma = _commas(token for _, token in tokens)
    found: list[Numeral] = []
    for start, token in tokens:
        if found and start < found[-1].end:
            continue  # the 10 of 3e8 written out
        if (one := _made(folded, start, token, comma)) is None:
            continue
        if found and found[-1].end == start and folded[start - 1] in "万萬億亿만억兆조":
            # 1万2000 is one number in two parts.
            one = Numeral(found[-1].value + one.value, found.pop().start, one.end)
        found.append(one)
    return found


def _commas(tokens: Iterable[str]) -> bool:
    """True when the decimals of a text are written with commas: some are, and none with a point."""
    ends = (_DECIMALS.search(token) for token in tokens if "," in token or "." in token)
    return {end.group(1) for end in ends if end is not None} == {","}


def _made(text: str, start: int, token: str, comma: bool) -> Numeral | None:
    end = start + len(token)
    # Who writes the sign behind the number writes a comma in it.
    comma = comma or text[end : end + 2].lstrip(" ")[:1] == "€"
    number = Decimal(token) if token.isdigit() else value(token, comma)
    if number is None:
        return None
    if start and text[start - 1] == "." and not (start > 1 and text[start - 2].isalnum()):
        start, number = start - 1, number.scaleb(-len(token))
    # Scientific notation or a word for the scale: seldom there, so the next character is asked first.
    if text[end : end + 1] not in ("", ".", ",", ")", "\n"):
        if (power := _POWER.match(text, end)) is not None:
            raised = power.group(1) or power.group(2) or power.group(3).translate(_RAISED)
            end, number = power.end(), number.scaleb(int(raised))
        elif text[end : end + 2].lstrip(" ")[:1].isalpha() and (scale := _SCALE.match(text, end)) is not None:
            end, number = scale.end(), number.scaleb(int((scale.lastgroup or "e0")[1:]))
    return Numeral(number.copy_negate() if _negative(text, start) else number, start, end)


def _negative(text: str, start: int) -> bool:
    """A minus stands before it, a currency between them perhaps, and before that nothing to subtract from."""
    if not start or text[start - 1] not in "-" + _CURRENCIES:
        return False
    before = text[max(0, start - 4) : start].rstrip(_CURRENCIES)
    return before.endswith("-") and before[-2:-1].rstrip(_CURRENCIES + " (=:*[{,\n\t/") == ""
