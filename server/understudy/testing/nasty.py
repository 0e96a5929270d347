"""Texts that break careless readers, and pairs of them."""

# ruff: noqa: RUF001 - letters that look like others are meant

from collections.abc import Iterator
from itertools import count, islice

from understudy.pair import Finish, Leg, Pair
from understudy.testing.pairs import a_pair, an_output

NASTY: tuple[str, ...] = (
    # nothing, and what is not to be seen
    " ",
    "\n\n\n",
    " " * 20_000 + "x",
    "x" + "\t \r\n" * 5_000,
    "\n" * 20_000,
    "\0\x01\x02\x7f",
    "\x1b[2J\x1b]0;title\x07" * 200,
    "one\u2028two\u2029three\x85four\x0bfive\x0csix\r\nseven\rend",
    "\ufeffa mark at the start, \u200bzero\u200c wi\u200ddth\u2060 everywhere\u00ad" * 100,
    "\u202e\u200b\u2066" * 500,
    # broken encodings
    "\ufffd" * 50,
    "\ud800 a lone surrogate \udfff",
    "\ud83d" * 500 + "\udf00" * 500,
    "Itâ€™s â€œfineâ€\x9d, cafÃ© naÃ¯ve Ã\x9cber " * 100,
    "ÐŸÑ€Ð¸Ð²ÐµÑ‚ Ð¼Ð¸Ñ€ " * 100,
    # letters that change size or join
    "İstanbul " * 40 + "ǅ ﬁ ẞ",
    "ſKÅ ΐΰ ŉ ﬃ" * 200,
    "e\u0301\u0302\u0303" * 800,
    "Z\u0351\u036b\u0343\u0315a\u0489\u0310l\u0321\u035ag\u0322o" * 300,
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽" * 300,
    "🙂" * 2_000,
    "مرحبا \u202babc\u202c ١٢٣٫٤٥ שלום " * 200,
    "日本語のテキスト。" * 300,
    "ｶﾅ ＡＢＣ１２３ 한국어 ไทยไม่มีช่องว่าง हिन्दी १२३ " * 100,
    # runs and bait for patterns that backtrack
    "a" * 5_000,
    "a" * 5_000 + "!",
    "a b " * 3_000 + "!",
    "a," * 5_000 + "!",
    "ab" * 4_000 + "b!",
    "." * 5_000 + "?",
    "-" * 5_000 + "=" * 5_000,
    "_" * 4_000 + "*" * 4_000 + "~" * 4_000,
    "\\" * 5_000 + '"',
    "a" * 3_000 + "@" + "a." * 2_000 + "!",
    "https://" + "a" * 3_000 + "/" * 3_000 + "?" + "x=1&" * 1_000,
    "not " * 3_000 + "x",
    "in " * 3_000 + "french",
    ("word " * 19 + "\n") * 200,
    "verylongword-" * 2_000,
    "%s%n{0}{x.__class__}${jndi:x}" * 200,
    # figures
    "1," * 4_000,
    "1,234,567.89 1.234.567,89 1 234 567,89 1'234'567.89 12,34,567 1_000_000 " * 100,
    "9" * 5_000 + "." + "9" * 5_000,
    "0." + "0" * 4_000 + "1e-" + "9" * 400,
    "-1e999999 NaN Infinity 1/0 #### \\boxed{\\boxed{1}}",
    "#### " * 1_000 + "\\boxed{" * 1_000,
    "one hundred and " * 500 + "forty-" * 500 + "two",
    "½ ² ③ Ⅳ 一二三 ٣٫١٤ " * 200,
    "$" * 2_000 + "1" + "€" * 2_000,
    "answer is " * 1_000,
    "A) B) C) " * 1_000,
    # marks nested, half open and unclosed
    "((((" * 2_000,
    "[" * 5_000,
    '{"a":' * 3_000,
    '[{"a":[' * 1_500 + "]}]" * 700,
    '{"a":1,' * 2_000,
    '{"a": "' + "\\u0041" * 2_000,
    '{"a": 1e400, "a": 2, "b": ' + "9" * 5_000 + "}",
    "<" * 3_000 + ">" * 3_000,
    "<a>" * 2_000 + "</b>" * 2_000,
    '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>',
    '"' * 3_001,
    "\"'“‘«„`" * 600,
    "'\"" * 1_500 + "\"'" * 1_499,
    '"a,""b""",' * 800 + '"open',
    "`" * 3_001,
    "```" * 1_001,
    "```python\n" * 500,
    '```json\n{"a": [1, {"b": "c',
    "```python\n" + "x = " + "-" * 4_000 + "1\n```",
    "```python\n" + "(" * 300 + "1" + ")" * 300 + "\n```",
    "```python\n" + "if x:\n" + "".join(" " * n + "if x:\n" for n in range(1, 150)) + "\n```",
    "~~~\n```\n~~~\n````\n```" * 200,
    "$$\\frac{" * 500 + "\\left(" * 500,
    "**_~~" * 1_500,
    "![a](" * 1_000 + "[b][" * 1_000,
    "- " * 2_000 + "\n" * 500,
    "> " * 2_000 + "deep",
    "".join(" " * (n % 80) + "- item\n" for n in range(1_000)),
    "1. " * 1_500 + "\n" + "0. a\n" * 300,
    "#" * 3_000 + " heading\n" + "# a\n" * 500,
    "|" * 3_000 + "\n" + "|-" * 1_500,
    "| a | b |\n|---|\n" + "| 1 | 2 | 3 |\n| 4\n||||\n" * 200,
    "| a \\| b | c |\n|:-:|--:|\n" + "| `x | y` | **z** |\n" * 300,
    "a: b: c: - [x, {y\n" * 500,
    "*a: &a [*a, *a]\n" * 300,
    "Name,Age\n" + '"O""Brien, Jr",41\n' * 300 + '"never closed\n' * 20,
    # what analyzers look for, too much of it
    "I'm sorry, but " * 400,
    "I can't, but I will, but I can't help with that, although " * 100,
    "[Your Name] <name> {{placeholder}} TODO " * 300,
    "user: hi\nassistant: hello\n<|im_end|><|im_start|>user\n" * 200,
    "Hello! Bonjour ! Hola. Guten Tag! 你好 " * 200,
    "GREAT!!! :) ;-) <3 " * 400,
)
"""Controls, broken encodings, deep nesting, long runs, bait for patterns that backtrack, half-open marks."""

PLAIN = "The quick brown fox jumps over the lazy dog, and nobody is surprised by it any more."


def nasty_pairs() -> list[Pair]:
    """Pairs that combine every nasty text with itself, with plain prose, as prompt, and with failed legs."""
    failed = an_output("", leg=Leg.CANDIDATE, status=14, error="unavailable")
    pairs = [
        a_pair(PLAIN, failed, PLAIN, id="failed-baseline"),
        a_pair(PLAIN, PLAIN, failed, id="failed-candidate"),
        a_pair(PLAIN, failed, failed, id="failed-both"),
        a_pair(PLAIN, failed, failed, failed, id="failed-all"),
        a_pair(PLAIN, PLAIN, PLAIN, failed, id="failed-control"),
        a_pair("", PLAIN, "", id="empty-candidate"),
        a_pair("", PLAIN, PLAIN, PLAIN, id="no-prompt"),
        a_pair("Write JSON.", PLAIN, PLAIN[:40], PLAIN, id="cut", finish=Finish.LENGTH),
        a_pair(PLAIN, PLAIN, PLAIN[:40], id="censored", censored=True),
        a_pair(PLAIN, PLAIN, failed, id="censored-failed", censored=True),
    ]
    for n, text in enumerate(NASTY):
        pairs.append(a_pair(PLAIN, text, text, text, id=f"same-{n}"))
        pairs.append(a_pair(text, PLAIN, text, PLAIN, id=f"prompt-{n}"))
        pairs.append(a_pair("Return JSON with Python code as a table.", text, PLAIN, id=f"other-{n}"))
        pairs.append(a_pair(PLAIN, text, NASTY[n - 1], text[::-1], id=f"against-{n}"))
    pairs.append(a_pair("Say hello.", PLAIN, PLAIN + " Indeed."))
    return pairs


MEGABYTE = 1_000_000

UNITS: tuple[tuple[str, str], ...] = (
    # (what is repeated, how the text ends)
    ("a", ""),
    ("a", "!"),
    (" ", "x"),
    ("\n", ""),
    ("( ", ""),
    ("[{", ""),
    ('{"a":', "1"),
    ("1234567 ", ""),
    ("1,234,567.8 ", ""),
    ("9", ".5"),
    ("- one item, of a list (or so).\n", ""),
    ("| a | b |\n", ""),
    ("> ", "x"),
    ("```\n", ""),
    ("`'\"<>$*_~!?", ""),
    ("\"'", ""),
    ("\\", '"'),
    ("<a>", "</a>"),
    ("I cannot, sorry; ", ""),
    ("not ", "x"),
    ("\u200b\u202e", ""),
    ("e\u0301", ""),
    ("\ud800", ""),
    ("日本語。", ""),
    ("Ã©â€™", ""),
)


def big_pairs() -> Iterator[Pair]:
    """Pairs of 1 MB texts: runs of one thing, one of another on the other leg; words that never come again; equals."""
    texts = [(unit * (MEGABYTE // len(unit)) + end)[-MEGABYTE:] for unit, end in UNITS]
    prose, code = _prose(), _code()
    for n, text in enumerate(texts):
        yield a_pair("Say something long.", text, texts[n - 1], id=f"big-{n}")
    yield a_pair("Say something long.", texts[0], texts[1], texts[0], id="big-control")
    yield a_pair("Say something long.", prose, prose[::-1], id="big-prose")
    yield a_pair("Say something long.", prose, prose[7:] + "Changed.", id="big-shifted")
    yield a_pair("Return JSON.", code, code[:-1], id="big-json")
    yield a_pair(prose, PLAIN, PLAIN + " Indeed.", id="big-prompt")
    yield a_pair(texts[0], prose, prose, prose, id="big-same")


def _prose() -> str:
    """Words in sentences, hardly one of them twice."""
    letters = "etaoinshrdlu"
    words = (
        "".join(letters[(n * n // 7**k + k) % 12] for k in range(3 + n % 6)) + ("." if n % 11 == 10 else "")
        for n in count()
    )
    return " ".join(islice(words, MEGABYTE // 6))[:MEGABYTE]


def _code() -> str:
    """A list of objects as JSON."""
    rows = ", ".join(f'{{"id": {n}, "name": "row {n}", "tags": ["a", {n}.5]}}' for n in range(MEGABYTE // 50))
    return f"[{rows}]"
