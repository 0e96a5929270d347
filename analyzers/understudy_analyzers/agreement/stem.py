"""Stems: an inflected word as what its other forms share, by stripping suffixes (English; other words stay).

Rules of our own, coarse on purpose: they need not give words, only bring forms of one word together.
"""

from functools import lru_cache

# ruff: noqa: E501 - word lists read better unbroken

_IRREGULAR = {
    form: base
    for base, forms in {
        "man": "men", "woman": "women", "child": "children kids kid", "person": "people persons", "foot": "feet", "tooth": "teeth",
        "mouse": "mice", "life": "lives", "wife": "wives", "leaf": "leaves", "be": "is are was were been being am", "have": "has had having",
        "do": "does did done doing", "go": "goes went gone", "use": "uses used using", "say": "says said", "sit": "sat sits", "stand": "stood stands",
        "run": "ran runs", "make": "made", "take": "took taken", "give": "gave given", "get": "got gotten", "hold": "held", "tell": "told",
        "see": "saw seen", "know": "knew known", "think": "thought", "find": "found", "leave": "left", "win": "won", "lose": "lost",
        "buy": "bought", "sell": "sold", "pay": "paid", "fall": "fell fallen", "rise": "rose risen", "grow": "grew grown", "write": "wrote written",
        "speak": "spoke spoken", "break": "broke broken", "choose": "chose chosen", "drive": "drove driven", "eat": "ate eaten", "begin": "began begun",
        "shoot": "shot", "ride": "rode ridden", "wear": "wore worn", "throw": "threw thrown", "keep": "kept", "meet": "met", "fly": "flew flown",
        "come": "came", "become": "became", "build": "built", "send": "sent", "spend": "spent", "good": "better best", "bad": "worse worst",
        "many": "more most", "catch": "caught", "teach": "taught", "bring": "brought", "feel": "felt", "swim": "swam swum", "drink": "drank drunk",
    }.items()
    for form in forms.split()
}  # fmt: skip
_DERIVED = (
    "ization",
    "isation",
    "iveness",
    "fulness",
    "ement",
    "ness",
    "ment",
    "able",
    "ible",
    "ally",
    "ful",
    "ly",
    "al",
    "ive",
)
_VOWELS = frozenset("aeiouy")


@lru_cache(maxsize=1 << 15)
def stem(word: str) -> str:
    """The stem of a lower-case word."""
    if len(word) <= 3 or not word.isascii() or not word.isalpha():
        return _IRREGULAR.get(word, word)
    if (base := _IRREGULAR.get(word)) is not None:
        word = base
    word = _uninflected(word)
    for ending in _DERIVED:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    if word.endswith(("tion", "sion")) and len(word) >= 7:
        word = word[:-3]
    if len(word) > 4 and word[-1] == "e":
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word[-1] == "y" and word[-2] not in _VOWELS else word


def _uninflected(word: str) -> str:
    """Without the endings of plural and tense."""
    if word.endswith(("ies", "ied")) and len(word) > 4:
        return word[:-3] + "y"
    if word[-1] == "s" and not word.endswith(("ss", "us", "is")):
        word = word[:-2] if word.endswith(("sses", "shes", "ches", "xes", "zes")) else word[:-1]
    for ending in ("ing", "ed"):
        root = word[: -len(ending)]
        if word.endswith(ending) and len(root) >= 3 and not _VOWELS.isdisjoint(root):
            if root[-1] == root[-2] and root[-1] not in "lsz":
                return root[:-1]
            # "making" is of "make", "eating" of "eat".
            short = (
                len(root) == 3 and root[1] in _VOWELS and root[0] not in _VOWELS and root[2] not in "aeiouywx"
            )
            return root + "e" if short else root
    return word
