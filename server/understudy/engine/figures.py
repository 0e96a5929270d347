# ruff: noqa: E501  (tables: one piece of text a line)
"""The families about numbers: reckoning, counting in words, units and dates."""

import random

from understudy.engine import phrases as p
from understudy.engine.drawn import Drawn, Text4
from understudy.engine.words import spell

_ANSWERS: Text4 = (
    "The answer is {n}.",
    "La respuesta es {n}.",
    "Die Antwort ist {n}.",
    "La réponse est {n}.",
)
_SUMS: tuple[tuple[str, Text4], ...] = (
    ("+", ("What is {a} plus {b}?", "¿Cuánto es {a} más {b}?", "Was ist {a} plus {b}?", "Combien font {a} plus {b} ?")),
    ("-", ("What is {a} minus {b}?", "¿Cuánto es {a} menos {b}?", "Was ist {a} minus {b}?", "Combien font {a} moins {b} ?")),
    ("x", ("What is {a} times {b}?", "¿Cuánto es {a} por {b}?", "Was ist {a} mal {b}?", "Combien font {a} fois {b} ?")),
)  # fmt: skip
_STORIES = (
    ("+-", "{n} has {a} {i}, buys {b} more and then gives away {c}. How many {i} does {n} have now?"),
    ("-+", "There were {a} {i} in the box. {n} took {b} out and later put {c} back. How many are there now?"),
    ("++", "{n} found {a} {i} on Monday, {b} on Tuesday and {c} on Wednesday. How many in all?"),
    ("--", "{n} had {a} {i}, lost {b} and then sold {c}. How many {i} are left?"),
    (
        "x+",
        "{n} packs {b} bags with {a} {i} each and has {c} more left over. How many {i} are there in total?",
    ),
    ("x-", "A shop gets {b} crates of {a} {i}. {n} buys {c} of them. How many {i} remain?"),
    ("+", "{n} has {a} {i} and gets {b} more. How many {i} is that?"),
    ("-", "{n} had {a} {i} and ate {b}. How many {i} are left?"),
)


def _work(ops: str, numbers: list[int]) -> tuple[str, int]:
    """Work the operations left to right: the steps written out and the result."""
    total, steps = numbers[0], []
    for op, n in zip(ops, numbers[1:], strict=False):
        result = total + n if op == "+" else total - n if op == "-" else total * n
        steps.append(f"{total} {op} {n} = {result}")
        total = result
    return ", ".join(steps), total


def arithmetic(rng: random.Random) -> Drawn:
    """Sums and word problems of one or two steps, worked and answered with a number."""
    column = rng.choice((0, 0, 0, 1, 2, 3))
    while True:
        if rng.random() < 0.3:
            ops, texts = rng.choice(_SUMS)
            template = texts[column]
        else:
            (ops, template), column = rng.choice(_STORIES), 0
        a, b, c = rng.randint(2, 99), rng.randint(2, 99), rng.randint(2, 60)
        if ops[0] == "x":
            a, b = rng.randint(2, 19), rng.randint(2, 9)
        steps, total = _work(ops, [a, b, c])
        if total >= 0 and "= -" not in steps:
            break
    prompt = template.format(a=a, b=b, c=c, n=rng.choice(p.FIRST), i=rng.choice(p.ITEMS))
    return Drawn(p.LANGUAGES[column], prompt, f"{steps}. {_ANSWERS[column].format(n=total)}", "number")


_COUNTS: tuple[Text4, ...] = (
    ("Count from {a} to {b} in words.", "Cuenta de {a} a {b} con palabras.", "Zähle von {a} bis {b} in Worten.",
     "Compte de {a} à {b} en lettres."),
    ("Write out every number from {a} to {b} in words.", "Escribe en palabras los números de {a} a {b}.",
     "Schreibe alle Zahlen von {a} bis {b} als Wörter.", "Écris en lettres les nombres de {a} à {b}."),
)  # fmt: skip
_DOWN: Text4 = ("Count down from {a} to {b} in words.", "Cuenta hacia atrás de {a} a {b} con palabras.",
                "Zähle rückwärts von {a} bis {b} in Worten.", "Compte à rebours de {a} à {b} en lettres.")  # fmt: skip
_BY: Text4 = (
    " Go in steps of {k}.",
    " Ve de {k} en {k}.",
    " Gehe in Schritten von {k}.",
    " Avance de {k} en {k}.",
)


def counting(rng: random.Random) -> Drawn:
    """Long replies: numbers in words, up or down, in steps; most run to several hundred tokens."""
    return _count(rng, rng.randint(70, 110) if rng.random() < 0.9 else rng.randint(110, 170))


def sequence(rng: random.Random) -> Drawn:
    """The same in short: at most two dozen numbers."""
    return _count(rng, rng.randint(4, 24))


def _count(rng: random.Random, n: int) -> Drawn:
    column = rng.choice((0, 0, 1, 2, 3))
    language = p.LANGUAGES[column]
    step = rng.choice((1, 1, 1, 2, 3, 5))
    low = rng.randint(1, min(400, 999 - step * n))
    numbers = [low + step * i for i in range(n)]
    ask = rng.choice(_COUNTS)
    if rng.random() < 0.3:
        numbers.reverse()
        ask = _DOWN
    prompt = ask[column].format(a=numbers[0], b=numbers[-1])
    if step > 1:
        prompt += _BY[column].format(k=step)
    return Drawn(language, prompt, ", ".join(spell(i, language) for i in numbers) + ".", "text")


_UNITS = (
    ("kilometres", "metres", 1000), ("metres", "centimetres", 100), ("centimetres", "millimetres", 10),
    ("kilograms", "grams", 1000), ("litres", "millilitres", 1000), ("hours", "minutes", 60),
    ("minutes", "seconds", 60), ("days", "hours", 24), ("weeks", "days", 7), ("years", "months", 12),
    ("dozens", "pieces", 12), ("euros", "cents", 100),
)  # fmt: skip
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = "January February March April May June July August September October November December".split()
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def units(rng: random.Random) -> Drawn:
    """Conversions of units and simple reckoning with days and dates."""
    kind = rng.randrange(4)
    if kind < 2:
        big, small, factor = rng.choice(_UNITS)
        n = rng.randint(2, 199 if factor in (10, 100, 1000) else 60)
        ask = rng.choice(("Convert {n} {b} to {s}.", "How many {s} are {n} {b}?", "{n} {b} in {s}?"))
        return Drawn("en", ask.format(n=n, b=big, s=small), f"{n} {big} are {n * factor} {small}.", "number")
    if kind == 2:
        day, n = rng.randrange(7), rng.randint(1, 30)
        ask = rng.choice(
            ("Which day comes {n} days after {d}?", "Today is {d}. Which day is it in {n} days?",
             "If it is {d} now, which day is it {n} days later?", "Name the day {n} days after {d}.",
             "{d} plus {n} days is which day?", "What day follows {d} by {n} days?")
        )  # fmt: skip
        return Drawn("en", ask.format(n=n, d=_DAYS[day]), f"It is {_DAYS[(day + n) % 7]}.", "text")
    month = rng.randrange(12)
    day, n = rng.randint(1, _LENGTHS[month]), rng.randint(1, 14)
    ask = rng.choice(
        ("Which date is {n} days after {m} {d}?", "It is {m} {d}. Which date is it {n} days later?",
         "Name the date {n} days after {m} {d}.", "{m} {d} plus {n} days is which date?")
    )  # fmt: skip
    prompt = ask.format(n=n, m=_MONTHS[month], d=day)
    day += n
    if day > _LENGTHS[month]:
        day, month = day - _LENGTHS[month], (month + 1) % 12
    return Drawn("en", prompt, f"It is {_MONTHS[month]} {day}.", "text")
