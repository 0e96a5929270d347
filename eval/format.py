"""Formatting, measured: structures of real replies and of our own making, whole and broken in one place each.

A reply is taken for whole by other means than the analyzer's: `json`, `ast`, a Markdown parser's table, numbers
that count up. It is then broken once in each way that fits it, at a place drawn by lot (fixed seed), and judged as
candidate beside itself; untouched, it must not be flagged. Where real replies are too few (tables, XML, CSV, YAML,
names and schemas), structures are made.
"""

import ast
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from markdown_it import MarkdownIt
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers import structure
from understudy_analyzers.expectation import Structure, expect
from understudy_analyzers.format import Format
from understudy_analyzers.format.contract import KEY

from bench.stats import Limit
from eval import stats
from eval.found import Figure, Section
from eval.split import held, rows

NAME = "format"
SEED = 5
MADE = 40
"""Structures of our own making, of each kind."""
STRONG = ("gpt-4o-mini", "claude-3-haiku", "o1-mini", "Mixtral", "vicuna")
"""Models whose untouched replies are looked at for flags."""

Breaker = Callable[[str, random.Random], str | None]


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, as its model gave it or as it was made."""

    model: str
    prompt: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    """Of one that was made: what it is."""


def replies(data: Path, out: bool = True) -> Iterator[Reply]:
    """Replies whose prompt was held out (or, to tune on, was not)."""
    for path in sorted((data / "format" / "mifeval").glob("en_*.strict.jsonl.gz")):
        model = path.name.removeprefix("en_").removesuffix(".strict.jsonl.gz")
        for row in rows(path):
            if row["response"] and held(row["prompt"]) is out:
                yield Reply(model, row["prompt"], row["response"])
    for path in sorted((data / "pairs" / "alpaca_eval").glob("*.json.gz")):
        for row in rows(path):
            if held(row["instruction"]) is out:
                yield Reply(path.name.removesuffix(".json.gz"), row["instruction"], row["output"])
    for engine in ("fp16", "q8_0"):
        for row in rows(data / "pairs" / "llama31_8b" / f"extraction_{engine}.jsonl.gz"):
            if held(row["example_id"]) is out:
                yield Reply(f"llama31_{engine}", "", row["output"], kind=row["example_id"])


# How to break a JSON document, fenced or not; each gives None where it does not fit.


def _loads(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _body(text: str) -> tuple[int, int] | None:
    """Where the JSON container that a reply consists of, perhaps fenced, stands."""
    found = re.fullmatch(r"\s*(?:```\w*\s*\n)?\s*([\[{].*[\]}])\s*(?:```)?\s*", text, re.DOTALL)
    return found.span(1) if found and _loads(found.group(1)) is not None else None


def _json(edit: Callable[[str, random.Random], str | None]) -> Breaker:
    def breaker(text: str, draw: random.Random) -> str | None:
        if (at := _body(text)) is None:
            return None
        made = edit(text[at[0] : at[1]], draw)
        if made is None or _loads(made) is not None:
            return None
        return text[: at[0]] + made + text[at[1] :]

    return breaker


def _without(pattern: str) -> Callable[[str, random.Random], str | None]:
    """An edit that leaves out one match."""

    def edit(text: str, draw: random.Random) -> str | None:
        places = [found.span() for found in re.finditer(pattern, text, re.MULTILINE)]
        if not places:
            return None
        start, end = draw.choice(places)
        return text[:start] + text[end:]

    return edit


def _prose(text: str, draw: random.Random) -> str | None:
    at = _body(text)
    if at is None or "```" in text:
        return None
    before = draw.choice(("Here is the JSON you asked for:\n\n", "Sure! ", ""))
    after = "" if before else "\n\nLet me know if you need anything else."
    return before + text + after


# Fences, tables, lists, code.


def _fence(which: int) -> Breaker:
    def breaker(text: str, draw: random.Random) -> str | None:
        marks = [found.span() for found in re.finditer(r"^[ \t]*```[^`\n]*\n?", text, re.MULTILINE)]
        closing = [text[start:end].strip() == "```" for start, end in marks]
        if len(marks) % 2 or not all(closing[1::2]) or any(closing[::2]):
            return None
        if len(marks) <= which:
            return None
        start, end = draw.choice(marks[which::2])
        return text[:start] + text[end:]

    return breaker


_MARKDOWN = MarkdownIt("commonmark").enable("table")


def _tables(text: str) -> list[list[str]]:
    """The lines of the tables that a Markdown parser sees and in which every row has its cells."""
    if "|" not in text or "```" in text or "\\|" in text or "`" in text:
        return []
    lines = text.split("\n")
    found = [
        lines[slice(*token.map)]
        for token in _MARKDOWN.parse(text)
        if token.type == "table_open" and token.map
    ]
    return [
        table
        for table in found
        if len(table) >= 4
        and len({line.count("|") for line in table}) == 1
        and all(line.strip().startswith("|") and line.strip().endswith("|") for line in table)
    ]


def _cell(text: str, draw: random.Random) -> str | None:
    tables = _tables(text)
    if not tables:
        return None
    row = draw.choice(draw.choice(tables)[2:])
    cells = row.strip().strip("|").split("|")
    del cells[draw.randrange(len(cells))]
    return text.replace(row, f"|{'|'.join(cells)}|", 1) if cells else None


def _rule(text: str, draw: random.Random) -> str | None:
    tables = _tables(text)
    return text.replace(draw.choice(tables)[1] + "\n", "", 1) if tables else None


def _number(text: str, draw: random.Random) -> str | None:
    items = list(re.finditer(r"^(\d{1,2})\. ", text, re.MULTILINE))
    if (
        [int(item.group(1)) for item in items] != list(range(1, len(items) + 1))
        or len(items) < 4
        or "```" in text
    ):
        return None
    item = draw.choice(items[2:])
    return text[: item.start(1)] + str(int(item.group(1)) + draw.randint(2, 9)) + text[item.end(1) :]


def _python(pattern: str, into: str = "") -> Breaker:
    """Python in a fence that parses, and does not once the match is replaced."""

    def parses(source: str) -> bool:
        try:
            ast.parse(source)
        except (SyntaxError, ValueError):
            return False
        return True

    def breaker(text: str, draw: random.Random) -> str | None:
        blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
        if not blocks or not all(parses(block.group(1)) for block in blocks):
            return None
        block = draw.choice(blocks)
        places = [found.span() for found in re.finditer(pattern, block.group(1), re.MULTILINE)]
        draw.shuffle(places)
        for start, end in places[:4]:
            made = block.group(1)[:start] + into + block.group(1)[end:]
            if not parses(made):
                return text[: block.start(1)] + made + text[block.end(1) :]
        return None

    return breaker


def _brace(text: str, draw: random.Random) -> str | None:
    languages = "javascript|js|typescript|java|c|cpp|csharp|go|rust|css|kotlin|swift"
    lines = [
        (block.start(1) + line.start(), block.start(1) + line.end())
        for block in re.finditer(rf"^```(?:{languages})\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for line in re.finditer(r"^[ \t]*\}\n", block.group(1), re.MULTILINE)
    ]
    if not lines:
        return None
    start, end = draw.choice(lines)
    return text[:start] + text[end:]


def _point(text: str, draw: random.Random) -> str | None:
    """One bullet too few."""
    lines = text.split("\n")
    points = [n for n, line in enumerate(lines) if line.startswith("* ")]
    if len(points) < 2 or any(re.match(r"\s*(?:[-+•]|\d+\.|\s+\*) ", line) for line in lines):
        return None
    del lines[draw.choice(points)]
    return "\n".join(lines)


def _tag(text: str, draw: random.Random) -> str | None:
    ends = [found.span() for found in re.finditer(r"</\w+>", text)]
    if not ends:
        return None
    start, end = draw.choice(ends)
    return text[:start] + draw.choice(("", text[start : end - 1], "</wrong>")) + text[end:]


def _field(text: str, draw: random.Random) -> str | None:
    """A CSV row loses a field, or a quote its end."""
    lines = text.split("\n")
    at = draw.randrange(1, len(lines))
    if '"' in lines[at] and draw.random() < 0.3:
        lines[at] = lines[at].replace('"', "", 1)
    else:
        fields = re.split(r',(?=(?:[^"]*"[^"]*")*[^"]*$)', lines[at])
        del fields[draw.randrange(len(fields))]
        lines[at] = ",".join(fields)
    return "\n".join(lines)


def _yaml(text: str, draw: random.Random) -> str | None:
    lines = text.split("\n")
    keyed = [n for n, line in enumerate(lines) if re.match(r" *[\w]+: \S", line) and n]
    at = draw.choice(keyed)
    how = draw.randrange(3)
    if how == 0:
        lines[at] = lines[at].replace(":", "", 1)
    elif how == 1:
        lines[at] = "\t" + lines[at].lstrip()
    else:
        lines[at] = " " + lines[at] if lines[at].startswith(" ") else lines[at] + ' "'
        lines[at] = (
            lines[at].replace(": ", ': "', 1) if how == 2 and not lines[at].endswith('"') else lines[at]
        )
    return "\n".join(lines)


def _member(text: str, draw: random.Random) -> str | None:
    """An object loses one of its members."""
    value = json.loads(text)
    one = draw.choice(value) if isinstance(value, list) else value
    del one[draw.choice(list(one))]
    return json.dumps(value, indent=1)


def _value(text: str, draw: random.Random) -> str | None:
    """A number becomes words."""
    value = json.loads(text)
    value["age"] = draw.choice(("unknown", None, -3, [1]))
    return json.dumps(value)


REAL: Mapping[str, Breaker] = {
    "JSON: closing bracket": _json(lambda text, draw: text[:-1]),
    "JSON: inner bracket": _json(_without(r"[\[\]{}](?=.)")),
    "JSON: quote": _json(_without('"')),
    "JSON: colon or comma": _json(_without(r"(?<=[\"\d\]}])[,:]")),
    "JSON: trailing comma": _json(lambda text, draw: re.sub(r"\s*([\]}])$", r",\1", text)),
    "JSON: words around it": _prose,
    "fence: never closed": _fence(1),
    "fence: never opened": _fence(0),
    "table: cell": _cell,
    "table: rule": _rule,
    "list: number": _number,
    "list: item": _point,
    "Python: colon": _python(r":$"),
    "Python: bracket": _python(r"[)\]]"),
    "Python: indentation": _python(r"^    (?=\S)"),
    "code: brace": _brace,
}
"""Kind of breakage -> what breaks a real reply."""

OWN: Mapping[str, tuple[str, Breaker]] = {
    "JSON: a name of the prompt": ("keys", _member),
    "JSON: a member of the schema": ("schema", _member),
    "JSON: a value of the schema": ("schema", _value),
    "own table: cell": ("table", _cell),
    "own table: rule": ("table", _rule),
    "XML: tag": ("xml", _tag),
    "HTML: tag": ("html", _tag),
    "CSV: field": ("csv", _field),
    "YAML: line": ("yaml", _yaml),
}
"""Kind of breakage -> the kind of own structure, and what breaks it."""

_PEOPLE = "Anna Bo Carla Dmitri Elif Farid Greta Hugo Ines Jun Kofi Lena".split()
_PLACES = ("Lyon", "Porto", "Oslo, Norway", "Quito", "Graz", "Osaka", "Accra", 'the "old" town')


def made() -> Iterator[Reply]:
    """Structures of our own making, each with the prompt that asks for it."""
    draw = random.Random(SEED)
    schema = {
        "type": "object",
        "required": ["name", "age", "city"],
        "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    }
    for n in range(MADE):
        people = [
            {"name": name, "age": draw.randint(5, 90), "city": draw.choice(_PLACES)}
            for name in draw.sample(_PEOPLE, draw.randint(3, 7))
        ]
        about = f"{people[0]['name']} and {len(people) - 1} others, list {n}"
        listed = [[str(value) for value in person.values()] for person in people]
        table = "\n".join(f"| {' | '.join(row)} |" for row in [["Name", "Age", "City"], ["---"] * 3, *listed])
        quoted = [
            ['"' + v.replace('"', '""') + '"' if "," in v or '"' in v else v for v in row] for row in listed
        ]
        inner = "".join(
            f'  <person id="{i}">\n    <name>{p["name"]}</name>\n    <age>{p["age"]}</age>\n  </person>\n'
            for i, p in enumerate(people)
        )
        items = "".join(f"<li><b>{p['name']}</b>, aged {p['age']}</li>\n" for p in people)
        yaml = "people:\n" + "".join(
            f"  - name: {p['name']}\n    age: {p['age']}\n    tags: [a, b]\n" for p in people
        )
        lead = draw.choice(("", "Here is the table:\n\n"))
        keys = f"Return a JSON array of objects with the keys name, age and city: {about}."
        one = json.dumps(people[0])
        contract = {KEY: json.dumps({"format": "json", "schema": schema})}
        yield Reply("made", keys, json.dumps(people, indent=1), kind="keys")
        yield Reply("made", f"Tell me of {about}.", one, contract, "schema")
        yield Reply("made", f"Make a table of {about}.", lead + table, kind="table")
        yield Reply("made", f"Describe {about} in XML format.", f"<people>\n{inner}</people>", kind="xml")
        yield Reply(
            "made", f"Write an HTML list of {about}.", f"<div>\n<ul>\n{items}</ul>\n</div>", kind="html"
        )
        yield Reply(
            "made",
            f"Give me CSV of {about}.",
            "\n".join(",".join(row) for row in [["name", "age", "city"], *quoted]),
            kind="csv",
        )
        yield Reply("made", f"Write YAML for {about}.", yaml.rstrip("\n"), kind="yaml")


FORMAT = Format()


def flagged(reply: Reply, text: str | None = None) -> float:
    """The candidate's value less the baseline's, the reply itself being both or the baseline of a broken one."""
    pair = a_pair(reply.prompt, reply.text, reply.text if text is None else text, metadata=reply.metadata)
    for score in FORMAT.score(pair):
        value = score.values.get(Leg.CANDIDATE, 0.0)
        return value if text is None else value - score.values.get(Leg.BASELINE, 0.0)
    return 0.0


Cases = list[tuple[str, float, float]]


def injected(data: Path, out: bool = True) -> tuple[dict[str, Cases], list[str]]:
    """(prompt, broken, flagged) by kind of breakage, each breakage beside its untouched reply; and what was missed."""
    cases: dict[str, Cases] = {}
    wrong: list[str] = []
    draw = random.Random(SEED)
    for reply in (*replies(data, out), *made()):
        ways = (
            {kind: way for kind, (of, way) in OWN.items() if of == reply.kind}
            if reply.model == "made"
            else REAL
        )
        untouched: float | None = None
        for kind, way in ways.items():
            # That items are too few is known only where the prompt says how many.
            if kind == "list: item" and (expect(reply.prompt).items or 0) != len(
                re.findall(r"^\* ", reply.text, re.M)
            ):
                continue
            broken = way(reply.text, draw)
            if broken is None or broken == reply.text:
                continue
            untouched = float(flagged(reply) > 0.5) if untouched is None else untouched
            who = reply.prompt or reply.kind
            found = float(flagged(reply, broken) > 0)
            cases.setdefault(kind, []).extend(((who, 0.0, untouched), (who, 1.0, found)))
            wrong += [f"{kind} {reply.model} {who[:24]!r}"] * (found <= 0.5 or untouched > 0.5)
    return cases, wrong


def quantized(data: Path) -> list[tuple[str, str, str]]:
    """(id, fp16, q8_0) of one model's extractions."""
    fp16, q8 = (
        rows(data / "pairs" / "llama31_8b" / f"extraction_{engine}.jsonl.gz") for engine in ("fp16", "q8_0")
    )
    return [(a["example_id"], a["output"], b["output"]) for a, b in zip(fp16, q8, strict=True)]


def servers(data: Path) -> list[tuple[str, str, str]]:
    """(prompt, one, other) of vicuna-13b on two servers."""
    folder = data / "pairs" / "alpaca_eval"
    other = {row["instruction"]: row["output"] for row in rows(folder / "vicuna-13b-v1.5-togetherai.json.gz")}
    return [
        (row["instruction"], row["output"], other[row["instruction"]])
        for row in rows(folder / "vicuna-13b-v1.5.json.gz")
        if row["instruction"] in other
    ]


def flips(pairs: list[tuple[str, str, str]], prompted: bool) -> Cases:
    """Whether a pair of one model with itself changes its value."""
    return [
        (who, 0.0, float(abs(flagged(Reply("", who if prompted else "", one), other)) > 0.5))
        for who, one, other in pairs
    ]


def verdicts(data: Path) -> tuple[Cases, Cases]:
    """(prompt, verifier, ours) of replies that were to be JSON; (prompt, asked, expected) of whether they were."""
    kept: Cases = []
    asked: Cases = []
    for path in sorted((data / "format" / "mifeval").glob("en_*.strict.jsonl.gz")):
        for row in rows(path):
            if not row["response"] or not held(row["prompt"]):
                continue
            named = [one.removeprefix("en:") for one in row["instruction_id_list"]]
            wanted = "detectable_format:json_format" in named
            asked.append(
                (row["prompt"], float(wanted), float(expect(row["prompt"]).structure is Structure.JSON))
            )
            if wanted:
                told = row["follow_instruction_list"][named.index("detectable_format:json_format")]
                kept.append(
                    (row["prompt"], float(told), 1.0 - flagged(Reply("", row["prompt"], row["response"])))
                )
    return kept, asked


def measure(data: Path) -> Section:
    """Everything measured of formats."""
    cases, wrong = injected(data)
    every = [case for some in cases.values() for case in some]
    f1 = {kind: found.value for kind, some in sorted(cases.items()) if (found := stats.over(some, stats.f1))}
    clean = {(who, said) for who, truth, said in every if not truth}
    untouched: dict[str, Cases] = {}
    for reply in replies(data):
        if reply.model.startswith(STRONG) or "gpt-4o-mini" in reply.model:
            untouched.setdefault(reply.model, []).append((reply.prompt, 0.0, flagged(reply)))
    strong = [case for some in untouched.values() for case in some]
    null = quantized(data)
    valid: dict[str, Cases] = {
        engine: [(row[0], 1.0, float(structure.json_of(row[at]) is not None)) for row in null]
        for at, engine in ((1, "fp16"), (2, "q8_0"))
    }
    equal: Cases = [(n, 1.0, float(structure.json_of(a) == structure.json_of(b))) for n, a, b in null]
    kept, asked = verdicts(data)
    figures = (
        Figure("injected breakage: F1", stats.over(every, stats.f1), 0.98, by=f1),
        Figure(
            "whole structures, untouched: flagged",
            stats.over([(who, 0.0, said) for who, said in sorted(clean)], stats.mean),
            0.0,
            Limit.MOST,
        ),
        Figure(
            "strong models' replies, untouched: flagged",
            stats.over(strong, stats.mean),
            by={
                model: stats.mean(stats.np.array([case[1:] for case in some]))
                for model, some in untouched.items()
            },
            note="JSON, code and tables that do not parse, and what was asked for and not given, are flagged rightly",
        ),
        Figure("canonical JSON: equal, fp16 and q8_0", stats.over(equal, stats.mean), 0.946),
        Figure(
            "JSON: valid",
            stats.over(valid["fp16"], stats.mean),
            by={engine: sum(case[2] for case in some) / len(some) for engine, some in valid.items()},
        ),
        Figure(
            "null pairs, fp16 and q8_0: flips", stats.over(flips(null, False), stats.mean), 0.01, Limit.MOST
        ),
        Figure(
            "null pairs, two servers: flips",
            stats.over(flips(servers(data), True), stats.mean),
            note="sampled",
        ),
        Figure("JSON verdicts: agreement with the verifier", stats.over(kept, stats.agreement), 0.98),
        Figure("JSON asked for: recall", stats.over(asked, stats.recall), 0.95),
        Figure("JSON asked for: precision", stats.over(asked, stats.precision), 0.95),
    )
    return Section(NAME, figures, tuple(wrong))
