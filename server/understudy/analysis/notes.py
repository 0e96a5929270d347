"""What a reader of the result has to know: assumptions, gaps, and what was run."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from understudy.analysis.inputs import FIELDS, SAMPLING, SIDE, Seen, files
from understudy.drift.tolerance import Tolerances
from understudy.votes.run import TICK_PAIRS

NAMED = 8
"""Ignored fields that are told by name."""


def notes(seen: Seen, tolerances: Tolerances, votes: int, lanes: Mapping[str, None]) -> tuple[str, ...]:
    """Assumptions and gaps, a sentence each."""
    budget, repeated = tolerances.budget, seen.pairs - votes
    said = [
        f"The whole input counts as one rollout: at most {budget.page:g} false alarms are expected in it at the "
        f"page tier, {budget.rollback:g} at the rollback tier.",
        f"Pairs were taken in order, and judged after every {TICK_PAIRS}.",
    ]
    if seen.no_prompt:
        said.append(
            f"{seen.no_prompt:,} of {seen.pairs:,} pairs have no prompt: their id is their cluster, so pairs "
            "of one conversation count as independent; what was asked for is judged by the replies alone."
        )
    if seen.ignored:
        said.append(f"Ignored fields: {ignored(seen.ignored)}.")
    if seen.suffixed:
        said.append(f"Pairs whose id came before got a suffix, and share its one vote: {seen.suffixed:,}.")
    if repeated:
        said.append(
            f"Pairs without a vote of their own, because their conversation or prompt had voted: {repeated:,}."
        )
    if seen.no_control == seen.pairs:
        judged = any(limit.absolute for limit in tolerances.metrics.values())
        said.append(
            "No pair has a control reply: agreement is judged against perfect agreement where the tolerances "
            "say absolute = true."
            if judged
            else "No pair has a control reply: agreement is shown, not judged. Record a control, or judge it "
            "against perfect agreement: --absolute, or absolute = true of a metric in the tolerance file."
        )
    elif seen.no_control:
        controlled = seen.pairs - seen.no_control
        said.append(
            f"{controlled:,} of {seen.pairs:,} pairs have a control reply; agreement is judged on those."
        )
    if seen.withheld:
        said.append(f"Captured without content, so judged by their captured scores: {seen.withheld:,} pairs.")
    if any(baseline == candidate for baseline, _, candidate in (lane.partition("..") for lane in lanes)):
        said.append("A lane compares an engine with itself: it checks the instrument and gives no verdict.")
    return tuple(said)


def ended(lost: Counter[str]) -> tuple[str, ...]:
    """What became of the processes that scored, where they did not last."""
    if not lost:
        return ()
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(lost.items()))
    return (
        f"Processes of analyzers that were ended and started anew: {reasons}. A pair that ended two is unscored "
        "with that reason; the others were scored.",
    )


def ignored(fields: Counter[str]) -> str:
    """Fields that are not read: those of most lines, and what one that is nearly known may have meant."""
    told = []
    for name, lines in sorted(fields.items(), key=lambda item: (not _meant(item[0]), -item[1], item[0]))[
        :NAMED
    ]:
        meant = _meant(name)
        told.append(
            f"{name} ({lines:,} {'line' if lines == 1 else 'lines'}{f'; is {meant} meant?' if meant else ''})"
        )
    more = len(fields) - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def _meant(name: str) -> str:
    """The field that was probably meant, or nothing."""
    part, dot, field = name.rpartition(".")
    known = SAMPLING if part == "sampling" else SIDE if dot else FIELDS
    near = get_close_matches(field.lower(), known, n=1, cutoff=0.8)
    return part + dot + near[0] if near else ""


def provenance(
    paths: Sequence[str | Path],
    tolerances: Tolerances,
    versions: str,
    lanes: Mapping[str, None],
    manifests: Mapping[str, Mapping[str, Any]],
) -> tuple[tuple[str, str], ...]:
    """(name, value) of everything that decided the result."""
    from importlib.metadata import version

    rows = [("understudy", version("understudy")), ("analyzers", versions)]
    for path in files(paths):
        rows.append((f"input {path.name}", f"{path} ({_digest(path)})"))
    rows.append(("tolerances", f"sha256 {tolerances.hash()}"))
    rows += [("lane (baseline..candidate)", lane.replace("..", " .. ")) for lane in lanes]
    rows += [(f"{leg} engine", _manifest(manifest)) for leg, manifest in manifests.items()]
    return tuple(rows)


def _manifest(manifest: Mapping[str, Any]) -> str:
    """Every field an engine told of itself; what nobody could tell is said too."""
    told = {
        name: "unknown" if field.get("source") == "unknown" else _value(field.get("value"))
        for name, field in manifest.get("fields", {}).items()
    }
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in sorted(told.items()))


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)


def _digest(path: Path) -> str:
    if path.is_dir():
        return f"{sum(1 for _ in path.iterdir())} files"
    with path.open("rb") as file:
        return "sha256 " + hashlib.file_digest(file, "sha256").hexdigest()
