"""Topics: few, the same in every process, told cheaply; a codebook that is broken is refused with the mend."""

# ruff: noqa: RUF001 - letters of other alphabets are meant

import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from understudy.analysis.topics import run
from understudy.category.build import build, versions
from understudy.category.codebook import OTHER, TOPICS, read
from understudy.category.declared import Declared
from understudy.category.learn import continued, learn, listed
from understudy.category.terms import terms
from understudy.category.topic import Settings, Topic
from understudy.errors import ConfigError, DataError
from understudy.testing import NASTY, a_pair

SHIPPED = Topic()


def told(prompt: str, topic: Topic = SHIPPED) -> str | None:
    found = topic.categorize(a_pair(prompt).request)
    return found.value if found else None


@pytest.mark.parametrize(
    ("prompt", "topic"),
    [
        ("How do I bake a chocolate cake without eggs?", "food"),
        ("Wie backe ich einen Kuchen ohne Eier und Zucker?", "food"),
        ("鸡蛋 和 面包 可以 做 什么 早餐?", "food"),
        ("Какие овощи положить в суп с курицей?", "food"),
        ("My landlord wants to break the lease contract. Do I need a lawyer?", "law"),
        ("¿Qué síntomas tiene esta enfermedad y qué tratamiento da el médico?", "health"),
        ("頭痛の症状があります。病院で治療が必要ですか。", "health"),
        ("Write a Python function that sorts an array.", "programming"),
        ("Solve the equation and give the fraction as a percent.", "math"),
        ("ما هو أفضل فندق في رحلة إلى الشاطئ؟", "travel"),
        ("Who won the football championship, and who scored the goal?", "sport"),
        ("12 + 7 =", OTHER),
        ("zzz qqq xxx", OTHER),
        ("  \n", None),
        ("", None),
    ],
)
def test_what_a_prompt_is_about_is_told_in_many_languages(prompt: str, topic: str | None) -> None:
    assert told(prompt) == topic


def test_topics_are_few_and_each_may_name_a_slice() -> None:
    assert 20 <= len(SHIPPED.codebook.names) <= 32
    assert all(name.isidentifier() for name in SHIPPED.codebook.names)


@pytest.mark.parametrize("text", [*NASTY, "\u0000" * 50, "ﷺ" * 2000, "a" * 100_000, "\ud800", "字" * 5000])
def test_no_prompt_makes_it_raise_or_take_long(text: str) -> None:
    begun = time.process_time()
    told(text)
    assert time.process_time() - begun < 0.05


def test_the_same_prompt_has_the_same_topic_in_every_process() -> None:
    """Sets of words have another order in every process: sums must not follow it."""
    code = (
        "import json, sys\n"
        "from understudy.category.topic import Topic\n"
        "from understudy.category.terms import terms\n"
        "book = Topic().codebook\n"
        "texts = json.load(sys.stdin)\n"
        "print(json.dumps([[float(x).hex() for x in book.similar(terms(text))] for text in texts]))\n"
    )
    rng = np.random.default_rng(1)
    known = list(SHIPPED.codebook.index)
    texts = [" ".join(rng.choice(known, 40)) for _ in range(50)]
    said = [
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] and len(said[0]) > 1000


def test_both_ends_of_a_long_prompt_are_read() -> None:
    filler = "lorem ipsum " * 1000
    assert told("Translate the sentence into German. " + filler) == "language"
    assert told(filler + " Translate the sentence into German.") == "language"


def test_scripts_without_spaces_and_endings_of_words_come_to_the_same_terms() -> None:
    assert terms("multiply") == terms("Multiplication") == {"multip"}
    assert "数学" in terms("请做数学题") and terms("한국어를") & terms("한국은")
    assert terms("المدرسة") == terms("مدرسة")
    assert terms("x 42 7% !") == set()


# -- codebooks of one's own ------------------------------------------------------------------------------------

KINDS = {
    "billing": "invoice refund payment charge card subscription receipt bank",
    "shipping": "parcel delivery courier tracking address warehouse depot customs",
    "account": "password login email username profile settings reset security",
}


def prompts(n: int = 300, seed: int = 0) -> list[tuple[str, str]]:
    """Prompts of three kinds: four words of the kind among words that all have."""
    rng = np.random.default_rng(seed)
    common = "please help customer today question about thing problem morning answer quickly again".split()
    made = []
    for i in range(n):
        kind = list(KINDS)[i % 3]
        chosen = [*rng.choice(KINDS[kind].split(), 4, replace=False), *rng.choice(common, 3)]
        made.append((" ".join(rng.permutation(chosen)) + f" {i}", kind))
    return made


def test_topics_are_learnt_from_prompts_and_named_by_words_of_theirs() -> None:
    book = learn([text for text, _ in prompts()], 3)
    found: dict[str, set[str]] = {}
    for text, kind in prompts(90, seed=1):
        found.setdefault(kind, set()).add(book.topic(terms(text)))
    assert all(len(names) == 1 for names in found.values()) and len(set.union(*found.values())) == 3
    for kind, (name,) in found.items():
        assert set(name.split("-")) <= set(KINDS[kind].split())


def test_the_same_prompts_give_the_same_codebook(tmp_path: Path) -> None:
    hashes = set()
    for n in range(2):
        learn([text for text, _ in prompts()], 3).save(tmp_path / f"{n}.npz")
        hashes.add(read(tmp_path / f"{n}.npz").hash)
    assert len(hashes) == 1 and "" not in hashes


def test_what_only_a_few_wrote_does_not_get_into_the_file() -> None:
    texts = [text for text, _ in prompts()] + ["refund invoice swordfish", "swordfish payment charge"]
    assert "swordf" not in learn(texts, 3).index
    assert "swordf" in learn([*texts, "Swordfish receipt!"], 3).index


def test_lists_of_words_make_topics_too() -> None:
    book = listed({name: [words] for name, words in KINDS.items()}, [text for text, _ in prompts()])
    assert {(book.topic(terms(text)), kind) for text, kind in prompts(90, seed=2)} == {
        (kind, kind) for kind in KINDS
    }


def test_too_few_prompts_are_refused_with_the_mend() -> None:
    with pytest.raises(DataError, match="too few for 24 topics: give more prompts, or ask for fewer"):
        learn(["one", "two"])


def test_topics_learnt_anew_keep_their_names_and_new_ones_get_their_own() -> None:
    old = learn([text for text, _ in prompts()], 3)
    again = learn([text for text, _ in prompts(600, seed=7)], 3)
    told = {kind: old.topic(terms(text)) for text, kind in prompts(30, seed=1)}
    kept = continued(again, old)
    assert {kind: kept.topic(terms(text)) for text, kind in prompts(30, seed=1)} == told
    assert set(kept.names) == set(old.names)
    other = "garden tulip shovel compost hedge watering seedling trellis"
    rng = np.random.default_rng(0)
    more = [" ".join(rng.choice(other.split(), 4, replace=False)) + f" {n}" for n in range(150)]
    grown = continued(learn([*(text for text, _ in prompts(450, seed=3)), *more], 4), old)
    assert set(old.names) < set(grown.names)
    assert {grown.topic(terms(text)) for text in more} == set(grown.names) - set(old.names)
    renamed = replace(old, names=("a-b", "c-d", "e-f"))
    assert set(continued(again, renamed).names) == set(renamed.names)


def test_the_command_writes_what_the_config_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.jsonl"
    lines = [
        {"id": str(i), "prompt": text, "baseline": "a", "candidate": "a"}
        for i, (text, _) in enumerate(prompts())
    ]
    pairs.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = tmp_path / "topics.npz"
    assert run([pairs], out, 3) == 0
    said = capsys.readouterr().out
    topic = Topic(Settings(str(out)))
    assert f"codebook {topic.version}" in said and all(name in said for name in topic.codebook.names)
    assert out.stat().st_mode & 0o777 == 0o600  # it holds words that people wrote
    lists = tmp_path / "lists.toml"
    lists.write_text("".join(f'{name} = "{words}"\n' for name, words in KINDS.items()))
    assert run([pairs], out, lists=lists) == 0
    assert Topic(Settings(str(out))).codebook.names == tuple(KINDS)


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ("a = ", "is not TOML"),
        ('a = "words"', "has 1 topics"),
        ('a = "words"\nb = 3', "b holds no words"),
        ('a = "words"\n"b c" = "more"', "'b c' cannot name a topic"),
        ('a = "words"\nother = "more"', "'other' cannot name a topic"),
    ],
)
def test_a_list_that_cannot_be_used_is_one_line_with_the_mend(tmp_path: Path, lists: str, says: str) -> None:
    pairs, path = tmp_path / "pairs.jsonl", tmp_path / "lists.toml"
    pairs.write_text(
        json.dumps({"id": "1", "prompt": "hello there", "baseline": "a", "candidate": "a"}) + "\n"
    )
    path.write_text(lists)
    with pytest.raises(ConfigError, match=says) as caught:
        run([pairs], tmp_path / "out.npz", lists=path)
    assert "\n" not in str(caught.value)


def broken(**changed: Any) -> bytes:
    book = SHIPPED.codebook
    made: dict[str, Any] = {
        "format": np.array(1),
        "names": np.array(book.names[:2]),
        "terms": np.array(["one", "two"]),
        "weights": np.ones((2, 2)),
        "squares": np.ones(2),
        "unknown": np.array(1.0),
        "floor": np.array(0.1),
    }
    made |= changed
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in made.items() if array is not None})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"", "is no codebook"),
        (b"PK\x03\x04 and so on", "is no codebook"),
        (broken()[:300], "is no codebook"),
        (broken(weights=None), "has no weights"),
        (broken(format=np.array(7)), "of format 7"),
        (broken(names=np.array(["one"])), f"2 to {TOPICS} topics"),
        (broken(names=np.array(["one", "one"])), "twice"),
        (broken(names=np.array(["one", "a=b"])), "'a=b'"),
        (broken(names=np.array(["one", "other"])), "'other'"),
        (broken(weights=np.ones((2, 3))), "another shape"),
        (broken(weights=np.full((2, 2), np.nan)), "finite"),
        (broken(squares=np.zeros(2)), "positive"),
        (broken(floor=np.array(7.0)), "floor"),
        (broken(terms=np.array([{}, {}], dtype=object)), "is no codebook"),
    ],
)
def test_a_broken_codebook_is_refused_with_its_name_and_the_mend(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "topics.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=says) as caught:
        Topic(Settings(str(path)))
    line = str(caught.value)
    assert line.startswith("categories.topic.codebook: ") and str(path) in line and "\n" not in line
    assert "understudy topics" in line


def test_the_codebook_is_part_of_what_names_a_lane() -> None:
    made = build({"declared": Declared, "topic": Topic}, Settings())
    assert versions(made) == {"topic": SHIPPED.version} and len(SHIPPED.version) == 12


def test_a_codebook_with_any_byte_flipped_is_refused_in_one_line_or_reads_as_whole(tmp_path: Path) -> None:
    whole, path = broken(), tmp_path / "topics.npz"
    packed = io.BytesIO()
    with np.load(io.BytesIO(whole)) as file:
        np.savez_compressed(packed, **{name: file[name] for name in file.files})
    for content in (whole, packed.getvalue()):
        for place in range(0, len(content), 7):
            spoilt = bytearray(content)
            spoilt[place] ^= 0xFF
            path.write_bytes(spoilt)
            try:
                Topic(Settings(str(path)))
            except ConfigError as error:
                assert "\n" not in str(error) and "understudy topics" in str(error)


@pytest.mark.parametrize("form", [np.array("one"), np.array("1\n"), np.array(1.5), np.array([1, 2])])
def test_a_form_that_is_no_whole_number_is_refused(tmp_path: Path, form: Any) -> None:
    path = tmp_path / "topics.npz"
    path.write_bytes(broken(format=form))
    with pytest.raises(ConfigError, match="is of format") as caught:
        Topic(Settings(str(path)))
    assert "\n" not in str(caught.value)
