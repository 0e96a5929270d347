# ruff: noqa: E501  (tables: one piece of text a line)
"""The task families of the synthetic corpus: each turns a random generator into one prompt and its reply.

A family is a function `(rng) -> Drawn`. Prompts are composed from many pieces, so that each family holds
thousands of distinct ones, and each has exactly one right reply, so that a reply can be checked mechanically.
"""

import json
import random

from understudy.engine import phrases as p
from understudy.engine.drawn import Drawn, Family, Text4
from understudy.engine.figures import arithmetic, counting, sequence, units

_EXTRACTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("name", "age", "city"),
        ("{name}, {age}, lives in {city}.", "In {city} lives {name}, who is {age} years old.",
         "At {age}, {name} moved to {city}."),
    ),
    (
        ("customer", "item", "quantity", "paid"),
        ("{customer} ordered {quantity} {item}; {paid_text}.", "Order: {quantity} {item} for {customer}, {paid_text}.",
         "{quantity} {item} were sent to {customer} and it is {paid_text}."),
    ),
    (
        ("city", "room", "price"),
        ("The hotel in {city} offers room {room} at {price} euros.", "Room {room} in {city} costs {price} euros.",
         "For {price} euros you get room {room} in {city}."),
    ),
)  # fmt: skip


def extraction(rng: random.Random) -> Drawn:
    """Fields taken out of a sentence, as a JSON object with the keys in the order asked for."""
    keys, sentences = rng.choice(_EXTRACTS)
    paid = rng.random() < 0.5
    person = f"{rng.choice(p.FIRST)} {rng.choice(p.LAST)}"
    values: dict[str, object] = {
        "name": person,
        "customer": person,
        "age": rng.randint(18, 90),
        "city": rng.choice(p.CITIES),
        "item": rng.choice(p.ITEMS),
        "quantity": rng.randint(2, 99),
        "paid": paid,
        "room": rng.randint(100, 499),
        "price": rng.randint(40, 299),
    }
    sentence = rng.choice(sentences).format(**values, paid_text="paid" if paid else "not paid")
    order = list(keys)
    rng.shuffle(order)
    ask = rng.choice(
        ("Extract {k} as JSON: {s}", "Return JSON with the keys {k}. Text: {s}", "{s} Give {k} as JSON.")
    )
    reply = json.dumps({key: values[key] for key in order}, ensure_ascii=False)
    return Drawn("en", ask.format(k=", ".join(order), s=sentence), reply, "json")


def listing(rng: random.Random) -> Drawn:
    """Items set out as Markdown bullets, a numbered list, a Markdown table or CSV."""
    items = rng.sample(p.ITEMS, rng.randint(3, 5))
    counts = [rng.randint(2, 99) for _ in items]
    kind = rng.randrange(4)
    if kind < 2:
        ask = rng.choice(("Write {f} of {t}.", "Make {f} with {t}.", "Turn this into {f}: {t}."))
        text = f"{', '.join(items[:-1])} and {items[-1]}"
        form = ("a Markdown bullet list", "a numbered list")[kind]
        reply = "\n".join(f"- {item}" if kind == 0 else f"{n}. {item}" for n, item in enumerate(items, 1))
    else:
        ask = rng.choice(
            ("Write {f} with the columns item and count: {t}.", "Give {f} (item, count) for {t}.")
        )
        text = ", ".join(f"{n} {item}" for item, n in zip(items, counts, strict=True))
        form = ("a Markdown table", "CSV")[kind - 2]
        if kind == 2:
            rows = "\n".join(f"| {item} | {n} |" for item, n in zip(items, counts, strict=True))
            reply = f"| item | count |\n| --- | --- |\n{rows}"
        else:
            reply = "item,count\n" + "\n".join(f"{item},{n}" for item, n in zip(items, counts, strict=True))
    return Drawn("en", ask.format(f=form, t=text), reply, "list")


def weight(verb: int, thing: int, contexts: tuple[int, ...]) -> int:
    """How objectionable a request is: the rule behind the refusal family (indices into the tables)."""
    together = p.TOGETHER.get((p.VERBS[verb][1], p.OBJECTS[thing][1]), 0)
    return p.VERBS[verb][0] + p.OBJECTS[thing][0] + sum(p.CONTEXTS[c][0] for c in contexts) + together


def refusal(rng: random.Random) -> Drawn:
    """Requests to decline or to meet; half of them lie within two points of the boundary."""
    near = rng.random() < 0.5
    while True:
        verb, thing = rng.randrange(len(p.VERBS)), rng.randrange(len(p.OBJECTS))
        contexts = tuple(rng.sample(range(len(p.CONTEXTS)), rng.choice((1, 1, 2))))
        total = weight(verb, thing, contexts)
        if not near or p.REFUSE - 2 <= total < p.REFUSE + 2:
            break
    column = rng.choice((0, 0, 1, 2, 3))
    v, o = p.VERBS[verb][2 + column], p.OBJECTS[thing][2 + column]
    c = " ".join(str(p.CONTEXTS[i][1 + column]) for i in contexts)
    prompt = rng.choice(p.ASKS)[column].format(v=v, o=o, c=c)
    kind = p.OBJECTS[thing][1]
    if total >= p.REFUSE:
        reply = p.DECLINES[column].format(alternative=p.ALTERNATIVES[kind][column])
        return Drawn(p.LANGUAGES[column], prompt, reply, "refusal")
    return Drawn(
        p.LANGUAGES[column], prompt, p.AGREES[column].format(v=v, o=o, tip=p.TIPS[kind][column]), "answer"
    )


_TARGETS = ("Spanish", "German", "French", "Italian")


def translation(rng: random.Random) -> Drawn:
    """English sentences put into Spanish, German, French or Italian."""
    column = rng.randint(1, 4)
    pieces = [rng.choice(table) for table in (p.SUBJECTS, p.ACTIONS, p.TIMES, p.PLACES)]
    target = _TARGETS[column - 1]
    ask = rng.choice(
        (
            f"Translate to {target}: {{s}}",
            f"How do you say this in {target}? {{s}}",
            f"{{s}} Translate into {target}.",
        )
    )
    english = " ".join(piece[0] for piece in pieces) + "."
    return Drawn("en", ask.format(s=english), " ".join(piece[column] for piece in pieces) + ".", "text")


_CODES: tuple[tuple[str, str], ...] = (
    ("multiplies {x} by {k} and adds {j}", "return {x} * {k} + {j}"),
    ("subtracts {k} from {x}", "return {x} - {k}"),
    ("says whether {x} is greater than {k}", "return {x} > {k}"),
    ("returns the items of {x} that are below {k}", "return [i for i in {x} if i < {k}]"),
    ("adds {k} to every item of {x}", "return [i + {k} for i in {x}]"),
    ("returns the first {k} items of {x}", "return {x}[:{k}]"),
    ("limits {x} to at most {k}", "return min({x}, {k})"),
    ("sums the items of {x} and adds {k}", "return sum({x}) + {k}"),
    ("counts the items of {x} equal to {k}", "return {x}.count({k})"),
    ("repeats the text {x} {k} times", "return {x} * {k}"),
    ("says whether {x} is divisible by {k}", "return {x} % {k} == 0"),
    (
        "returns {j} if {x} is negative and {k} otherwise",
        "if {x} < 0:\n        return {j}\n    return {k}",
    ),
)
_NAMES = "get make check find keep trim scale shift test pick join load".split()
_NOUNS = "value total items score price level limit rows name data part size".split()


def code(rng: random.Random) -> Drawn:
    """Small Python functions from a description."""
    says, body = rng.choice(_CODES)
    name, x = f"{rng.choice(_NAMES)}_{rng.choice(_NOUNS)}", rng.choice("x n v items values text data".split())
    k, j = rng.randint(2, 99), rng.randint(2, 99)
    ask = rng.choice(
        (
            "Write a Python function {n} that {s}.",
            "In Python, define {n}({x}): it {s}.",
            "Code {n} in Python. It {s}.",
        )
    )
    prompt = ask.format(n=name, x=x, s=says.format(x=x, k=k, j=j))
    return Drawn("en", prompt, f"def {name}({x}):\n    {body.format(x=x, k=k, j=j)}", "code")


def tone(rng: random.Random) -> Drawn:
    """Messages rewritten from casual to formal and back."""
    n, thing = rng.choice(p.FIRST), rng.choice(p.THINGS)
    opening, request, deadline, closing = (
        rng.choice(table) for table in (p.OPENINGS, p.REQUESTS, p.DEADLINES, p.CLOSINGS)
    )
    casual = f"{opening[0].format(n=n)} {request[0]} {thing} {deadline[0]}. {closing[0]}"
    formal = f"{opening[1].format(n=n)} {request[1]} {thing} {deadline[1]}. {closing[1]}"
    if rng.random() < 0.5:
        ask = rng.choice(
            ("Make this formal: {s}", "Rewrite in a formal tone: {s}", "Polite version, please: {s}")
        )
        return Drawn("en", ask.format(s=casual), formal, "text")
    ask = rng.choice(
        ("Make this casual: {s}", "Rewrite in a casual tone: {s}", "Say it like a friend would: {s}")
    )
    return Drawn("en", ask.format(s=formal), casual, "text")


_FACTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("{n} pays {v} euros.", "How much does {n} pay?", tuple(str(n) for n in range(10, 400))),
    ("{n} owns {v} stamps.", "How many stamps does {n} own?", tuple(str(n) for n in range(10, 100))),
    ("{n} was born in {v}.", "When was {n} born?", tuple(str(y) for y in range(1940, 2011))),
)


def reading(rng: random.Random) -> Drawn:
    """Questions on a given passage: a few facts about people, or a list of names and numbers."""
    if rng.random() < 0.4:
        names = rng.sample(p.FIRST, rng.randint(3, 5))
        numbers = [rng.randint(10, 99) for _ in names]
        thing = rng.choice(("room", "desk", "locker", "ticket"))
        i = rng.randrange(len(names))
        passage = (
            f"{thing.capitalize()}s: {', '.join(f'{n} {k}' for n, k in zip(names, numbers, strict=True))}."
        )
        question, answer = f"Which {thing} has {names[i]}?", f"{names[i]} {numbers[i]}."
    else:
        names = rng.sample(p.FIRST, rng.randint(2, 4))
        # Two people share the relation asked for, so that the name decides and not the kind of fact.
        shared = rng.choice(_FACTS)
        facts = [shared, shared, *(rng.choice(_FACTS) for _ in names[2:])]
        told = [
            says.format(n=n, v=rng.choice(values)) for (says, _, values), n in zip(facts, names, strict=True)
        ]
        question, answer = shared[1].format(n=names[0]), told[0]
        rng.shuffle(told)
        passage = " ".join(told)
    ask = rng.choice(("{t}\nQuestion: {q}", "Read: {t} {q}", "{q} Passage: {t}"))
    return Drawn("en", ask.format(t=passage, q=question), answer, "text")


_WEATHER: tuple[Text4, ...] = (
    ("rain", "lluvia", "Regen", "pluie"), ("snow", "nieve", "Schnee", "neige"), ("fog", "niebla", "Nebel", "brouillard"),
    ("sunshine", "sol", "Sonne", "soleil"), ("wind", "viento", "Wind", "vent"), ("storm", "tormenta", "Sturm", "orage"),
)  # fmt: skip
_REPORTS: tuple[tuple[Text4, Text4], ...] = (
    (
        ("What is the weather? Place: {c}. Sky: {w}. Degrees: {t}.", "¿Qué tiempo hace? Lugar: {c}. Cielo: {w}. Grados: {t}.",
         "Wie ist das Wetter? Ort: {c}. Himmel: {w}. Grad: {t}.", "Quel temps fait-il ? Lieu : {c}. Ciel : {w}. Degrés : {t}."),
        ("In {c} we expect {w} and about {t} degrees today.", "En {c} se espera hoy {w} y unos {t} grados.",
         "In {c} erwarten wir heute {w} und etwa {t} Grad.", "À {c} on attend aujourd'hui : {w}, environ {t} degrés."),
    ),
    (
        ("When is the shop in {c} open? From {a} to {b}.", "¿Cuándo abre la tienda de {c}? De {a} a {b}.",
         "Wann hat das Geschäft in {c} offen? Von {a} bis {b}.", "Quand ouvre le magasin de {c} ? De {a} à {b}."),
        ("The shop in {c} opens at {a} and closes at {b}.", "La tienda de {c} abre a las {a} y cierra a las {b}.",
         "Das Geschäft in {c} öffnet um {a} und schließt um {b} Uhr.", "Le magasin de {c} ouvre à {a} heures et ferme à {b} heures."),
    ),
    (
        ("Introduce {n}, {t} years old, from {c}.", "Presenta a {n}, {t} años, de {c}.",
         "Stelle {n} vor, {t} Jahre alt, aus {c}.", "Présente {n}, {t} ans, de {c}."),
        ("This is {n}, who is {t} years old and comes from {c}.", "Esta persona se llama {n}, tiene {t} años y viene de {c}.",
         "Das ist {n}, {t} Jahre alt und aus {c} angereist.", "Voici {n}, qui a {t} ans et qui vient de {c}."),
    ),
)  # fmt: skip


def multilingual(rng: random.Random) -> Drawn:
    """Small answers that must come in the language of the prompt."""
    column = rng.randrange(4)
    asks, replies = rng.choice(_REPORTS)
    values = {
        "c": rng.choice(p.CITIES), "w": rng.choice(_WEATHER)[column], "t": rng.randint(2, 39),
        "a": rng.randint(5, 11), "b": rng.randint(15, 23), "n": f"{rng.choice(p.FIRST)} {rng.choice(p.LAST)}",
    }  # fmt: skip
    return Drawn(p.LANGUAGES[column], asks[column].format(**values), replies[column].format(**values), "text")


def choice(rng: random.Random) -> Drawn:
    """Multiple choice, answered with a letter."""
    letters = "ABCD"[: rng.choice((3, 4))]
    if rng.random() < 0.5:
        options = [str(n) for n in rng.sample(range(1, 100), len(letters))]
        most = rng.random() < 0.5
        right = (max if most else min)(range(len(letters)), key=lambda i: int(options[i]))
        question = f"Which number is the {'largest' if most else 'smallest'}?"
    else:
        kinds = rng.sample(sorted(p.KINDS), len(letters))
        options = [rng.choice(p.KINDS[kind]) for kind in kinds]
        right = rng.randrange(len(letters))
        article = "an" if kinds[right][0] in "aeiou" else "a"
        question = f"Which of these is {article} {kinds[right]}?"
    lines = " ".join(f"{letter}) {option}" for letter, option in zip(letters, options, strict=True))
    ask = rng.choice(
        ("{q} {o} Answer with the letter.", "{q} Reply with one letter. {o}", "{q}\n{o}\nLetter only.")
    )
    return Drawn("en", ask.format(q=question, o=lines), letters[right], "choice")


FAMILIES: dict[str, Family] = {
    "arithmetic": arithmetic,
    "json": extraction,
    "list": listing,
    "refusal": refusal,
    "translation": translation,
    "counting": counting,
    "sequence": sequence,
    "code": code,
    "tone": tone,
    "reading": reading,
    "units": units,
    "multilingual": multilingual,
    "choice": choice,
}
"""Category name -> how its examples are made."""
