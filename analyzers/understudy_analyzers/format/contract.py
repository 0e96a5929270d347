"""The contract a caller declares: what every reply to this request must be.

A request carries it as text among its metadata (a header, or a request parameter of KServe), under one of two names:

- `x-understudy-contract`: a JSON object with any of
  `format` ("json", "csv", "xml", "html", "yaml", "table", "bullets", "numbered", "headings", "code", "choice"),
  `schema` (a JSON Schema, and so JSON), `keys` (names that every object has), `items` (how many a list has),
  `language` (of the code), `alone` (nothing around it; true unless told otherwise for json, csv, xml, html, yaml),
  `instructions` (each an object of IFEval's `name` and its arguments).
- `response_format`: as OpenAI's API has it, `{"type": "json_object"}` or `{"type": "json_schema", "json_schema":
  {"schema": ...}}`; of any other kind it is no contract.

The mirror keeps only metadata that `kserve.metadata` names. A contract replaces what the prompt seems to ask for. One
that cannot be read leaves the pair unscored (`contract`), with the reason in the explanation: it is neither kept nor
broken. A schema never reaches for the network or for files, its patterns stop backtracking early, and it is no larger
than a caller's own: few references and patterns, since either can multiply the work without bound.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from understudy_analyzers.expectation import Expectation, Structure
from understudy_analyzers.format.fault import Fault
from understudy_analyzers.instruction import Instruction, declare, verify

KEY, RESPONSE_FORMAT = "x-understudy-contract", "response_format"
LONGEST = 64_000
"""Characters of a contract."""
BACKTRACKS = 10_000
"""Steps back that a pattern of a schema may take on one string."""
PARTS, PATTERNS = 2_000, 32
"""Parts that a schema may have with every reference unfolded, and patterns: each may multiply the work."""
PROGRAM = 512 * 1024
"""Bytes that a pattern may be compiled to."""
_DOCUMENTS = (Structure.JSON, Structure.CSV, Structure.XML, Structure.HTML, Structure.YAML)
_REFERS = ("$ref", "$dynamicRef", "$recursiveRef")
_ASIDE = frozenset({"$defs", "definitions", "enum", "const", "default", "examples"})
"""What is looked at where it is referred to, or is no schema."""
_FIELDS = frozenset({"format", "schema", "keys", "items", "language", "alone", "instructions"})


class Unfit(ValueError):
    """A contract that cannot be read; the text is the reason that scores give."""


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract that was read."""

    wanted: Expectation
    validator: Any = None
    """Of the JSON Schema; None without one."""
    instructions: tuple[Instruction, ...] = ()

    def breach(self, value: Any) -> Fault | None:
        """How a JSON value breaks the schema; the place is the member's name, to be found in the text."""
        if self.validator is None:
            return None
        try:
            error = next(iter(self.validator.iter_errors(value)), None)
        except Exception as failed:  # values that Python holds and JSON cannot: nested too deep, too large
            return Fault(f"JSON Schema: {failed}"[:160])
        if error is None:
            return None
        where = "/".join(map(str, error.instance_path))
        return Fault(f"JSON Schema: {error.message[:160]}" + (f" at {where[:60]}" if where else ""))


def declared(metadata: Mapping[str, str]) -> Contract | None:
    """The contract of a request; None when it declares none.

    Raises:
        Unfit: it declares one that cannot be read.
    """
    if text := metadata.get(KEY):
        return _told(_read(text, KEY, _ours))
    if text := metadata.get(RESPONSE_FORMAT):
        return _told(_read(text, RESPONSE_FORMAT, _theirs))
    return None


def _told(read: Contract | str | None) -> Contract | None:
    if isinstance(read, str):
        raise Unfit(read)
    return read


@lru_cache(maxsize=64)
def _read(text: str, key: str, made: Any) -> Contract | str | None:
    """A contract, or the reason why it is none: callers send the same one with every request."""
    if len(text) > LONGEST:
        return f"{key}: longer than {LONGEST} characters"
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        # Others write `response_format` as they like; our own header is a contract or a mistake.
        return f"{key}: no JSON object" if key == KEY else None
    try:
        contract: Contract | None = made(told)
    except Unfit as reason:
        return f"{key}: {reason}"
    return contract


def _ours(told: dict[str, Any]) -> Contract:
    if unknown := sorted(set(told) - _FIELDS):
        raise Unfit(f"unknown field {unknown[0][:40]!r}")
    schema, items, keys = told.get("schema"), told.get("items"), told.get("keys", [])
    name = told.get("format", "json" if schema is not None or keys else None)
    if name is None and "instructions" in told:
        return Contract(Expectation(), instructions=_instructions(told))
    if name not in list(Structure):
        raise Unfit(f"format {str(name)[:40]!r} is none of {', '.join(Structure)}")
    if items is not None and (not isinstance(items, int) or isinstance(items, bool) or items < 0):
        raise Unfit("items is no count")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise Unfit("keys is no list of names")
    structure = Structure(name)
    if structure is not Structure.JSON and (keys or schema is not None):
        raise Unfit(f"keys and schema are of json, not of {structure}")
    alone = told.get("alone", structure in _DOCUMENTS)
    wanted = Expectation(
        structure, items, str(told.get("language", "")).lower(), alone=alone is True, keys=tuple(keys)
    )
    return Contract(wanted, None if schema is None else _validator(schema), _instructions(told))


def _instructions(told: dict[str, Any]) -> tuple[Instruction, ...]:
    try:
        made = tuple(declare(str(one["name"]), one) for one in told.get("instructions", ()))
        # One that lacks an argument shows it when it is first verified.
        for one in made:
            verify(one, "Some words.\n\nMore words.")
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise Unfit(f"instructions: {error}"[:160]) from None
    return made


def _theirs(told: dict[str, Any]) -> Contract | None:
    wanted = Expectation(Structure.JSON, alone=True)
    match told.get("type"):
        case "text":
            return None
        case "json_object":
            return Contract(wanted)
        case "json_schema":
            held = told.get("json_schema")
            schema = held.get("schema") if isinstance(held, dict) else told.get("schema")
            return Contract(wanted, None if schema is None else _validator(schema))
        case _:
            return None  # an engine's own kinds (a regex, a grammar): nothing that could be held against a reply here


def _validator(schema: Any) -> Any:
    if not isinstance(schema, (dict, bool)):
        raise Unfit("the schema is no object")
    _bounded(schema)
    try:
        return jsonschema_rs.validator_for(
            schema,
            retriever=_refuse,
            pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS, size_limit=PROGRAM),
        )
    except Exception as error:  # whatever the library finds wrong with it
        first = (str(error).splitlines() or ["unknown"])[0]
        raise Unfit(f"bad JSON Schema: {first[:160]}") from None


def _bounded(schema: Any) -> None:
    """Raise Unfit for a schema that callers could not have meant: a few references double its work each."""
    waiting: list[tuple[Any, frozenset[str]]] = [(schema, frozenset())]
    parts, patterns = 0, set[str]()
    while waiting:
        part, within = waiting.pop()
        parts += 1
        if isinstance(part, list):
            waiting += [(one, within) for one in part if isinstance(one, (dict, list))]
        elif isinstance(part, dict):
            for key, value in part.items():
                if key in _REFERS and isinstance(value, str):
                    if value in within:
                        raise Unfit("the schema refers to itself")
                    waiting.append((_resolved(schema, value), within | {value}))
                elif key not in _ASIDE and isinstance(value, (dict, list)):
                    waiting.append((value, within))
            if isinstance(pattern := part.get("pattern"), str):
                patterns.add(pattern)
            if isinstance(keyed := part.get("patternProperties"), dict):
                patterns |= keyed.keys()
        if parts + len(waiting) > PARTS or len(patterns) > PATTERNS:
            raise Unfit(f"the schema has more than {PARTS} parts or {PATTERNS} patterns")


def _resolved(schema: Any, reference: str) -> Any:
    """What a reference within a schema points to: RFC 6901 alone."""
    found = schema
    if not reference.startswith("#") or reference[1:2] not in ("", "/"):
        raise Unfit("the schema refers to other than its own parts")
    for name in unquote(reference[1:]).split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise Unfit("the schema refers to a part that it has not") from None
    return found


def _refuse(uri: str) -> Any:
    raise ValueError("a schema may refer to itself only")
