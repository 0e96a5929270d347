"""The end of a reply: cut at its budget, or in the middle of a phrase."""

import re

from understudy.pair import Finish, Output

LONG = 160
"""Characters from which a reply is long enough to end as sentences do."""
LINE = 20
"""Characters from which its last line is: "5. a" is an answer."""

_DANGLING = re.compile(
    r"(?:[,(\[{;]|[ \n](?:the|a|an|and|or|of|to|in|with|for|that|which|is|are|by|from|as|at|el|la|los|las|de|y|que|"
    r"le|les|et|des|du|der|die|das|und|mit|von|zu|il|e|di|che|o|os|do|da))$"
)


def cut(output: Output, text: str, verbatim: bool, fenced: bool) -> str | None:
    """Why a reply counts as cut off; None when it ends as it should.

    `verbatim`: it holds code or data. `fenced`: a fence is still open where it ends.
    """
    if output.finish is Finish.LENGTH or output.truncated_by:
        return "cut at its token budget"
    if fenced:
        return "ends inside a code fence"
    last = text[-LONG:].rstrip(" ")
    if not verbatim and len(text) >= LONG and len(last) - last.rfind("\n") > LINE and _DANGLING.search(last):
        return "ends in the middle of a phrase"
    return None
