"""Digits and marks of every script as ASCII, one character for one, so that places stay true."""

# ruff: noqa: RUF001 - the letters are meant

_ZEROS = (
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0,
    0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6,
)  # fmt: skip
"""Where Unicode's runs of ten decimal digits begin: Arabic-Indic, Devanagari, Bengali, Thai, full width and so on."""

_MARKS = {
    "\u066b": ".", "\u066c": ",", "，": ",", "．": ".", "\u2212": "-", "－": "-", "﹣": "-", "＋": "+",
    "％": "%", "٪": "%", "＄": "$", "￥": "¥", "￡": "£", "＝": "=", "：": ":", "／": "/", "＊": "*", "\u2019": "'",
    "\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ",
}  # fmt: skip

_ASCII = {zero + n: str(n) for zero in _ZEROS for n in range(10)} | {ord(a): b for a, b in _MARKS.items()}


def fold(text: str) -> str:
    """The same text with ASCII digits, separators and signs; as long as before."""
    return text if text.isascii() else text.translate(_ASCII)
