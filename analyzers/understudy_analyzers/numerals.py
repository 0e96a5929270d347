"""Numbers in text: every number by value, and the one that is the answer.

Separators follow the number itself: "1,234.5", "1.234,5", "1 234,5" and "1'234" are read by which mark comes last and
how many digits follow it; a single mark with exactly three digits behind it is a thousands separator.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from decimal import Decimal, InvalidOperation

READ = 20_000
"""Characters of a text whose numbers are read, from its end: answers stand last."""
MOST = 400
"""Numbers compared per text."""

_NUMBER = re.compile(
    r"(?<![\w.,])[-\u2212+]?\d{1,3}(?:[,.\u00a0\u202f' ]\d{3}){1,8}(?:[.,]\d{1,12})?(?![\d])"
    r"|(?<![\w.,])[-\u2212+]?\d{1,40}(?:[.,]\d{1,20})?(?!\d)"
    r"|(?<![\w.,])[-\u2212+]?\.\d{1,20}(?!\d)"
)
_MARKER = re.compile(r"^ {0,4}(?:#{1,4} )?(?:\*\*)?\d{1,3}[.)](?=\s)", re.MULTILINE)
_HASHES = re.compile(r"####\s{0,8}([^\n]{1,60})")
_BOXED = re.compile(r"\\boxed\s{0,4}\{([^{}\n]{1,60})\}")
_IS = re.compile(
    r"(?:answer|total|result|respuesta|resultado|antwort|ergebnis|réponse|résultat|resposta|risposta|risultato)"
    r"(?:\*\*)?\s{0,4}(?:is|es|ist|est|é|è|:|=)(?:\*\*)?\s{0,4}(?:\*\*)?\\?\(?[$€£]?\s?([^\n]{1,60})|(?:^|\n)A: ?([^\n]{1,60})|"
    r"(?:答案|答え|정답|답|ответ)(?:是|は|은|:|：)?\s{0,4}([^\n]{1,60})",
    re.IGNORECASE,
)


def value(token: str) -> Decimal | None:
    """The value of one number as written in any of the usual locales."""
    text = (
        token.replace("\u2212", "-")
        .replace("\u00a0", "")
        .replace("\u202f", "")
        .replace(" ", "")
        .replace("'", "")
    )
    comma, point = text.rfind(","), text.rfind(".")
    if comma >= 0 and point >= 0:
        last, other = (",", ".") if comma > point else (".", ",")
        text = text.replace(other, "").replace(last, ".")
    elif comma >= 0 or point >= 0:
        mark = "," if comma >= 0 else "."
        tail = len(text) - text.rfind(mark) - 1
        grouped = text.count(mark) > 1 or (tail == 3 and text.lstrip("+-").split(mark)[0] not in ("", "0"))
        # "3.141" reads as thousands in half of the world; a point with three digits stays a decimal point.
        thousands = grouped and (mark == "," or text.count(mark) > 1)
        text = text.replace(mark, "") if thousands else text.replace(mark, ".")
    try:
        return Decimal(text).normalize() if text else None
    except InvalidOperation:
        return None


def numbers(text: str) -> list[Decimal]:
    """Every number of a text in order, list markers aside."""
    found: list[Decimal] = []
    for token in _NUMBER.finditer(_MARKER.sub(" ", text[-READ:])):
        if (one := value(token.group())) is not None:
            found.append(one)
    return found[-MOST:]


def stated(text: str) -> Decimal | None:
    """The answer that the text itself marks as such: four hashes, a LaTeX box, "answer is"."""
    tail = text[-READ:]
    for pattern in (_HASHES, _BOXED, _IS):
        for found in reversed(list(pattern.finditer(tail))):
            phrase = next(group for group in found.groups() if group is not None)
            if pattern is _IS and "=" in phrase:
                phrase = phrase.rsplit("=", 1)[1]
            if (values := numbers(phrase)) and phrase.strip():
                return values[0]
    return None


def final(text: str) -> Decimal | None:
    """The answer: the one marked as such, else the last number of the text."""
    if (marked := stated(text)) is not None:
        return marked
    found = numbers(text)
    return found[-1] if found else None
