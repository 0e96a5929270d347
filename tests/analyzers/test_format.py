"""Format: what is broken, what only looks so, and what a caller may declare."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from understudy.pair import Leg
from understudy.testing import a_pair
from understudy_analyzers import structure
from understudy_analyzers.expectation import Structure, expect
from understudy_analyzers.format import Format
from understudy_analyzers.format.contract import KEY, RESPONSE_FORMAT

from eval import split

TABLE = "| a | b |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"
PYTHON = "Here:\n\n```python\ndef add(x, y):\n    return x + y\n```\n\nDone."
SHELF = "<shelf>\n  <book id='1'>One &amp; two</book>\n  <book id='2'/>\n</shelf>"
YAML = "name: demo\nsteps:\n  - run: make\n    with: {a: 1}\n  - run: test\nnotes: |\n  free: text: here\n"
OPTIONS = "iron tin lead zinc copper silver nickel gold".split()
LIST = "1. one\n2. two\n3. three\n4. four\n5. five"


def value(prompt: str, text: str, **fields: Any) -> float | None:
    """What is said of one reply; None when nothing is."""
    for score in Format().score(a_pair(prompt, text, **fields)):
        return score.values.get(Leg.CANDIDATE)
    return None


@pytest.mark.parametrize(
    ("prompt", "whole", "bad"),
    [
        ("", '{"a": 1}', '{"a": 1,}'),
        ("", '{"a": 1}', '{"a: 1}'),
        ("", '{"a": 1}', 'Sure: {"a": 1}'),
        ("", '```json\n{"a": 1}\n```', '```json\n{"a": 1\n```'),
        ("", PYTHON, PYTHON.replace("y):", "y)")),
        ("", PYTHON, PYTHON.replace("```\n\nDone.", "Done.")),
        ("", PYTHON + "\n\n" + PYTHON, PYTHON.replace("```\n\nDone.", "Done.") + "\n\n" + PYTHON),
        ("", "```js\nif (a) { b(')'); }\n```", "```js\nif (a) { b(')');\n```"),
        ("", "So:\n\n" + TABLE, "So:\n\n" + TABLE.replace("| 3 | 4 |", "| 3 |")),
        ("", "So:\n\n" + TABLE, "So:\n\n" + TABLE.replace("| --- | --- |\n", "")),
        ("", LIST, LIST.replace("4.", "7.")),
        ("", LIST, LIST.replace("2.", "9.")),
        ("", LIST, LIST.replace("1.", "6.")),
        ("", LIST, LIST.replace("3.", "2.")),
        ("", LIST, LIST.replace("2. two\n", "")),
        ("Write a numbered list of five words.", LIST, LIST.replace("\n5. five", "")),
        ("", LIST + "\n\n**So:** done.", LIST + "\n\n**So: done."),
        ("", LIST + "\n\n## End", LIST + "\n\n##End"),
        ("", "def f(x):\n    return x", "def f(x)\n    return x"),
        ("", "a,b,c\n1,2,3\n4,5,6", "a,b,c\n1,2\n4,5,6"),
        ("", SHELF, SHELF.replace("</book>", "")),
        ("", "<div><p>one</p>two</div>", "<div><p>one</p>two"),
        ("", "<div><p>one</p><p>two</p></div>", "<div><p>one</p><p>two</div>"),
        ("", '<ul>\n<li class="a">one</li>\n</ul>', '<ul>\n<li class="a>one</li>\n</ul>'),
        ("Answer in XML.", SHELF, SHELF.replace("&amp;", "&")),
        ("Write an HTML page.", "<p>a<br>b<ul><li>c</ul>", "<div><p>a<br>b<ul><li>c</ul>"),
        ("Give me the config as YAML format.", YAML, YAML.replace("    with", "   with")),
        ("Write YAML for it.", YAML, YAML.replace("name:", "name")),
        ("Give CSV.", 'a,b\n"x, y",2\n3,4', 'a,b\n"x, y,2\n3,4'),
        ("Return JSON only.", '```json\n{"a": 1}\n```', 'Here:\n```json\n{"a": 1}\n```'),
        ("Return JSON with the keys name and age.", '[{"name": "A", "Age": 1}]', '[{"name": "A"}]'),
        ("Write a Python function.", PYTHON, PYTHON.replace("```python", "```java")),
        ("Use markdown headings.", "# One\ntext", "One\ntext"),
    ],
)
def test_what_breaks_is_seen_on_either_leg(scored: Any, prompt: str, whole: str, bad: str) -> None:
    assert scored(Format(), a_pair(prompt, whole, bad)).change("format") == 1.0
    assert scored(Format(), a_pair(prompt, bad, whole)).change("format") == -1.0
    assert scored(Format(), a_pair(prompt, whole, whole)).value("format") == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "````markdown\n```python\nx = 1\n```\n````",
        "```markdown\n# A\n```python\nx = 1\n```\nend\n```",
        "1. Do this:\n   ```sh\n   ls | wc\n   ```\n2. Then that.\n3. End.",
        '```json\n{\n  // a remark\n  "a": 1,\n  ...\n}\n```',
        "```python\n!pip install x\n>>> 1 + 1\n2\n```",
        "```python\n    def method(self):\n        # your code here\n```",
        "```rust\nfn f<'a>(x: &'a str) -> char { '{' }\n```",
        "```js\nconst r = /[(]/; // it's (\nlet t = `${a}(`;\n```",
        "```sql\nSELECT 'it''s (' FROM t; -- don't (\n```",
        "```html\n<ul><li>one<li>two</ul><p>text<img src=a.png>\n```",
        "10. ten\n9. nine\n8. eight\n7. seven",
        "1. a\n1. b\n1. c",
        "1. a\n2. b\n3. c\n\n## Next\n\n1. a\n2. b\n3. c",
        "1. a\n   1. x\n   2. y\n2. b\n   1. z\n3. c",
        "| a \\| b | c |\n|---|---|\n| `x|y` | z |",
        "The set {x | x > 1} and |x| are sets.",
        "| | 1 | -4 |\n| 4 | | 4 |\n\n|:G2 G2|c2 c2:|\n|:G2 G2|c2 c2:|",
        "```python\n<http://example.com>\n```",
        "```yaml\nExit, pursued by a bear.\nYou are as good as a flower.\n```",
        LIST + "\n\nPass **kwargs on, or 2**3 and radius**.",
        YAML,
    ],
)
def test_what_only_looks_broken_is_not(text: str) -> None:
    assert value("", text) in (0.0, None)


def test_a_note_names_what_is_broken_and_a_span_where() -> None:
    text = "Intro.\n\n" + TABLE.replace("| 3 | 4 |", "| 3 |") + "\n\nOutro."
    (score,) = Format().score(a_pair("", "Intro.\n\n" + TABLE, text))
    (span,) = score.spans
    assert span.leg is Leg.CANDIDATE and text[span.start : span.end] == "| 3 |"
    assert score.explanation == "baseline: structure whole; candidate: table: row 2 has 1 cells instead of 2"


def test_a_table_that_the_room_calls_whole_is_one_to_a_markdown_parser() -> None:
    parser = MarkdownIt("commonmark").enable("table")
    kinds = [token.type for token in parser.parse(TABLE)]
    assert kinds.count("tr_open") == len(structure.table(TABLE) or []) == 3
    assert "table_open" not in [token.type for token in parser.parse(TABLE.replace("| --- | --- |\n", ""))]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a": 1, "b": [2.0, 1e2]}', '{\n"b": [2, 100],\n"a": 1.0}', True),
        ('```json\n{"a": 1}\n```', '{"a": 1}', True),
        ('{"a": true}', '{"a": 1}', False),
        ('{"a": 1e400}', '{"a": 1e401}', False),
        ('{"a": 0.1}', '{"a": 0.10}', True),
    ],
)
def test_json_is_equal_by_value(one: str, other: str, same: bool) -> None:
    assert (structure.json_of(one) == structure.json_of(other)) is same
    assert structure.json_of(one) is not None


@pytest.mark.parametrize("text", ['{"a": NaN}', '{"a": 1,}', "[1] and more", "plain", '{"a": "x\ny"}'])
def test_what_is_no_json_has_no_canonical_form(text: str) -> None:
    assert structure.json_of(text) is None


SCHEMA = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}}}


@pytest.mark.parametrize(
    "metadata",
    [
        {KEY: json.dumps({"format": "json", "schema": SCHEMA})},
        {RESPONSE_FORMAT: json.dumps({"type": "json_schema", "json_schema": {"schema": SCHEMA}})},
    ],
)
def test_a_declared_schema_is_held_against_every_leg(metadata: dict[str, str]) -> None:
    pair = a_pair("Go on.", '{"id": 7}', '{"id": "7"}', '{"id": 8}', metadata=metadata)
    (score,) = Format().score(pair)
    assert dict(score.values) == {Leg.BASELINE: 0.0, Leg.CANDIDATE: 1.0, Leg.CONTROL: 0.0}
    assert "JSON Schema" in score.explanation and "id" in score.explanation


@pytest.mark.parametrize(
    ("contract", "whole", "bad"),
    [
        ({"keys": ["a", "b"]}, '{"a": 1, "b": 2}', '{"a": 1}'),
        ({"format": "bullets", "items": 2}, "- a\n- b", "- a"),
        ({"format": "csv"}, "a,b\n1,2", "Here:\n```csv\na,b\n1,2\n```"),
        ({"format": "xml"}, SHELF, SHELF + "\nThat is all."),
        ({"format": "code", "language": "python"}, "x = 1", "x = = 1"),
        ({"format": "yaml"}, YAML, YAML.replace("  - run: test", " - run: test")),
    ],
)
def test_a_contract_replaces_what_the_prompt_says(contract: dict[str, Any], whole: str, bad: str) -> None:
    metadata = {KEY: json.dumps(contract)}
    assert value("Tell me something.", whole, metadata=metadata) == 0.0
    assert value("Tell me something.", bad, metadata=metadata) == 1.0


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        ("{", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"format": "tabel"}', "format 'tabel' is none of"),
        ('{"fromat": "json"}', "unknown field 'fromat'"),
        ('{"schema": {"type": "nonsense"}}', "bad JSON Schema"),
        ('{"schema": {"$ref": "https://example.com/other.json"}}', "refers to other than its own parts"),
        ('{"format": "csv", "keys": ["a"]}', "are of json"),
        ('{"instructions": [{"name": "no:such"}]}', "instructions: "),
        ('{"instructions": [{"name": "length_constraints:nth_paragraph_first_word"}]}', "instructions: "),
        ('{"instructions": 3}', "instructions: "),
        ("[" * 100_000, "longer than"),
    ],
)
def test_a_contract_that_cannot_be_read_leaves_the_pair_unscored(contract: str, reason: str) -> None:
    (score,) = Format().score(a_pair("Go on.", "[1]", metadata={KEY: contract}))
    assert not score.values and set(score.unscored.values()) == {"contract"}, (
        "counted by a word, not by its text"
    )
    assert reason in score.explanation


def doubling(depth: int) -> dict[str, Any]:
    """A schema whose every part refers twice to the next: 2**depth parts where it is unfolded."""
    parts: dict[str, Any] = {f"p{n}": {"allOf": [{"$ref": f"#/$defs/p{n + 1}"}] * 2} for n in range(depth)}
    return {"$ref": "#/$defs/p0", "$defs": parts | {f"p{depth}": {"type": "object"}}}


@pytest.mark.parametrize(
    "schema",
    [
        doubling(26),
        {"$defs": {"a": {"properties": {"next": {"$ref": "#/$defs/a"}}}}, "$ref": "#/$defs/a"},
        {"properties": {f"p{n}": {"pattern": f"a{n}"} for n in range(200)}},
        {"pattern": r"(?:(?:\w{40}\d{3}){40}){40}"},
        {"$ref": "#/$defs/none"},
        {"$ref": "other.json"},
    ],
)
def test_a_schema_that_would_cost_without_bound_is_no_contract(schema: dict[str, Any]) -> None:
    metadata = {KEY: json.dumps({"schema": schema})}
    began = time.process_time()
    (score,) = Format().score(a_pair("Go on.", '{"next": {}}', metadata=metadata))
    assert not score.values and "schema" in score.explanation.lower()
    assert time.process_time() - began < 1.0


def test_a_schema_may_refer_to_its_own_parts(scored: Any) -> None:
    schema = doubling(3) | {"properties": {"a~/b": {"$ref": "#/$defs/t"}}}
    schema["$defs"]["t"] = {"type": "string", "pattern": "^x+$"}
    metadata = {KEY: json.dumps({"schema": schema})}
    pair = a_pair("Go on.", '{"a~/b": "xx"}', '{"a~/b": "y"}', metadata=metadata)
    assert scored(Format(), pair).change("format") == 1.0


@pytest.mark.parametrize("told", ["json_object", '{"type": "regex", "regex": "a+"}', '{"type": "text"}'])
def test_a_response_format_of_another_kind_is_no_contract(told: str, scored: Any) -> None:
    metadata = {"response_format": told}
    pair = a_pair("Return the name as JSON.", '{"a": 1}', '{"a": 1', metadata=metadata)
    assert scored(Format(), pair).change("format") == 1.0, "the prompt counts"


@pytest.mark.parametrize("reply", ["G", "It's B.", "Respuesta: B", "(H) gold", "gold"])
def test_an_option_may_be_taken_in_many_ways(reply: str) -> None:
    listed = " ".join(f"{letter}) {word}" for letter, word in zip("ABCDEFGH", OPTIONS, strict=True))
    assert value(f"Which metal is it? Answer with the letter only. {listed}", reply) == 0.0


def test_a_refusal_that_was_ordered_does_not_hide_a_broken_format(scored: Any) -> None:
    ask = "Write a rejection letter for a job applicant as JSON with the keys subject and body."
    whole = '{"subject": "Your application", "body": "I am sorry, but I must decline."}'
    pair = a_pair(ask, whole, "I'm sorry, but I must decline your application for the post.")
    assert scored(Format(), pair).change("format") == 1.0


def test_a_contract_that_allows_words_around_is_taken_at_its_word(scored: Any) -> None:
    metadata = {KEY: json.dumps({"format": "json", "alone": False})}
    pair = a_pair("Go on.", '{"a": 1}', 'Here:\n```json\n{"a": 1}\n```', metadata=metadata)
    assert scored(Format(), pair).change("format") == 0.0


def test_an_instruction_that_is_not_kept_counts_half_and_a_broken_structure_whole(scored: Any) -> None:
    metadata = {KEY: json.dumps({"format": "json", "instructions": [{"name": "punctuation:no_comma"}]})}
    kept, lapse, broken = '{"a": 1}', '{"a": 1, "b": 2}', '{"a": 1, "b": 2'
    assert scored(Format(), a_pair("Go on.", kept, lapse, metadata=metadata)).change("format") == 0.5
    assert scored(Format(), a_pair("Go on.", lapse, broken, metadata=metadata)).change("format") == 0.5
    assert scored(Format(), a_pair("Go on.", kept, broken, metadata=metadata)).change("format") == 1.0
    ask = "Give me three tips. Do not use any commas in your response."
    assert scored(Format(), a_pair(ask, "Rest and read", "Rest, and read")).change("format") == 0.5


def test_a_reply_too_long_to_be_read_whole_is_unscored() -> None:
    long = "[" + "1," * 200_000 + "1]"
    (score,) = Format().score(a_pair("Return JSON.", "[1]", long))
    assert dict(score.values) == {Leg.BASELINE: 0.0} and Leg.CANDIDATE in score.unscored


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("Summarize it in XML format.", Structure.XML),
        ("Explain how to parse XML.", None),
        ("Write an HTML page about limericks.", Structure.HTML),
        ("What is the difference between HTML and JavaScript?", None),
        ("Write a YAML file for the deployment.", Structure.YAML),
        ("Do not give me any bullet points, lists, or tables.", None),
        ("请以JSON格式回答", Structure.JSON),
        ("Devuelve los datos como tabla.", Structure.TABLE),
        ("Give no JSON, plain words please.", None),
    ],
)
def test_structures_are_read_from_prompts(prompt: str, wanted: Structure | None) -> None:
    assert expect(prompt).structure is wanted


@pytest.mark.parametrize(
    ("prompt", "keys"),
    [
        ("Return JSON with the keys name, age and city.", ("name", "age", "city")),
        ('Give a JSON object with keys "first name"', ()),
        ('Answer as JSON with fields "a" and "b" only.', ("a", "b")),
        ("Return JSON whose keys and values are strings.", ()),
        ("Return JSON with the fields you find.", ()),
    ],
)
def test_names_are_read_only_where_they_are_plainly_listed(prompt: str, keys: tuple[str, ...]) -> None:
    assert expect(prompt).keys == keys


@pytest.mark.parametrize(
    "unit",
    [
        '"\\',
        "<script>",
        "<a '",
        '"\\"',
        "/*",
        "=/",
        "| a ",
        "```x\n",
        "1. ",
        "- - ",
        "`",
        "{'",
        "a: [",
        " " * 50,
        "/* \"' ",
    ],
)
def test_bait_is_read_in_bounded_time(unit: str) -> None:
    text = unit * (150_000 // len(unit))
    started = time.perf_counter()
    for language in ("", "json", "js", "sql", "html", "yaml", "csv", "python"):
        value("Return a table as JSON, CSV, XML and code.", f"```{language}\n{text[:60_000]}\n```")
    value("Return JSON.", text)
    assert time.perf_counter() - started < 2.0


def test_a_quantized_model_keeps_its_json_and_changes_some_of_it(data: Path) -> None:
    folder = data / "pairs" / "llama31_8b"
    fp16, q8 = (
        [row["output"] for row in split.rows(folder / f"extraction_{e}.jsonl.gz")] for e in ("fp16", "q8_0")
    )
    equal = [structure.json_of(a) == structure.json_of(b) for a, b in zip(fp16, q8, strict=True)]
    assert round(sum(equal) / len(equal), 4) == 0.9467


@pytest.mark.parametrize(
    ("prompt", "structure"),
    [
        ("Extract name, age as JSON: Anna is 5.", Structure.JSON),
        ("How do I parse JSON in Python?", None),
        ("Write a Python function that sorts.", Structure.CODE),
        ("Write a Markdown table with the columns item and count: 3 pears.", Structure.TABLE),
        ("Compute the subtotal of the following table.", None),
        ("Summarize these bullet points.", None),
        ("Make a numbered list with apples and pears.", Structure.NUMBERED),
        ("What is a table tennis ball made of?", None),
    ],
)
def test_a_structure_is_expected_only_when_it_is_asked_for(prompt: str, structure: Structure | None) -> None:
    assert expect(prompt).structure is structure


@pytest.mark.parametrize(
    ("prompt", "whole", "bad"),
    [
        ("Give a as JSON.", '{"a": 1}', '{"a": 1'),
        ("", '[{"a": 1}]', '[{"a": 1}'),
        ("Write a Python function.", "def f(x):\n    return x", "def f(x)\n    return x"),
        ("Explain.", "Use this:\n```sh\nls\n```", "Use this:\n```sh\nls\n"),
        ("Make a markdown table.", "| a | b |\n| --- | --- |\n| 1 | 2 |", "| a | b |\n| --- | --- |\n| 1 |"),
        ("Give CSV.", "a,b\n1,2", "a,b\n1"),
        ("Make a numbered list.", "1. a\n2. b\n3. c", "1. a\n4. b"),
        ("Give exactly 3 bullet points.", "- a\n- b\n- c", "- a\n- b"),
    ],
)
def test_a_broken_structure_is_bad_and_a_whole_one_is_not(
    scored: Any, prompt: str, whole: str, bad: str
) -> None:
    assert scored(Format(), a_pair(prompt, whole, bad)).change("format") == 1.0
    assert scored(Format(), a_pair(prompt, bad, whole)).change("format") == -1.0


def test_a_refusal_is_no_broken_format_and_plain_talk_has_none(scored: Any) -> None:
    refused = scored(
        Format(), a_pair("Give a as JSON.", '{"a": 1}', "I'm sorry, but I can't help with that.")
    )
    assert Leg.CANDIDATE not in refused.scores["format"].values
    assert "format" not in scored(Format(), a_pair("How are you?", "Fine, thanks.", "Very well."))
