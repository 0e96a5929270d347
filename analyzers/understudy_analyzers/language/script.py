"""Which scripts a text is written in: one look into a table for each character."""

# ruff: noqa: E501 - a table reads better unbroken

import numpy as np
import numpy.typing as npt

NAMES = (
    "", "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "bengali", "gurmukhi", "gujarati", "tamil",
    "telugu", "kannada", "malayalam", "sinhala", "thai", "lao", "georgian", "armenian", "ethiopic", "khmer", "han",
    "kana", "hangul",
)  # fmt: skip
"""Scripts by number; 0 is whatever is no letter of any of them."""

_RANGES: tuple[tuple[int, int, str], ...] = (
    (0x41, 0x5A, "latin"), (0x61, 0x7A, "latin"), (0xAA, 0xAA, "latin"), (0xBA, 0xBA, "latin"),
    (0xC0, 0xD6, "latin"), (0xD8, 0xF6, "latin"), (0xF8, 0x24F, "latin"), (0x1E00, 0x1EFF, "latin"),
    (0x370, 0x3FF, "greek"), (0x1F00, 0x1FFF, "greek"), (0x400, 0x52F, "cyrillic"), (0x531, 0x587, "armenian"),
    (0x5D0, 0x5EA, "hebrew"), (0x620, 0x65F, "arabic"), (0x66E, 0x6D3, "arabic"), (0x6D5, 0x6EF, "arabic"),
    (0x6FA, 0x6FF, "arabic"), (0x750, 0x77F, "arabic"), (0xFB50, 0xFDFF, "arabic"), (0xFE70, 0xFEFC, "arabic"),
    (0x900, 0x963, "devanagari"), (0x970, 0x97F, "devanagari"), (0x980, 0x9E3, "bengali"), (0xA01, 0xA75, "gurmukhi"),
    (0xA81, 0xAFF, "gujarati"), (0xB82, 0xBD7, "tamil"), (0xC00, 0xC63, "telugu"), (0xC80, 0xCE3, "kannada"),
    (0xD00, 0xD63, "malayalam"), (0xD80, 0xDF4, "sinhala"), (0xE01, 0xE4E, "thai"), (0xE81, 0xECF, "lao"),
    (0x10A0, 0x10FF, "georgian"), (0x1200, 0x137F, "ethiopic"), (0x1780, 0x17D3, "khmer"), (0x1100, 0x11FF, "hangul"),
    (0x3131, 0x318E, "hangul"), (0xAC00, 0xD7A3, "hangul"), (0x3041, 0x30FF, "kana"), (0x31F0, 0x31FF, "kana"),
    (0xFF66, 0xFF9F, "kana"), (0x3400, 0x4DBF, "han"), (0x4E00, 0x9FFF, "han"), (0xF900, 0xFAFF, "han"), (0x3005, 0x3007, "han"),
)  # fmt: skip
_TABLE = np.zeros(0x10000, dtype=np.uint8)
for _first, _last, _name in _RANGES:
    _TABLE[_first : _last + 1] = NAMES.index(_name)
_TABLE[0x30FB] = 0  # the middle dot stands between words of any script

WEIGHT = np.array([0] + [3 if name in ("han", "kana", "hangul") else 1 for name in NAMES[1:]])
"""How many letters of an alphabet one of this script says as much as."""
LATIN = NAMES.index("latin")


def codes(text: str) -> npt.NDArray[np.uint32]:
    """The code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def scripts(text: str) -> npt.NDArray[np.uint8]:
    """The script, by number, of each character."""
    found: npt.NDArray[np.uint8] = _TABLE[np.minimum(codes(text), 0xFFFF)]
    return found


def letters(text: str) -> dict[str, int]:
    """Letters of each script that occurs, weighted, most first."""
    if text.isascii():
        count = sum(map(str.isalpha, text))
        return {"latin": count} if count else {}
    weighed = np.bincount(scripts(text), minlength=len(NAMES)) * WEIGHT
    order = np.argsort(-weighed, kind="stable")
    return {NAMES[at]: int(weighed[at]) for at in order if weighed[at]}
