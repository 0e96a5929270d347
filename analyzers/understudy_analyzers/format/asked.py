"""What was asked for, held against a reply: the first thing that is missing or broken."""

import re
from collections.abc import Sequence

from understudy_analyzers import structure
from understudy_analyzers.agreement.choice import chosen, options
from understudy_analyzers.expectation import Expectation, Structure
from understudy_analyzers.format import code, document, grid, listing, mapping, markup
from understudy_analyzers.format.contract import Contract
from understudy_analyzers.format.fault import Fault

_HEADING = re.compile(r"^ {0,3}#{1,6} \S|^\S[^\n]{0,200}\n(?:=|-){3,}[ \t]*$", re.MULTILINE)
_TAGS = {
    Structure.XML: ("xml", "svg", "xsd", "xhtml", "rss", "html"),
    Structure.HTML: ("html", "htm", "xhtml", "xml"),
    Structure.YAML: ("yaml", "yml"),
}
_YAML_LINE = re.compile(r"^(?:- )?[\w\"'-][^\n:]{0,80}:(?:[ \t]|$)", re.MULTILINE)
_NO_CODE = frozenset(
    "text txt plaintext output console sh bash shell json xml yaml yml toml ini csv diff markdown md".split()
)


def missing(
    text: str, wanted: Expectation, contract: Contract | None = None, prompt: str = ""
) -> Fault | None:
    """What a reply lacks of what was asked for."""
    blocks = structure.fences(text)
    match wanted.structure:
        case Structure.JSON:
            return _json(text, wanted, contract)
        case Structure.XML | Structure.HTML | Structure.YAML:
            return _markup(text, wanted, blocks)
        case Structure.CSV:
            return _alone(text, wanted, blocks) or grid.csv(text)
        case Structure.TABLE:
            return grid.table(text, wanted.language == "markdown")
        case Structure.CODE:
            return _code(text, wanted.language, blocks)
        case Structure.BULLETS | Structure.NUMBERED:
            return _list(text, wanted)
        case Structure.HEADINGS:
            return None if _HEADING.search(text) else Fault("no heading")
        case Structure.CHOICE:
            return None if len(text) > 40 or chosen(text, options(prompt)) else Fault("no letter")
        case None:
            return None


def _json(text: str, wanted: Expectation, contract: Contract | None) -> Fault | None:
    found = document.read(text)
    if found.fault:
        return found.fault
    if found.around and (wanted.alone or not found.fenced):
        return Fault("words around the JSON", 0 if found.start else text.rfind("}") + 1)
    if key := document.lacking(found.values, wanted.keys):
        return Fault(f"JSON lacks {key[:60]!r}", found.start)
    for value in found.values if contract else ():
        if contract and (breach := contract.breach(value)):
            return breach.later(found.start)
    return None


def _alone(text: str, wanted: Expectation, blocks: Sequence[structure.Fence]) -> Fault | None:
    """Words around a fenced block that was to be the whole reply."""
    if not wanted.alone or not blocks:
        return None
    around = (text[: blocks[0].start] + text[blocks[-1].end :]).strip()
    return Fault(f"words around the {(wanted.structure or '').upper()}") if around else None


def _markup(text: str, wanted: Expectation, blocks: Sequence[structure.Fence]) -> Fault | None:
    kind = wanted.structure or Structure.XML
    held = [block for block in blocks if block.language in _TAGS[kind]] or [
        b for b in blocks if not b.language
    ]
    if held:
        if fault := _alone(text, wanted, held):
            return fault
        faults = (_document(block.body, kind) for block in held)
        return next((fault.later(b.at) for b, fault in zip(held, faults, strict=True) if fault), None)
    if kind is Structure.YAML:
        return mapping.broken(text) if wanted.alone else _bare_yaml(text)
    start, end = text.find("<"), text.rfind(">")
    if start < 0 or end < start:
        return Fault(f"no {kind.upper()}")
    if (text[:start] + text[end + 1 :]).strip():
        # A reply that was cut ends within a tag or a text, and so do words behind the document.
        if wanted.alone:
            return Fault(f"words around the {kind.upper()}", 0 if text[:start].strip() else end + 1)
        return markup.broken(text[start : end + 1], kind is Structure.HTML)
    return _document(text, kind)


def _bare_yaml(text: str) -> Fault | None:
    """YAML without a fence: the paragraphs with keys, those of plain words before and behind left out."""
    parts = text.split("\n\n")
    keyed = [at for at, part in enumerate(parts) if _YAML_LINE.search(part)]
    if not keyed:
        return Fault("no YAML")
    start = sum(len(part) + 2 for part in parts[: keyed[0]])
    fault = mapping.broken("\n\n".join(parts[keyed[0] : keyed[-1] + 1]))
    return fault.later(start) if fault else None


def _document(body: str, kind: Structure) -> Fault | None:
    if kind is Structure.YAML:
        return mapping.broken(body)
    html = kind is Structure.HTML or "<!doctype html" in body[:200].lower() or "<html" in body[:400].lower()
    return markup.broken(body, html)


def _code(text: str, language: str, blocks: Sequence[structure.Fence]) -> Fault | None:
    """Code in the language asked for: fenced blocks are read as what is shown, a bare reply as what it begins."""
    named = {block.language for block in blocks if block.language}
    family = code.FAMILIES.get(language, frozenset({language}))
    if language not in ("", "html", "css") and named and not named & (family | _NO_CODE):
        return Fault(f"code in {min(named)[:20]} instead of {language}", blocks[0].start)
    if language != "python" or named & structure.PYTHON:
        return None
    bare = [block for block in blocks if not block.language]
    if bare:
        # Untagged blocks hold code or what it prints: one that parses is the code.
        faults = [(block, code.python(block.body)) for block in bare]
        if all(fault for _, fault in faults):
            block, fault = faults[0]
            return fault.later(block.at) if fault else None
        return None
    if not blocks and (structure.looks_python(text) or len(text) < 400):
        return code.python(text)
    return None


def _list(text: str, wanted: Expectation) -> Fault | None:
    if wanted.structure is Structure.NUMBERED:
        if not structure.numbered(text):
            return Fault("no numbered list")
        fault = listing.jump(text, 1)
    else:
        fault = None if structure.bullets(text) or structure.numbered(text) else Fault("no bullet list")
    return fault or (listing.count(text, wanted.items) if wanted.items else None)
