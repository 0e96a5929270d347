"""Multiple choice: which option a reply takes, said by letter, by letter and text, or by the option's text alone."""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
from collections.abc import Mapping

from understudy_analyzers.agreement.form import normal
from understudy_analyzers.numbers.latex import boxed, plain

READ = 600
"""Characters read from each end of a reply."""

_OPTION = re.compile(
    r"(?:^|[\s(])\(?([A-J])[).:]\)?[ \t]{1,4}([^\n]{1,240}?)(?=[\s,;]{1,4}\(?[A-J][).:]\)?[ \t]|\n|$)"
)
_LETTER = r"\(?([A-J])(?![A-Za-z\u00c0-\u052f'\u2019])"
_ALONE = re.compile(
    r"^[\W_]{0,8}(?:option |choice |answer:? ?)?[\W_]{0,6}([A-Ja-j])[\W_]{0,8}$", re.IGNORECASE
)
_FIRST = re.compile(
    r"^[\s*_#>]{0,8}(?:option |choice )?(?:\(([A-J])\)|([A-J])(?:[).:](?!\w)|[*_]{1,3}[).:\s]|[ \t]{0,2}(?:\n|$)|(?= [-–—] )))"
)
_IS = r"[^\n.!?。]{0,60}?(?:\b(?:is|be|was|es|sería|est|ist|lautet|é|è)\b|[:=—–>]|是|为|為|は|은|는|هي|هو)"
_SAID = re.compile(
    # An option is mentioned more often than it is taken: it has to be said which one it is.
    rf"(?:(?:answer|respuesta|réponse|antwort|lösung|resposta|risposta|ответ|答案|答え|正解|정답|답|الإجابة|الجواب|उत्तर)(?:{_IS})?|"
    rf"(?:option|choice|opción|opção|alternativa|opzione|вариант|选项|選択肢|विकल्प){_IS})"
    r"[\s*_:>$({\\\[「“\"']{0,10}(?:\b(?:option|choice|opción|opção|opzione|letter|letra|lettre|the|la|die|a|o)\b ?){0,2}"
    r"[\s*_(\"'“「]{0,4}" + _LETTER,
    re.IGNORECASE,
)
_PICKED = re.compile(
    rf"\b(?:choose|select|pick|go with|elijo|escolho|scelgo|wähle)\s(?:option |answer )?[*(]{{0,3}}{_LETTER}",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    rf"(?:\b(?:therefore|thus|so|hence|it['\u2019]?s|it is)[,:]?\s[*(]{{0,3}}{_LETTER}[).*]{{0,4}}\s*$|"
    rf"\b{_LETTER}[)*]{{0,3}} is (?:the )?(?:correct|right|best)\b)",
    re.IGNORECASE,
)


def options(prompt: str) -> dict[str, str]:
    """The options of a prompt, letter to text; empty unless they run from A at least to B."""
    found: dict[str, str] = {}
    for one in _OPTION.finditer(prompt[-6_000:]):
        letter, text = one.group(1), one.group(2).strip()
        if letter == "A":
            found = {}
        if letter == chr(ord("A") + len(found)):
            found[letter] = text
    return found if len(found) >= 2 else {}


def chosen(text: str, offered: Mapping[str, str]) -> str | None:
    """The letter of the option that a reply takes; None when it takes none, or more than one way to read it is left."""
    whole = text.strip()
    if (place := boxed(text[-4_000:])) is not None:
        whole = plain(text[-4_000:][slice(*place)]).strip()
    if (alone := _ALONE.match(whole[:40])) is not None and len(whole) <= 40:
        return alone.group(1).upper()
    head, tail = whole[:READ], whole[-READ:]
    for part in (tail, head):
        said = [one for pattern in (_CLOSING, _SAID, _PICKED) for one in pattern.finditer(part)]
        # Without case "a" is a word; what is said last counts, since options are ruled out before one is taken.
        letters = [(one.end(), letter) for one in said if (letter := one.group(one.lastindex or 1)).isupper()]
        if letters:
            return max(letters)[1]
    if (first := _FIRST.match(head)) is not None:
        return first.group(1) or first.group(2)
    return _by_text(whole, offered)


def _by_text(whole: str, offered: Mapping[str, str]) -> str | None:
    """The option whose text the reply is, or the only one whose text it holds."""
    said = f" {normal(whole[:READ])} "
    texts = {letter: normal(text) for letter, text in offered.items()}
    held = [letter for letter, text in texts.items() if text and f" {text} " in said]
    exact = [letter for letter in held if texts[letter] == said.strip()]
    if len(exact) == 1:
        return exact[0]
    # An option within another one ("red" and "dark red") is the longer one.
    longest = [one for one in held if not any(one != other and texts[one] in texts[other] for other in held)]
    return longest[0] if len(longest) == 1 else None
