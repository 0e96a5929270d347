"""What there is in a reply to be counted: bullets, highlights, placeholders, sections, paragraphs, titles.

One pass over the text each, however hostile it is: where the published pattern would try again from every
character, a search for its far end decides first.
"""

import json
import re

DIVIDER = "***"
"""What parts paragraphs where a prompt asks for IFEval's divider."""
TWO = "******"
"""What parts two responses."""

_ITALIC = re.compile(r"\*([^\n*]*)\*")
_BOLD = re.compile(r"\*\*([^\n*]*)\*\*")
_BLANK = re.compile(r"\n[ \t]{0,80}\n")
_HEADING = re.compile(r"#{1,6} |[*_]{1,2}[^*_\n]{1,120}[*_]{1,2}:?$")


def bullets(text: str) -> int:
    """Lines that begin with an asterisk, or with a hyphen."""
    count = 0
    for line in text.split("\n"):
        start = line.lstrip()[:2]
        count += start[:1] == "-" or (len(start) == 2 and start[0] == "*" and start[1] != "*")
    return count


def highlights(text: str) -> int:
    """Passages between asterisks on one line, single or double, that hold something."""
    single = sum(bool(inner.strip()) for inner in _ITALIC.findall(text))
    return single + sum(bool(inner.strip()) for inner in _BOLD.findall(text))


def placeholders(text: str) -> int:
    """Pairs of square brackets on one line."""
    count = 0
    for line in text.split("\n"):
        at = 0
        while (opened := line.find("[", at)) >= 0 and (closed := line.find("]", opened)) >= 0:
            count, at = count + 1, closed + 1
    return count


def sections(text: str, mark: str) -> int:
    """Places where the mark and a number stand: `SECTION 1`."""
    return len(re.findall(rf"{re.escape(mark)}\s?\d+", text)) if mark else 0


def divided(text: str) -> list[str] | None:
    """The paragraphs between `***`; None when one of them, but the first or last, is empty."""
    parts = text.split(DIVIDER)
    inner = [part for at, part in enumerate(parts) if part.strip() or 0 < at < len(parts) - 1]
    return None if any(not part.strip() for part in inner) else inner


def blocks(text: str) -> list[str]:
    """What stands between blank lines."""
    return [block.strip() for block in _BLANK.split(text) if block.strip()]


def prose(text: str) -> int:
    """Paragraphs of running text: blocks that are no heading, rule or list."""
    return sum(not (_HEADING.match(block) or len(block) < 40) for block in blocks(text))


def first_word(block: str) -> str:
    """The first word of a paragraph, lower case, without what leans on it."""
    if not (found := block.split(maxsplit=1)):
        return ""
    word = found[0].lstrip("'").lstrip('"')
    return re.split(r"[.,?!'\"]", word, maxsplit=1)[0].lower()


def titled(text: str) -> bool:
    """Whether something stands in double angular brackets on one line."""
    for line in text.split("\n"):
        opened, closed = line.find("<<"), line.rfind(">>")
        if opened >= 0 and closed > opened + 2 and line[opened : closed + 2].strip("<>").strip():
            return True
    return False


def is_json(text: str) -> bool:
    """Whether all of a text is JSON, a fence around it aside."""
    body = text.strip()
    for fence in ("```json", "```Json", "```JSON", "```"):
        body = body.removeprefix(fence)
    body = body.removesuffix("```").strip()
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def two(text: str) -> bool:
    """Whether there are two different responses with six asterisks between them."""
    parts = text.split(TWO)
    if any(not part.strip() for part in parts[1:-1]):
        return False
    said = [part.strip() for part in parts if part.strip()]
    return len(said) == 2 and said[0] != said[1]
