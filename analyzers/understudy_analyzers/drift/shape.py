"""A format that breaks on the way: a code fence that is never closed, JSON that turns into prose."""

import json
import re

from understudy_analyzers import structure

_MARK = re.compile(r"```(?:[ \t]*([\w+#.-]{1,20})[ \t]*$)?", re.MULTILINE)
_LINE = re.compile(r"[^\n]{1,4000}")
_SAYS = re.compile(r"\w|[{}()]")
_LEAD = re.compile(r"\s*(?:[-*+•]|#{1,6}|\d{1,3}[.)]|>)?\s*")
_CODE = re.compile(r"[{};=<>\[\]()|\\$@#_/]")
_DATA = re.compile(
    r"\s*(?:[\"'{}\[\]<$]|//|(?:import|from|def|return|print|class|sudo|cd|npm|pip|git|const|let|var|public)\b)|[^\n]{0,4000}[,;{\"]\s*$"
)
"""A line of code or data whatever it says: JSON holds sentences too."""
_TITLE = re.compile(
    r"\s*(?:#{2,6} \S|\*\*[^*\n]{2,200}\*\*:?\s*$|\|[^|\n]+\||[A-Z]{4,20}(?: [A-Z]{2,20}){0,5}:?\s*$)"
)
_QUOTED = re.compile(r"`[^`\n]{1,80}`")
_WORD = re.compile(r"[^\W\d_]{2,30}")
_MARKUP = re.compile(r"[\"{}\[\]:]")
_WRITTEN = ("markdown", "md\n", "text", "txt")
"""What is fenced as one of these is prose."""
CUT = 1_000
"""Characters up to which the last string of JSON is one that was cut, not one that ran away."""
LOOSE = 0.03
"""Share of code's own signs up to which a line may be prose."""


def unclosed(text: str) -> tuple[int, bool] | None:
    """(where code that is never fenced off turns into prose, whether it does); None when every fence is closed.

    Fences pair up, so one is missing when their number is odd. Which one is told by a fence that names a language
    while another is open. When nothing but prose follows, it is the fence itself; when nothing but code does, the
    text was cut, and it is where that ends.
    """
    if not text.count("```") % 2:
        return None
    opened: re.Match[str] | None = None
    for mark in _MARK.finditer(text):
        if opened is None:
            opened = mark
            continue
        turn, code, prose = _turn(text, opened.end(), mark.start())
        if mark.group(1) or (code and prose >= 2):
            return (turn if code else opened.start()), prose > 0
        opened = None
    if opened is None:
        return None
    turn, code, prose = _turn(text, opened.end(), len(text))
    return (turn if code else opened.start()), prose > 0


def _turn(text: str, start: int, end: int) -> tuple[int, int, int]:
    """(where code turns into prose, lines before it, lines after it): the place that the fewest lines contradict."""
    lines = [
        (found.start(), _prose(found.group()))
        for found in _LINE.finditer(text, start, end)
        if _SAYS.search(found.group())
    ]
    if lines and lines[0][1]:
        return start, 0, len(lines)
    right = best = sum(prose for _, prose in lines)
    turn = 0
    for at, (_, prose) in enumerate(lines, 1):
        right += -1 if prose else 1
        if right > best:
            best, turn = right, at
    return (lines[turn][0] if turn < len(lines) else end), turn, len(lines) - turn


def _prose(line: str) -> bool:
    """Whether a line is a sentence, an item of a list or a heading, and no code."""
    lead = _LEAD.match(line)
    said = line[lead.end() :] if lead else line
    if _TITLE.match(line):
        return True
    if _DATA.match(line):
        return False
    signs = len(_CODE.findall(_QUOTED.sub("", said.replace("**", ""))))
    return len(said.split()) >= (3 if lead and lead.group().strip() else 5) and signs <= LOOSE * len(said)


def derailed(text: str) -> tuple[int, str] | None:
    """Where a reply that sets out as JSON goes on as prose; None when it does not."""
    if not structure.looks_json(text):
        return None
    start = min(at for at in (text.find("{"), text.find("[")) if at >= 0)
    try:
        json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        rest = text[error.pos : error.pos + 300]
        if error.msg.startswith("Unterminated") and len(text) - error.pos < CUT:
            return None
        if len(_WORD.findall(rest)) >= 10 and len(_MARKUP.findall(rest)) <= 2:
            return error.pos, rest[:40]
    except (RecursionError, ValueError):
        return None
    return None


def without_code(text: str) -> str:
    """A text of the same length with line ends in place of its closed fenced blocks of code."""
    if "```" not in text:
        return text
    parts = text.split("```")
    for at in range(1, len(parts) - 1, 2):
        if not parts[at].startswith(_WRITTEN):
            parts[at] = "\n" * len(parts[at])
    return "\n\n\n".join(parts)
