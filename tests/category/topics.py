"""The shipped topics: `python -m tests.category.topics train | evaluate`. No test.

`train` learns server/understudy/category/topics.npz from the word lists beside it and from prompts and texts of the
labelled data whose licences allow it (MIT and Apache-2.0); `evaluate` measures it on prompts that it has not seen.
"""

import csv
import gzip
import json
import math
import os
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from zlib import crc32

from understudy.category.codebook import OTHER
from understudy.category.learn import listed
from understudy.category.topic import Topic
from understudy.testing import a_pair

DATA = Path(os.environ.get("UNDERSTUDY_DATA", "../shared/data"))
ROOM = Path(__file__).parents[2] / "server" / "understudy" / "category"


def held_out(prompt: str) -> bool:
    """A fifth of the prompts, told by the prompt itself, so that the same one is never on both sides."""
    return crc32(prompt.encode()) % 5 == 0


def lists() -> dict[str, list[str]]:
    """Topic -> its word lists."""
    told = tomllib.loads((ROOM / "topics.toml").read_text())
    return {name: list(languages.values()) for name, languages in told.items()}


def opened(name: str) -> Iterator[str]:
    with gzip.open(DATA / name, "rt", encoding="utf-8", newline="") as file:
        yield from file


def grade_school() -> list[str]:
    return [json.loads(line)["question"] for line in opened("numeric/test.jsonl.gz")]


def instructions() -> list[str]:
    lines = (DATA / "format/mifeval/en_input_data.jsonl").read_text().splitlines()
    return [json.loads(line)["prompt"] for line in lines]


def harmless() -> list[str]:
    name = "refusal/refusal_direction/meta-llama-3-8b-instruct_harmless_baseline.json.gz"
    return [row["prompt"] for row in json.loads("".join(opened(name)))]


def jailbreak() -> list[tuple[str, str]]:
    name = "refusal/refusal_direction/gemma-2b-it_jbb_baseline.json.gz"
    return [(row["prompt"], row["category"]) for row in json.loads("".join(opened(name)))]


def replies() -> list[tuple[str, str]]:
    """Texts in fifteen languages (replies; their prompts are not in the data) and their language."""
    rows = csv.DictReader(opened("language/gpt-4-turbo.csv.gz"))
    return [(row["completion"], row["language"]) for row in rows]


def alpaca() -> list[str]:
    return [
        row["instruction"] for row in json.loads("".join(opened("pairs/alpaca_eval/vicuna-13b-v1.5.json.gz")))
    ]


def exaggerated() -> list[tuple[str, str]]:
    with (DATA / "refusal/xstest_v2_completions_gpt4.csv").open(newline="") as file:
        return [(row["prompt"], row["type"]) for row in csv.DictReader(file)]


def labels() -> dict[str, dict[int, str]]:
    """Which list -> number of the prompt -> its topic."""
    made: dict[str, dict[int, str]] = {}
    for line in (Path(__file__).parent / "labels.txt").read_text().splitlines():
        if line.endswith(":"):
            each = made.setdefault(line.removesuffix(":"), {})
        elif not line.startswith("#"):
            each |= {int(number): topic for number, topic in (one.split() for one in line.split(","))}
    return made


def learnt_from() -> list[str]:
    texts = [*grade_school(), *instructions(), *harmless(), *(prompt for prompt, _ in jailbreak())]
    texts += [text for text, _ in replies()]
    return list(dict.fromkeys(text for text in texts if not held_out(text)))


def train() -> None:
    texts = learnt_from()
    made = listed(lists(), texts)
    made.save(ROOM / "topics.npz")
    (ROOM / "topics.npz").chmod(0o644)  # no secret, and installed for everybody
    size = (ROOM / "topics.npz").stat().st_size
    print(f"{len(texts)} texts, {len(made.names)} topics, {len(made.index)} terms, {size / 1000:.0f} kB")
    print("codebook", Topic().version)


def purity(pairs: Sequence[tuple[str, str]]) -> float:
    """Share of prompts whose label is the commonest of their cluster; pairs are (cluster, label)."""
    each: dict[str, Counter[str]] = {}
    for cluster, label in pairs:
        each.setdefault(cluster, Counter())[label] += 1
    return sum(count.most_common(1)[0][1] for count in each.values()) / len(pairs)


def information(pairs: Sequence[tuple[str, str]]) -> float:
    """Normalised mutual information, by the arithmetic mean of the entropies."""
    n = len(pairs)

    def entropy(counts: Counter[str]) -> float:
        return -sum(c / n * math.log(c / n) for c in counts.values())

    clusters, told = Counter(c for c, _ in pairs), Counter(label for _, label in pairs)
    joint = -sum(c / n * math.log(c / n) for c in Counter(pairs).values())
    both = entropy(clusters) + entropy(told)
    return 2 * (both - joint) / both if both else 1.0


def shared(found: Sequence[str]) -> str:
    """The commonest answers."""
    return ", ".join(f"{name} {count / len(found):.0%}" for name, count in Counter(found).most_common(5))


def evaluate() -> None:
    topic = Topic()

    def told(prompt: str) -> str:
        found = topic.categorize(a_pair(prompt).request)
        return found.value if found else OTHER

    print("codebook", topic.version, len(topic.codebook.names), "topics", len(topic.codebook.index), "terms")
    prompts = alpaca()
    for which, by_hand in labels().items():
        pairs = [(told(prompts[number - 1]), label) for number, label in by_hand.items()]
        near = [(a, b) for a, b in pairs if a != OTHER]
        print(
            f"by hand, {which}: {len(pairs)} prompts; right {sum(a == b for a, b in pairs) / len(pairs):.1%}, of those "
            f"given a topic {sum(a == b for a, b in near) / len(near):.1%} ({len(near) / len(pairs):.0%}); "
            f"purity {purity(pairs):.3f}, NMI {information(pairs):.3f}"
        )
    sources = [
        *((told(p), "grade school") for p in grade_school() if held_out(p)),
        *((told(p), label) for p, label in jailbreak() if held_out(p)),
        *((told(p), f"xstest {label}") for p, label in exaggerated()),
    ]
    print(
        f"by source, held out: {len(sources)}; purity {purity(sources):.3f}, NMI {information(sources):.3f}"
    )
    print("  grade school:", shared([a for a, b in sources if b == "grade school"]))
    print("  jailbreak:", shared([a for a, b in sources if b != "grade school" and "xstest" not in b]))
    print("  instructions:", shared([told(p) for p in instructions() if held_out(p)]))
    print("  alpaca_eval:", shared([told(p) for p in prompts]))
    each: dict[str, list[str]] = {}
    for text, language in replies():
        if held_out(text):
            each.setdefault(language, []).append(told(text))
    for language, found in sorted(each.items()):
        print(
            f"  replies {language}: {len(found)}, other {found.count(OTHER) / len(found):.0%}; {shared(found)}"
        )
    requests = [a_pair(prompt).request for prompt in prompts]
    best = math.inf
    for _ in range(7):
        begun = time.perf_counter()
        for request in requests:
            topic.categorize(request)
        best = min(best, (time.perf_counter() - begun) / len(requests))
    letters = sum(len(prompt) for prompt in prompts) / len(prompts)
    print(f"{1e6 * best:.1f} us a prompt (mean {letters:.0f} characters)")


def main(arguments: Sequence[str]) -> int:
    commands: Mapping[str, object] = {"train": train, "evaluate": evaluate}
    if len(arguments) != 1 or arguments[0] not in commands:
        print("usage: python -m tests.category.topics train|evaluate")
        return 2
    (train if arguments[0] == "train" else evaluate)()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
