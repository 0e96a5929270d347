"""Structures of our own making, each with the prompt or the contract that asks for it."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from understudy_analyzers.format.contract import KEY

SEED = 5
MADE = 40
"""Structures of each kind."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, as its model gave it or as it was made."""

    model: str
    prompt: str
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    """Of one that was made: what it is."""


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
