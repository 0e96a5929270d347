"""Simple redactors, applied before anything reaches disk: regex, hash and drop."""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from understudy.errors import ConfigError
from understudy.pair import Output, Pair
from understudy.score import Score


class Kind(StrEnum):
    """What a redactor does with what its pattern finds."""

    REGEX = "regex"
    """Replaces it."""
    HASH = "hash"
    """Replaces it by a keyed hash: equal values stay recognisably equal, the value is not there."""
    DROP = "drop"
    """Withholds every text of the pair."""


@dataclass(frozen=True, slots=True)
class Redaction:
    """One configured redactor."""

    pattern: str
    """Python regular expression."""
    kind: Kind = Kind.REGEX
    """regex, hash or drop."""
    replacement: str = "[redacted]"
    """For regex: what takes the place of a match (\\1 and \\g<name> work)."""

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern).sub(self.replacement, "") if self.kind == Kind.REGEX else re.compile(
                self.pattern
            )
        except (re.error, IndexError) as error:
            raise ConfigError(
                f"capture.redactions.pattern {self.pattern!r}: {error}; mend the regular expression"
            ) from None


Redactor = Callable[[str], str | None]
"""Text -> redacted text, or None: withhold this pair's texts."""


def compiled(redactions: Sequence[Redaction], key: bytes) -> tuple[Redactor, ...]:
    """The redactors in their configured order; `key` makes the hashes useless outside this deployment."""
    return tuple(_compile(redaction, key) for redaction in redactions)


def _compile(redaction: Redaction, key: bytes) -> Redactor:
    pattern = re.compile(redaction.pattern)
    match redaction.kind:
        case Kind.REGEX:
            return lambda text: pattern.sub(redaction.replacement, text)
        case Kind.DROP:
            return lambda text: None if pattern.search(text) else text
        case Kind.HASH:

            def hashed(match: re.Match[str]) -> str:
                return (
                    f"[{hmac.new(key, match[0].encode('utf-8', 'replace'), hashlib.sha256).hexdigest()[:12]}]"
                )

            return lambda text: pattern.sub(hashed, text)


def apply(redactors: Sequence[Redactor], text: str) -> str | None:
    """The text after every redactor, or None when one withheld it. A redactor's exception is the caller's."""
    for redactor in redactors:
        if not text:
            break
        redacted = redactor(text)
        if redacted is None:
            return None
        text = redacted
    return text


class Withheld(Exception):
    """A redactor asked for, or its failure forced, that no text of this pair is kept."""

    def __init__(self, *, failed: bool) -> None:
        super().__init__("failed" if failed else "dropped")
        self.failed = failed
        """True when a redactor raised: counted, because something is wrong with it."""


def redact(
    pair: Pair, scores: Sequence[Score], redactors: Sequence[Redactor]
) -> tuple[Pair, tuple[Score, ...]]:
    """The pair and its scores with every text redacted.

    What could still hold the redacted words goes with them: the raw request and token ids of a text that
    changed, and the spans that pointed into it. Texts are withheld for all legs or none, so that redaction
    never makes two equal replies differ.

    Raises:
        Withheld: a redactor dropped a text, or failed on one.
    """
    if not redactors:
        return pair, tuple(scores)

    def clean(text: str) -> str:
        try:
            redacted = apply(redactors, text)
        except Exception as error:
            raise Withheld(failed=True) from error
        if redacted is None:
            raise Withheld(failed=False)
        return redacted

    def output(leg: Output) -> Output:
        text = clean(leg.text)
        changed = text != leg.text
        return replace(
            leg,
            text=text,
            error=clean(leg.error),
            token_ids=None if changed else leg.token_ids,
            logprobs=None if changed else leg.logprobs,
        )

    request = pair.request
    text = clean(request.text)
    raw = request.raw.decode("utf-8", "replace")
    metadata = {name: clean(value) for name, value in request.metadata.items()}
    redacted = replace(
        pair,
        request=replace(
            request,
            text=text,
            raw=request.raw if text == request.text and clean(raw) == raw else b"",
            token_ids=request.token_ids if text == request.text else None,
            conversation=None if request.conversation is None else clean(request.conversation),
            metadata=metadata,
            sampling=replace(request.sampling, stop=tuple(clean(word) for word in request.sampling.stop)),
        ),
        baseline=output(pair.baseline),
        candidate=output(pair.candidate),
        control=output(pair.control) if pair.control else None,
    )
    same = {new.leg for new, old in zip(redacted.legs(), pair.legs(), strict=True) if new.text == old.text}
    kept = tuple(
        replace(
            score,
            spans=tuple(replace(span, label=clean(span.label)) for span in score.spans if span.leg in same),
            explanation=clean(score.explanation),
        )
        for score in scores
    )
    return redacted, kept
