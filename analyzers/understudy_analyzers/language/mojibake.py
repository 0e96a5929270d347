"""Mojibake: text that was decoded with another encoding than it was encoded in, once or several times.

UTF-8 read as Latin-1 or Windows-1252 leaves lead bytes (C2..F4) followed by continuation bytes (80..BF), each
shown as a character of that code page. Where such a sequence decodes again, it was one character. Sequences that
occur in sound text (a capital with a closing quotation mark) are told by number and neighbourhood: mojibake
hits every letter beyond ASCII, so that it comes often, and in words of other scripts in unbroken rows.
"""

# ruff: noqa: E501, RUF001 - patterns read better unbroken, and their letters are meant

import re

_C = "[\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178]"
"""A continuation byte as Latin-1 and Windows-1252 show it."""
_R = "[\u0400-\u040f\u0450-\u045f\u0490\u0491\u00a0-\u00bb\u2013-\u203a\u20ac\u2116\u2122А-я]"
"""A continuation byte as Windows-1251 shows it."""

_SINGLE = re.compile(
    rf"Ã{_C}|Â[\u0080-\u00bf]|[ÄÅ][\u0080-\u009f\u00a1-\u00aa\u00ac-\u00ba\u00bc-\u00bf\u2020-\u2022\u20ac\u201a\u201e\u0192\u2021\u2030]|"
    rf"â€{_C}?|ï¿½|ðŸ{_C}{{1,2}}|"
    r"√[©®†°±ºß∂§∫ª≥≠]|‚Ä[ôúùìîò¶¢]|"  # read as Mac Roman
    r"锟斤拷|[a-z][茅脿猫莽眉枚盲帽贸铆谩锚么卯没][a-z ]|鈥[\u4e00-\u9fff\ue000-\uf8ff?]|烫烫|"  # read as GBK
    r"[縺繧][\u0080-\uffff]"  # read as Shift JIS
)
_ROW = re.compile(
    rf"(?:[ÐÑ]{_C}[ ,.]?){{3,}}|(?:[ÎÏ]{_C}[ ,.]?){{3,}}|(?:[ØÙÚÛ]{_C}[ ,.]?){{3,}}|(?:×{_C}[ ,.]?){{3,}}|"
    rf"(?:[\u00e0-\u00ef]{_C}{{2}}){{2,}}|(?:[РС]{_R}){{4,}}"
)


def mojibake(text: str) -> tuple[int, str] | None:
    """(where the first of it is, what it looks like); None when a text is sound."""
    if text.isascii():
        return None
    if (row := _ROW.search(text)) is not None:
        return row.start(), row.group()[:24]
    hits = list(_SINGLE.finditer(text[:50_000]))
    # One sequence may be meant; a short text has no room for more.
    if len(hits) >= 2 or (hits and len(text) < 200):
        return hits[0].start(), hits[0].group()
    return None
