"""Ways to break a structure in one place, each giving None where it does not fit or would leave the structure whole."""

import ast
import json
import random
import re
from collections.abc import Callable, Mapping

from markdown_it import MarkdownIt

Breaker = Callable[[str, random.Random], str | None]


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
