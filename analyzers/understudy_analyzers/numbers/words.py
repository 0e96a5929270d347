"""Number words: "forty-two", "einundzwanzig", "quatre-vingt-dix", "二十一" as values.

Read only where a number is expected, and in the language that expects it: "once" is eleven in Spanish alone.
"""

# ruff: noqa: E501, RUF001 - word lists read better unbroken, and their letters are meant

import re
import unicodedata
from decimal import Decimal

_UNITS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn",
    "pt": "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete dezoito dezenove",
    "it": "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove",
    "ru": "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать",
    "zh": "零 一 二 三 四 五 六 七 八 九",
    "ko": "영 일 이 삼 사 오 육 칠 팔 구",
    "hi": "शून्य एक दो तीन चार पाँच छह सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस बीस",
    "ar": "صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة",
}
"""The words from 0 on, in order."""

_TENS = {
    "en": "twenty thirty forty fifty sixty seventy eighty ninety",
    "es": "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
    "fr": "vingt trente quarante cinquante soixante septante huitante nonante",
    "de": "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "pt": "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa",
    "it": "venti trenta quaranta cinquanta sessanta settanta ottanta novanta",
    "ru": "двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто",
}
"""The words for 20, 30 ... 90."""

_MORE = {
    "en": {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "dozen": 12, "a": 1},
    "es": {"un": 1, "una": 1, "cien": 100, "ciento": 100, "doscientos": 200, "trescientos": 300, "cuatrocientos": 400, "quinientos": 500, "seiscientos": 600, "setecientos": 700, "ochocientos": 800, "novecientos": 900, "mil": 1000, "millón": 10**6, "millones": 10**6},
    "fr": {"une": 1, "vingts": 20, "cent": 100, "cents": 100, "mille": 1000, "million": 10**6, "millions": 10**6},
    "de": {"ein": 1, "eine": 1, "zwo": 2, "dreissig": 30, "hundert": 100, "tausend": 1000, "million": 10**6, "millionen": 10**6},
    "pt": {"uma": 1, "duas": 2, "dezasseis": 16, "dezassete": 17, "dezanove": 19, "cem": 100, "cento": 100, "duzentos": 200, "trezentos": 300, "quatrocentos": 400, "quinhentos": 500, "seiscentos": 600, "setecentos": 700, "oitocentos": 800, "novecentos": 900, "mil": 1000, "milhão": 10**6, "milhões": 10**6},
    "it": {"un": 1, "una": 1, "vent": 20, "trent": 30, "quarant": 40, "cinquant": 50, "sessant": 60, "settant": 70, "ottant": 80, "novant": 90, "cento": 100, "mille": 1000, "mila": 1000, "milione": 10**6, "milioni": 10**6},
    "ru": {"одна": 1, "две": 2, "сто": 100, "двести": 200, "триста": 300, "четыреста": 400, "пятьсот": 500, "шестьсот": 600, "семьсот": 700, "восемьсот": 800, "девятьсот": 900, "тысяча": 1000, "тысячи": 1000, "тысяч": 1000},
    "zh": {"两": 2, "兩": 2, "〇": 0, "十": 10, "百": 100, "千": 1000, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8},
    "ko": {"하나": 1, "둘": 2, "셋": 3, "넷": 4, "다섯": 5, "여섯": 6, "일곱": 7, "여덟": 8, "아홉": 9, "열": 10, "십": 10, "백": 100, "천": 1000, "만": 10**4},
    "hi": {"पांच": 5, "छः": 6, "तीस": 30, "चालीस": 40, "पचास": 50, "सौ": 100, "हज़ार": 1000, "हजार": 1000},
    "ar": {"عشرون": 20, "عشرين": 20, "ثلاثون": 30, "أربعون": 40, "خمسون": 50, "ستون": 60, "سبعون": 70, "ثمانون": 80, "تسعون": 90, "مئة": 100, "مائة": 100, "ألف": 1000},
}  # fmt: skip
_JOINED = {"en": "and", "es": "y", "fr": "et", "de": "und", "pt": "e", "it": "e"}
_GLUED = frozenset(("de", "it", "ko"))
"""Languages that write a number as one word."""
_MULTIPLY = frozenset((100, 1000, 10**4, 10**6, 10**8, 10**9))


def _plain(word: str) -> str:
    return unicodedata.normalize("NFC", word)


def _table(language: str) -> dict[str, int]:
    words = {word: n for n, word in enumerate(_UNITS[language].split())}
    words |= {word: 20 + 10 * n for n, word in enumerate(_TENS.get(language, "").split())}
    return {_plain(word): n for word, n in (words | _MORE[language]).items()}


_TABLES = {language: _table(language) for language in _UNITS}
_TABLES["ja"] = _TABLES["zh"]
_WORD = re.compile(r"[^\W\d_]{1,60}(?:[\u0900-\u0963\u0300-\u036f][^\W\d_]{0,20}){0,8}")
_HAN = re.compile("(?!一(?![" + "".join(_TABLES["zh"]) + "]))[" + "".join(_TABLES["zh"]) + "]{1,24}")
READ = 200
"""Characters of a phrase that are read."""


def spoken(phrase: str, language: str) -> Decimal | None:
    """The first number that a phrase writes in words of a language; None when it writes none.

    A lone article is no number: "a day" is no 1.
    """
    if (table := _TABLES.get(language)) is None:
        return None
    if language in ("zh", "ja"):
        # Nothing parts the words there, and a lone 一 is an article.
        characters = _HAN.search(phrase[:READ])
        return (
            None
            if characters is None
            else Decimal(_sum([table[one] for one in characters.group()], language))
        )
    run: list[int] = []
    articles = True
    for found in _WORD.finditer(_plain(phrase[:READ]).casefold().replace("dreissig", "dreißig")):
        word = found.group()
        if (pieces := _pieces(word, table, language)) is not None:
            run += pieces
            articles &= word in ("a", "un", "una", "une", "um", "uma", "ein", "eine", "один", "одна")
        elif run and word == _JOINED.get(language):
            continue
        elif run and not articles:
            break
        else:
            run, articles = [], True
    return None if not run or articles else Decimal(_sum(run, language))


def _pieces(word: str, table: dict[str, int], language: str) -> list[int] | None:
    """The numbers that a word is made of, longest first; None when it is no number word."""
    if word in table:
        return [table[word]]
    if language not in _GLUED:
        return None
    joined, pieces, at = _JOINED.get(language, ""), [], 0
    while at < len(word):
        end = next((end for end in range(min(len(word), at + 14), at, -1) if word[at:end] in table), None)
        if end is not None:
            pieces.append(table[word[at:end]])
            at = end
        elif joined and pieces and word.startswith(joined, at):
            at += len(joined)
        elif language in ("zh", "ja", "ko") and pieces:
            break  # a counter follows: 二十个
        else:
            return None
    return pieces


def _sum(run: list[int], language: str) -> int:
    """Hundreds multiply what stands before them in their group, thousands the group."""
    total = group = last = 0
    tens = language in ("zh", "ja", "ko")
    for n in run:
        if n == 12 and last and language == "en" and len(run) == 2:
            last *= n  # two dozen
        elif n >= 10**4 or (n == 1000 and not tens):
            total, group, last = total + max(group + last, 1) * n, 0, 0
        elif n in _MULTIPLY or (n == 10 and tens):
            group, last = group + max(last, 1) * n, 0
        elif n == 20 and last == 4 and language == "fr":
            last = 80
        else:
            last += n
    return total + group + last
