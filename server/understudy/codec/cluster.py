"""Which requests may correlate: the normalised opening of a prompt."""

import hashlib
import re

# Where the first assistant turn begins in the common chat templates; what comes before is system + first
# user turn.
ANSWER = re.compile(
    r"<\|im_start\|>\s*assistant|<\|start_header_id\|>\s*assistant|\[/INST\]|<start_of_turn>\s*model"
    r"|<\|assistant\|>|<｜Assistant｜>|^(?:assistant|ai)\s*:",  # noqa: RUF001
    re.IGNORECASE | re.MULTILINE,
)
OPENING = 64 * 1024
"""Characters at a prompt's beginning that are looked at: callers wait while a long one is searched and folded."""


def opening(prompt: str) -> str:
    """System text and first user turn; the prompt's beginning when no chat template is recognised in it."""
    prompt = prompt[:OPENING]
    if not ("<" in prompt or "[" in prompt or ":" in prompt):
        return prompt  # each of the templates has one of these
    found = ANSWER.search(prompt)
    return prompt[: found.start()] if found else prompt


def cluster_named(id: str) -> str:
    """Hash of what a caller calls its conversation or cluster: it may be somebody's name, and clusters are stored."""
    return hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=12, person=b"named").hexdigest()


def cluster_of(prompt: str) -> str:
    """Hash of the opening, white space and case folded: turns of one conversation share it."""
    folded = " ".join(opening(prompt).casefold().split())
    return hashlib.blake2b(folded.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
