"""XML and HTML: do the tags nest and close? Read tag by tag; no entity is ever expanded, nothing is fetched.

XML is held to well-formedness (quoted attributes, one root, no bare ampersand). HTML is held to what browsers do not
mend in silence: elements that need an end tag have one, in order. End tags that HTML lets one leave out may be, if
all of a kind are: where some of them stand, one that does not was lost.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from understudy_analyzers.format import code
from understudy_analyzers.format.fault import Fault
from understudy_analyzers.structure import LONGEST

DEEPEST = 2_000
"""Open elements beyond which markup counts as broken."""

_NAME = re.compile(r"/?([A-Za-z_\u00c0-\uffff][\w:.\u00b7-]{0,100})")
_ATTRIBUTE = re.compile(r"\s+[A-Za-z_:@*#(\[][\w:.@()\[\]-]{0,100}\s{0,8}=\s{0,8}(?:\"[^\"<]*\"|'[^'<]*')")
_DECLARATION = re.compile(
    r"<\?xml(?:\s+(?:version|encoding|standalone)\s{0,8}=\s{0,8}(?:\"[^\"<]{0,99}\"|'[^'<]{0,99}')){1,3}\s{0,99}\?>"
)
_AMPERSAND = re.compile(r"&(?!(?:[A-Za-z][\w.-]{0,40}|#\d{1,7}|#x[0-9A-Fa-f]{1,6});)")
_LOST = re.compile(r"\b\w{1,20}=(?:\"[^\"<>\n]{0,300}\"|'[^'<>\n]{0,300}')\s{0,9}/?>")
_QUOTES = re.compile(r"[\"'>]")
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_OPTIONAL = frozenset("li dt dd p rt rp optgroup option colgroup caption thead tbody tfoot tr td th".split())
_RAW = {"script": "js", "style": "css", "textarea": "", "title": ""}
"""Elements whose text is no markup, and the language that it is in."""
_HTML = re.compile(
    r"\s{0,200}<(?:!doctype html|html|head|body|main|nav|header|footer|article|"
    r"div|p|h[1-6]|ul|ol|table|form|span|section)\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"<(?:\?xml\b|!DOCTYPE\b|[A-Za-z_][\w:.-]{0,60}[\s>/])", re.IGNORECASE)


@dataclass(slots=True)
class _Read:
    """What was read so far."""

    opened: list[tuple[str, int]] = field(default_factory=list)
    """Elements that are open, and where they were opened."""
    ended: set[str] = field(default_factory=set)
    """Names of the elements that an end tag closed."""
    lost: dict[str, int] = field(default_factory=dict)
    """Names of those that something else closed, and where the first of each was opened."""

    def left(self, name: str, start: int) -> None:
        """An element ends without its end tag."""
        self.lost.setdefault(name, start)


def hypertext(text: str) -> bool:
    """True when markup begins as HTML does."""
    return _HTML.match(text) is not None


def whole(text: str) -> bool:
    """True when a whole reply sets out to be markup, well-formed or not: it begins with a tag and ends with one."""
    body = text.strip()
    return bool(_WHOLE.match(body)) and (body.endswith(">") or body[:5].lower() == "<?xml")


@lru_cache(maxsize=8)
def broken(text: str, html: bool = False, fragment: bool = True) -> Fault | None:
    """The first thing in markup that is not well-formed; `fragment`: several roots and text between them will do."""
    if len(text) > LONGEST:
        return Fault("too long to be parsed as markup")
    read = _Read()
    opened = read.opened
    at = roots = 0
    while (start := text.find("<", at)) >= 0:
        if not html and (bare := _AMPERSAND.search(text, at, start)):
            return Fault("XML: a bare ampersand", bare.start(), bare.end())
        if html and (lost := _LOST.search(text, at, start)):
            return Fault("markup: a tag without its <", lost.start(), lost.end())
        if not html and not opened and not fragment and text[at:start].strip():
            return Fault("XML: text outside the root", at, start)
        if not html and text.startswith("<?xml ", start) and not _DECLARATION.match(text, start):
            return Fault("XML: the declaration", start)
        skipped = _skip(text, start)
        if skipped is not None:
            if skipped < 0:
                return Fault("markup: a comment or declaration is left open", start)
            at = skipped
            continue
        named = _NAME.match(text, start + 1)
        if named is None:
            if html:
                at = start + 1
                continue
            return Fault("XML: a bare <", start, start + 1)
        end = _end(text, named.end())
        if end < 0:
            return Fault(f"markup: the tag {named.group()[:40]} is left open", start)
        name = named.group(1).lower() if html else named.group(1)
        if text[start + 1] == "/":
            if fault := _close(read, name, start, end, html):
                return fault
        else:
            empty = text[end - 2] == "/"
            if not html and (wrong := _attributes(text, named.end(), end - 1 - empty)):
                return Fault(f"XML: attributes of {name[:40]}", wrong, end)
            roots += not opened
            if not empty and not (html and name in _VOID):
                if html and opened and opened[-1][0] == name and name in _OPTIONAL:
                    read.left(*opened.pop())
                opened.append((name, start))
                if len(opened) > DEEPEST:
                    return Fault("markup nested too deep", start)
                if html and name in _RAW:
                    body, end = end, _raw(text, name, end)
                    if fault := code.broken(_RAW[name], text[body:end]):
                        return fault.later(body)
        at = end
    return _rest(text, at, read, roots, html, fragment)


def _rest(text: str, at: int, read: _Read, roots: int, html: bool, fragment: bool) -> Fault | None:
    """What is left to say when the last tag was read."""
    for name, start in read.opened:
        if html and name in _OPTIONAL:
            read.left(name, start)
        else:
            return Fault(f"markup: {name[:40]} is never closed", start)
    for name in sorted(read.ended & set(read.lost)):
        return Fault(f"markup: one {name} of several is never closed", read.lost[name])
    if not html and (bare := _AMPERSAND.search(text, at)):
        return Fault("XML: a bare ampersand", bare.start(), bare.end())
    if not roots:
        return Fault("no markup")
    if not html and not fragment and (roots > 1 or text[at:].strip()):
        return Fault(f"XML: {roots} roots" if roots > 1 else "XML: text outside the root", at)
    return None


def _skip(text: str, start: int) -> int | None:
    """Where a comment, CDATA, instruction or declaration ends; -1 when it does not; None when it is a tag."""
    for head, tail in (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")):
        if text.startswith(head, start):
            end = text.find(tail, start + len(head))
            return end + len(tail) if end >= 0 else -1
    if not text.startswith("<!", start):
        return None
    end = text.find(">", start)
    subset = text.find("[", start, end) if end >= 0 else -1
    if subset >= 0:
        closed = text.find("]", subset)
        end = text.find(">", closed) if closed >= 0 else -1
    return end + 1 if end >= 0 else -1


def _end(text: str, at: int) -> int:
    """Behind the > of a tag, quotes passed over; -1 when there is none before the next tag or line of text."""
    while found := _QUOTES.search(text, at):
        if found.group() == ">":
            return -1 if "<" in text[at : found.start()] else found.end()
        if "<" in text[at : found.start()]:
            return -1
        close = text.find(found.group(), found.end())
        # A quote that was lost pairs up with the next attribute's, or the next tag's.
        if close < 0 or "</" in text[found.end() : close] or text[close + 1 : close + 2].isalnum():
            return -1
        at = close + 1
    return -1


def _attributes(text: str, at: int, end: int) -> int:
    """Where the attributes of an XML tag stop being ones; 0 when all are."""
    while found := _ATTRIBUTE.match(text, at, end):
        at = found.end()
    return at if text[at:end].strip() else 0


def _close(read: "_Read", name: str, start: int, end: int, html: bool) -> Fault | None:
    """Take what an end tag closes off the open elements."""
    opened = read.opened
    while html and opened and opened[-1][0] != name and opened[-1][0] in _OPTIONAL:
        read.left(*opened.pop())
    if opened and opened[-1][0] == name:
        opened.pop()
        read.ended.add(name)
        return None
    if html and name == "br":
        return None
    inside = opened[-1][0][:40] if opened else "nothing"
    return Fault(f"markup: {name[:40]} is closed inside {inside}", start, end)


def _raw(text: str, name: str, at: int) -> int:
    """Where the end tag of an element starts whose text is no markup."""
    found = re.compile(f"</{name}", re.IGNORECASE).search(text, at)
    return found.start() if found else len(text)
