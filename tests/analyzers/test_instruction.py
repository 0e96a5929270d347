import time
from pathlib import Path

import pytest
from understudy.testing import NASTY
from understudy_analyzers.instruction import Instruction, Kind, Relation, declare, detect, verify

from eval import instruction as measured

LEAST, LESS, EXACT = Relation


def only(prompt: str) -> Instruction:
    (found,) = detect(prompt)
    return found


@pytest.mark.parametrize(
    ("prompt", "kind", "words", "relation", "number"),
    [
        ('Include the keywords "leaf" and "cup".', Kind.EXISTENCE, ("leaf", "cup"), None, None),
        ("Do not use the words leaf or cup.", Kind.FORBIDDEN, ("leaf", "cup"), None, None),
        ("The word leaf should appear at least 3 times.", Kind.FREQUENCY, ("leaf",), LEAST, 3),
        ("The letter q should appear at most twice.", Kind.LETTERS, ("q",), LESS, 3),
        ("Respond using only the Kannada language, no other language is allowed.", Kind.LANGUAGE, ("kn",), None, None),
        ("Write more than 30 sentences.", Kind.SENTENCES, (), LEAST, 31),
        ("Write 4 paragraphs, separated by the markdown divider: ***", Kind.PARAGRAPHS, ("***",), EXACT, 4),
        ("Respond with at most 150 words.", Kind.WORDS, (), LESS, 151),
        ("Include at least 3 placeholders in square brackets, such as [name].", Kind.PLACEHOLDERS, (), LEAST, 3),
        ("Add a postscript starting with P.P.S at the end.", Kind.POSTSCRIPT, ("P.P.S",), None, None),
        ("Your answer must contain exactly 3 bullet points.", Kind.BULLETS, (), EXACT, 3),
        ("Highlight at least 2 sections in markdown, i.e. *highlighted*.", Kind.HIGHLIGHTS, (), LEAST, 2),
        ("Write 4 sections, each marked with SECTION X.", Kind.SECTIONS, ("SECTION",), LEAST, 4),
        ("Wrap the entire output in JSON format.", Kind.JSON, (), None, None),
        ("Add a title in double angular brackets, i.e. <<title>>.", Kind.TITLE, (), None, None),
        ("Give two different answers, separated by 6 asterisk symbols: ******.", Kind.TWO, (), None, None),
        ('End your response with the phrase "That is all."', Kind.END, ("That is all.",), None, None),
        ("Wrap your entire response with double quotation marks.", Kind.QUOTATION, (), None, None),
        ("Words with all capital letters should appear less than 4 times.", Kind.CAPITALS, (), LESS, 4),
        ("Your entire response should be in English, and in all capital letters.", Kind.UPPER, (), None, None),
        ("Write it in all lowercase letters. No capital letters are allowed.", Kind.LOWER, (), None, None),
        ("Refrain from using any commas.", Kind.COMMA, (), None, None),
    ],
)  # fmt: skip
def test_an_instruction_is_found_with_its_parameters(
    prompt: str, kind: Kind, words: tuple[str, ...], relation: Relation | None, number: int | None
) -> None:
    found = only(f"Tell me about tea. {prompt}")
    assert (found.kind, found.words, found.relation, found.number) == (kind, words, relation, number)


def test_a_paragraph_s_first_word_is_found_with_its_place() -> None:
    found = only(
        'Write 3 paragraphs with blank lines between them. Be short. Paragraph 2 must start with "tea".'
    )
    assert (found.kind, found.words, found.number, found.nth) == (Kind.FIRST_WORD, ("tea",), 3, 2)


@pytest.mark.parametrize(
    "prompt",
    [
        "Write about tea.\nFirst repeat the request word for word without change, then give your answer.",
        "Before you answer, repeat the request below exactly as it is.\n\nWrite about tea.",
    ],
)
def test_the_request_to_repeat_is_the_request_without_the_order(prompt: str) -> None:
    assert only(prompt).words == ("Write about tea.",)


def test_answers_to_choose_from_are_those_named() -> None:
    prompt = "Is tea a fruit? Answer with one of the following options: 'Certainly.', 'Certainly not.'"
    assert only(prompt).words == ("Certainly.", "Certainly not.")


def test_every_instruction_says_where_it_stands() -> None:
    prompt = "Write a song without commas. Use at least 20 sentences."
    assert [prompt[one.start : one.end] for one in detect(prompt)] == [
        "without commas",
        "at least 20 sentences",
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "Write a 500 word essay about tea.",
        "Write a Python function that converts a string to lowercase.",
        "How do I parse JSON in Go?",
        "How many commas are in this sentence?",
        "Why do people write in all caps on the internet?",
        "My teacher says every paragraph should have at least five sentences. Is that right?",
        "Give me ten words that contain the letter q at least twice.",
        'Is it rude to end an email with "Regards"?',
        'What does the word "ephemeral" mean?',
        "Can you highlight the key differences between TCP and UDP?",
        "Explain in French why the sky is blue.",
        "Every 5th word of your response must be in Japanese.",
        'Summarize: "You must answer in at least 50 sentences and without any commas at all, said the king."',
    ],
)
def test_what_only_sounds_like_an_instruction_is_none(prompt: str) -> None:
    assert detect(prompt) == ()


def test_a_negation_holds_for_its_own_clause_alone() -> None:
    assert only("It should not be long, but include the keyword leaf.").kind is Kind.EXISTENCE
    assert only("Don't forget to include the keyword leaf.").kind is Kind.EXISTENCE


def kept(name: str, text: str, **arguments: object) -> bool:
    return declare(name, arguments).kept(text)


@pytest.mark.parametrize(
    ("name", "arguments", "good", "bad"),
    [
        ("keywords:existence", {"keywords": ["leaf"]}, "A Leaflet.", "A flower."),
        ("keywords:forbidden_words", {"forbidden_words": ["leaf"]}, "A leaflet.", "A Leaf."),
        ("keywords:frequency", {"relation": "less than", "keyword": "a", "frequency": 2}, "A b.", "A b a."),
        ("keywords:letter_frequency", {"let_relation": "at least", "letter": "b", "let_frequency": 2}, "Bb", "b"),
        ("language:response_language", {"language": "de"}, "Das ist ein Satz über den Tee und das Wasser.",
         "This is a sentence about the tea and the water."),
        ("language:response_language", {"language": "mr"}, "हा चहा आहे आणि तो चांगला आहे.", "This is the tea."),
        ("length_constraints:number_sentences", {"relation": "less than", "num_sentences": 3},
         "Mr. Brown came home. He slept.", "He came. He slept. He went."),
        ("length_constraints:number_words", {"relation": "at least", "num_words": 4}, "one two-three four", "one, two"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb", "a\n\nb"),
        ("length_constraints:nth_paragraph_first_word", {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "tea"},
         "One.\n\nTea, two.", "Tea.\n\nTwo."),
        ("detectable_content:number_placeholders", {"num_placeholders": 2}, "[a] and [b]", "[a and [b]"),
        ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, "x\np. p.s. y", "x\nP.S. y"),
        ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b", "* a\n* b\n** c **\n* d"),
        ("detectable_format:constrained_response", {}, "My answer is no.", "No."),
        ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, "*a* and *b*", "*a* and **"),
        ("detectable_format:multiple_sections", {"section_spliter": "Part", "num_sections": 2},
         "Part 1\na\nPart 2\nb", "Part 1\na\nPart two\nb"),
        ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', 'Here: {"a": 1}'),
        ("detectable_format:title", {}, "<<tea>>\nx", "<< >>\nx"),
        ("combination:two_responses", {}, "a\n******\nb", "a\n******\na"),
        ("combination:repeat_prompt", {"prompt_to_repeat": "Say tea."}, "say tea. Tea!", "Tea! Say tea."),
        ("startend:end_checker", {"end_phrase": "The end."}, 'x "the end."', "The end. Or not."),
        ("startend:quotation", {}, ' "x" ', '"x'),
        ("change_case:capital_word_frequency", {"capital_relation": "less than", "capital_frequency": 2},
         "ONE two", "I DO"),
        ("change_case:english_capital", {}, "TEA IS GOOD FOR YOU.", "TEA IS good."),
        ("change_case:english_lowercase", {}, "tea is good for you.", "Tea is good for you."),
        ("punctuation:no_comma", {}, "a; b", "a, b"),
    ],
)  # fmt: skip
def test_a_reply_keeps_an_instruction_or_breaks_it(
    name: str, arguments: dict[str, object], good: str, bad: str
) -> None:
    one = declare(name, arguments)
    assert verify(one, good) is None
    assert verify(one, bad)


def test_a_reply_that_says_nothing_keeps_nothing() -> None:
    assert not kept("punctuation:no_comma", "  \n")


def test_sentences_end_at_stops_but_not_at_abbreviations_or_in_numbers() -> None:
    exactly = {"relation": "at least", "num_sentences": 3}
    assert not kept(
        "length_constraints:number_sentences", "We met Dr. Lee at 5.30 p.m. today. It rained...", **exactly
    )
    assert kept("length_constraints:number_sentences", 'He said "No!" twice. Then he left.', **exactly)


def test_paragraphs_between_blank_lines_may_count_a_heading_or_not() -> None:
    one = only("Write exactly 2 paragraphs about tea.")
    body = (
        "Tea is a drink that is made of leaves and hot water.\n\nIt is drunk all over the world, hot or cold."
    )
    assert one.kept(body)
    assert one.kept(f"# Tea\n\n{body}")
    assert not one.kept(f"{body}\n\nThis is one paragraph more than what was asked for.")


def test_exactly_so_many_is_neither_more_nor_less() -> None:
    one = only("Answer in exactly 3 words.")
    assert [one.kept(text) for text in ("a b", "a b c", "a b c d")] == [False, True, False]


def test_a_declared_instruction_may_name_its_language_and_leave_arguments_empty() -> None:
    assert declare("en:punctuation:no_comma", {"num_words": None}) == Instruction(Kind.COMMA)
    with pytest.raises(ValueError, match="nothing"):
        declare("nothing:known", {})


@pytest.mark.parametrize(
    "prompt",
    [
        *NASTY,
        "word " * 50_000,
        '"a", ' * 50_000,
        "at least 3 " * 50_000,
        "end with " * 50_000,
        "*" * 200_000 + " highlight",
        "include the keywords " * 20_000,
    ],
)
def test_hostile_prompts_and_replies_take_bounded_time(prompt: str) -> None:
    began = time.perf_counter()
    detect(prompt)
    assert time.perf_counter() - began < 1.5
    began = time.perf_counter()
    for kind in Kind:
        Instruction(kind, ("a",), LEAST, 3, 1).kept(prompt)
    assert time.perf_counter() - began < 2.5


def test_what_is_found_and_kept_agrees_with_the_data(data: Path) -> None:
    cases = [case for _, case, _ in measured.judged(measured.prompts(data))]
    assert sum(there == found for _, there, found in cases) >= 0.88 * len(cases)
    verdicts = [(one.kept(reply), kept) for _, _, one, reply, kept in measured.verdicts(data)]
    assert sum(said == true for said, true in verdicts) >= 0.99 * len(verdicts)


def test_prompts_that_ask_for_no_form_are_left_alone(data: Path) -> None:
    assert measured._false(data, []).met
