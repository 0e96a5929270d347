"""Whether the type of task is told right: prompts in twelve languages, written and labelled by hand.

One hand wrote prompts and rules: task.tsv first, then the rules with that list at hand, then task_after.tsv, by which
no rule was changed. Figures are those of the second list.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from understudy.category.task import Task
from understudy.testing import a_pair

from eval.found import Figure, Section
from eval.stats import agreement, macro, over

AT_HAND, AFTER = (Path(__file__).with_name(name) for name in ("task.tsv", "task_after.tsv"))

Case = tuple[str, int, str, str]
"""Language, line of the file, the task it is, the task that was said."""


def cases(path: Path) -> list[Case]:
    """What is said of the prompts of a list."""
    categorizer = Task()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        task, language, prompt = line.split("\t")
        prompt = prompt.replace("\\n", "\n")
        category = categorizer.categorize(a_pair(prompt).request)
        found.append((language, number, task, category.value if category else ""))
    return found


def measure(data: Path) -> Section:
    """Accuracy and macro F1 over the held-out prompts; `data` is not read."""
    found = cases(AFTER)
    names = sorted({name for _, _, *both in found for name in both})
    rows = [(line, float(names.index(true)), float(names.index(said))) for _, line, true, said in found]
    return Section(
        "task",
        (
            Figure(
                "task of a prompt: accuracy", over(rows, agreement), by=_shares(found, 0), note="by language"
            ),
            Figure("task of a prompt: macro F1", over(rows, macro), by=_shares(found, 2), note="by: recall"),
        ),
        tuple(f"line {line}: {said}, is {true}" for _, line, true, said in found if said != true),
    )


def _shares(found: Iterable[Case], part: int) -> dict[str, float]:
    """Share that was told right, by one part of the cases."""
    by: dict[str, list[bool]] = {}
    for case in found:
        by.setdefault(str(case[part]), []).append(case[2] == case[3])
    return {name: round(float(np.mean(right)), 3) for name, right in sorted(by.items())}
