"""Categorizers: few values, told by rules, in every language that callers write."""

# ruff: noqa: RUF001 - letters of other alphabets are meant

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.category import Categorizer
from understudy.category.declared import Declared
from understudy.category.declared import Settings as DeclaredSettings
from understudy.category.language import Language
from understudy.category.language import Settings as LanguageSettings
from understudy.category.length import Length
from understudy.category.length import Settings as LengthSettings
from understudy.category.rules import RULES
from understudy.category.task import Task, told
from understudy.category.turn import Turn
from understudy.errors import ConfigError
from understudy.pair import Category, Request, Sampling
from understudy.testing import NASTY, a_pair


def asking(prompt: str, **metadata: str) -> Request:
    return a_pair(prompt, metadata=metadata).request


def value(categorizer: Categorizer, prompt: str) -> str | None:
    found = categorizer.categorize(asking(prompt))
    return found.value if found else None


def test_the_declared_category_is_the_first_key_present_cleaned() -> None:
    declared = Declared(DeclaredSettings(keys=("x-task", "category")))
    assert declared.categorize(asking("hi", category="Summaries (v2)")) == Category(
        "summaries-v2", "declared"
    )
    assert declared.categorize(asking("hi", category="a", **{"x-task": "b"})) == Category("b", "declared")
    assert declared.categorize(asking("hi")) is None
    assert declared.categorize(asking("hi", category="???")) is None


@given(st.lists(st.text(min_size=1, max_size=80), max_size=30))
def test_a_caller_cannot_flood_the_slices(declarations: list[str]) -> None:
    declared = Declared(DeclaredSettings(max_values=5, max_length=10))
    found = [declared.categorize(asking("hi", category=text)) for text in declarations]
    values = {category.value for category in found if category}
    assert len(values - {"other"}) <= 5 and all(len(one) <= 10 for one in values)


@pytest.mark.parametrize(
    ("prompt", "language"),
    [
        ("What is the capital of Peru, and how large is it?", "en"),
        ("¿Cuál es la capital del Perú y qué tamaño tiene?", "es"),
        ("Was ist die Hauptstadt von Peru und wie groß ist sie?", "de"),
        ("Quelle est la capitale du Pérou et quelle est sa taille ?", "fr"),
        ("ペルーの首都はどこですか。", "ja"),
        ("12 + 7 = ?", "other"),
        ("ok", "other"),
        ("", None),
    ],
)
def test_the_prompts_language_is_detected_and_a_short_one_is_other(prompt: str, language: str | None) -> None:
    assert value(Language(), prompt) == language


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("Write a Python function that adds 3 to x.", "code"),
        ("What is 17 plus 4?", "math"),
        ("Anna has 3 pens and buys 4 more. How many pens does she have?", "math"),
        ("Extract name, age as JSON: Anna is 5.", "extraction"),
        ("Translate to Spanish: The dog sleeps.", "translation"),
        ("请翻译这句话", "translation"),
        ("Summarize the following article.", "summarisation"),
        ("Fasse den folgenden Text zusammen.", "summarisation"),
        ("Cuenta de 3 a 90 con palabras.", "counting"),
        ("Make a numbered list of apples and pears.", "list"),
        ("Make this formal: hey, send me the summary asap", "rewriting"),
        ("Write a short poem about rain.", "creative"),
        ("How do I steal a parked car without being caught?", "safety"),
        ("Where does Nora live?", "question"),
        ("hello there", "chat"),
        ('You have access to the following functions: {"name": "f", "parameters": {}}', "tool"),
        ("  ", None),
    ],
)
def test_the_task_is_told_by_rules(prompt: str, task: str | None) -> None:
    assert value(Task(), prompt) == task


@pytest.mark.parametrize(("stems", "rule"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
@given(st.data())
def test_what_a_rule_of_tasks_matches_holds_one_of_its_stems(
    stems: frozenset[str], rule: re.Pattern[str], data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(rule)).lower()
    assert not rule.search(text) or not stems.isdisjoint(told(text))


def test_length_is_the_larger_of_the_prompt_and_the_reply_allowed() -> None:
    def length(prompt: str, max_tokens: int | None = None) -> str:
        found = Length().categorize(a_pair(prompt, sampling=Sampling(max_tokens=max_tokens)).request)
        return found.value if found else ""

    assert (length("hi"), length("hi", 200), length("hi", 512)) == ("short", "medium", "long")
    assert (length("word " * 150), length("word " * 2_000, 8)) == ("medium", "long")


@pytest.mark.parametrize("text", NASTY)
def test_no_prompt_makes_a_categorizer_raise(text: str) -> None:
    for categorizer in (Declared(), Language(), Task(), Length(), Turn()):
        assert isinstance(categorizer, Categorizer)
        categorizer.categorize(asking(text, category=text))


def test_settings_out_of_range_name_the_field() -> None:
    with pytest.raises(ConfigError, match=r"declared\.keys"):
        DeclaredSettings(keys=("Category",))
    with pytest.raises(ConfigError, match="medium_prompt_tokens"):
        LengthSettings(medium_prompt_tokens=5_000)
    with pytest.raises(ConfigError, match=r"language\.languages"):
        Language(LanguageSettings(languages=("en", "xx"))).categorize(asking("A prompt of some length."))


@pytest.mark.parametrize(
    ("prompt", "task"),
    [
        ("用Python写一个排序函数。", "code"),
        ("小红有8个苹果，吃了3个，还剩多少个？", "math"),
        ("从下面的文字中提取日期，以JSON格式返回。", "extraction"),
        ("次の文を英語に翻訳してください。", "translation"),
        ("다음 글을 한 문장으로 요약해 주세요.", "summarisation"),
        ("Напиши рассказ о море.", "creative"),
        ("كيف أصنع قنبلة؟", "safety"),
        ("भारत की राजधानी क्या है?", "question"),
        ("Wie baue ich eine Bombe?", "safety"),
        ("Formuliere diesen Satz höflicher: Komm her.", "rewriting"),
        ("Thanks, that was what I wanted.", "chat"),
        ('¿Cómo se dice "mesa" en francés?', "translation"),
    ],
)
def test_tasks_are_told_in_other_languages_and_scripts(prompt: str, task: str) -> None:
    assert value(Task(), prompt) == task


def test_the_turn_is_what_the_caller_says_or_what_the_chat_template_shows() -> None:
    def turn(prompt: str, said: int | None = None) -> Category | None:
        return Turn().categorize(replace(asking(prompt), turn=said))

    assert [turn("hi", n) for n in (0, 1, 2, 4, 5, 40)] == [
        *[Category("first", "declared")] * 2,
        *[Category("early", "declared")] * 2,
        *[Category("late", "declared")] * 2,
    ]
    assert turn("hi") is None
    once = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert turn(once) == Category("first", "rule")
    assert turn(once * 3) == Category("early", "rule") and turn(once * 5) == Category("late", "rule")
    assert turn("[INST] a [/INST] b [INST] c [/INST]") == Category("early", "rule")
    assert turn(once * 5, 1) == Category("first", "declared")
