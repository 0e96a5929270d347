"""Whole numbers from 0 to 999 in words, in English, Spanish, German and French."""

from functools import cache

_EN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_EN_TENS = ". . twenty thirty forty fifty sixty seventy eighty ninety".split()
_ES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve"
).split()
_ES_TENS = ". . . treinta cuarenta cincuenta sesenta setenta ochenta noventa".split()
_ES_HUNDREDS = (
    ". ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"
).split()
_DE = (
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn "
    "siebzehn achtzehn neunzehn"
).split()
_DE_TENS = ". . zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig".split()
_FR = (
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf"
).split()
_FR_TENS = ". . vingt trente quarante cinquante soixante".split()


def _en(n: int) -> str:
    if n < 20:
        return _EN[n]
    if n < 100:
        return _EN_TENS[n // 10] + (f"-{_EN[n % 10]}" if n % 10 else "")
    return f"{_EN[n // 100]} hundred" + (f" {_en(n % 100)}" if n % 100 else "")


def _es(n: int) -> str:
    if n < 30:
        return _ES[n]
    if n < 100:
        return _ES_TENS[n // 10] + (f" y {_ES[n % 10]}" if n % 10 else "")
    if n == 100:
        return "cien"
    return _ES_HUNDREDS[n // 100] + (f" {_es(n % 100)}" if n % 100 else "")


def _de(n: int) -> str:
    if n < 20:
        return _DE[n]
    if n < 100:
        unit = "ein" if n % 10 == 1 else _DE[n % 10]
        return (f"{unit}und" if n % 10 else "") + _DE_TENS[n // 10]
    head = "ein" if n // 100 == 1 else _DE[n // 100]
    return f"{head}hundert" + (_de(n % 100) if n % 100 else "")


def _fr(n: int) -> str:
    if n < 20:
        return _FR[n]
    if n < 70:
        unit = n % 10
        return _FR_TENS[n // 10] + ("" if not unit else " et un" if unit == 1 else f"-{_FR[unit]}")
    if n < 80:
        return "soixante" + (" et onze" if n == 71 else f"-{_FR[n - 60]}")
    if n < 100:
        return "quatre-vingt" + ("s" if n == 80 else f"-{_FR[n - 80]}")
    head = "cent" if n // 100 == 1 else f"{_FR[n // 100]} cent"
    if not n % 100:
        return head + ("s" if n > 100 else "")
    return f"{head} {_fr(n % 100)}"


@cache
def spell(n: int, language: str) -> str:
    """The number 0 <= n <= 999 in words; language is en, es, de or fr."""
    if not 0 <= n <= 999:
        raise ValueError(f"{n} is outside 0..999")
    return {"en": _en, "es": _es, "de": _de, "fr": _fr}[language](n)
