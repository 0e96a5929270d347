import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understudy.engine.manifest import Source, build, fingerprint, parse, unknown
from understudy.errors import ConfigError

FIELDS = st.dictionaries(st.text(max_size=8), st.none() | st.integers() | st.text(max_size=8), max_size=6)


@given(FIELDS, st.randoms())
def test_the_fingerprint_depends_on_values_and_not_on_order_or_source(fields, random) -> None:  # type: ignore[no-untyped-def]
    items = list(fields.items())
    random.shuffle(items)
    one = build({n: (v, Source.OBSERVED) for n, v in fields.items()})
    other = build({n: (v, Source.FILE) for n, v in items})
    assert fingerprint(one) == fingerprint(other) == fingerprint(parse(json.dumps(one), "x"))


def test_another_value_is_another_engine() -> None:
    int4, int3 = ({"quantization": (q, Source.OBSERVED)} for q in ("int4", "int3"))
    assert fingerprint(build(int4)) != fingerprint(build(int3))


def test_the_fingerprint_is_the_same_in_every_release() -> None:
    manifest = build({"model": ("m", Source.OBSERVED), "bits": (4, Source.FILE)})
    assert fingerprint(manifest) == "60af59659f8ca8389310d17882d48fc257467cb1bb24e5f3cad581bff66a7ea8"


def test_unknown_fields_are_named() -> None:
    assert unknown(build({"a": (None, Source.UNKNOWN), "b": (None, Source.OBSERVED)})) == ("a",)


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"fields": {"a": 1}}', '{"fields": {"a": {"value": 1, "source": "x"}}}']
)
def test_a_broken_manifest_is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^engine\.json[^\n]*$"):
        parse(text, "engine.json")
