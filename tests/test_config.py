"""The config's errors name the key and the mend, and give no secret away."""

from typing import Any

import pytest
from understudy.config import parse
from understudy.errors import ConfigError

ENGINES = {
    "baseline": {"address": "127.0.0.1:1", "model": "m"},
    "candidate": {"address": "127.0.0.1:2", "model": "m"},
}


@pytest.mark.parametrize(
    ("section", "where"),
    [
        ({"notify": {"webhook": {"url": "https://chat/hunter2"}}}, "notify.webhook: input should"),
        ({"notify": {"webhook": [{"url": ["https://chat/hunter2"]}]}}, "notify.webhook.0.url: input should"),
        ({"capture": {"hash_key": ["hunter2"]}}, "capture.hash_key: input should"),
    ],
)
def test_a_secret_of_the_wrong_type_is_named_but_not_shown(section: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match=where) as refused:
        parse({"engines": ENGINES} | section)
    assert "hunter2" not in str(refused.value)


def test_what_is_no_secret_is_shown_as_it_was_written() -> None:
    with pytest.raises(ConfigError, match=r"mirror.sample_by: 'cluser': "):
        parse({"engines": ENGINES, "mirror": {"sample_by": "cluser"}})


@pytest.mark.parametrize("primary", ["basline", "control", 5, ["baseline"]])
def test_a_wrong_primary_is_offered_the_two_that_serve(primary: object) -> None:
    with pytest.raises(ConfigError, match=r"primary: .* name baseline or candidate") as refused:
        parse({"engines": ENGINES, "primary": primary})
    assert "or 'control'" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "mend"),
    [
        ("http://10.0.0.1:8001", "write 10.0.0.1:8001"),
        ("grpc://engine:8001", "write engine:8001"),
        ("dns:///engine:8001", "write engine:8001"),
        ("ipv4:10.0.0.1:8001", "write 10.0.0.1:8001"),
        ("engine/v2:8001", "write host:port"),
        ("engine", "write host:port or unix:PATH"),
    ],
)
def test_an_address_with_a_scheme_is_refused_by_its_key(address: str, mend: str) -> None:
    wrong = {"candidate": {"address": address, "model": "m"}}
    with pytest.raises(ConfigError, match=f"engines.candidate.address: '{address}' .*{mend}$"):
        parse({"engines": ENGINES | wrong})
    with pytest.raises(ConfigError, match=f"listen: '{address}'"):
        parse({"engines": ENGINES, "listen": address})


@pytest.mark.parametrize(
    "address", ["[::1]:8001", "engine.svc:8001", "unix:/run/engine.sock", "unix:///run/e"]
)
def test_an_address_without_one_is_fine(address: str) -> None:
    parse({"engines": ENGINES | {"candidate": {"address": address, "model": "m"}}})


def test_both_engines_at_one_address_compare_nothing_and_are_refused_outside_an_a_a_run() -> None:
    same = {"baseline": ENGINES["baseline"], "candidate": ENGINES["baseline"]}
    with pytest.raises(ConfigError, match=r"candidate.address: 127.0.0.1:1 is .*allow_equal"):
        parse({"engines": same})
    parse({"engines": same | {"allow_equal": True}})


@pytest.mark.parametrize(
    ("analyzers", "said"),
    [
        ({"memory_bytes": 5}, r"analyzers\.memory_bytes: 5 is below 67108864: give at least that, or 0"),
        ({"parameters": {"judge": {}}}, r"analyzers\.parameters\.judge: analyzers\.names has no 'judge'"),
        ({"parameters": {"tone": {"x": {"y": 1}}}}, r"analyzers\.parameters\.tone\.x: is no text, number"),
        ({"parameters": {"tone": 3}}, r"analyzers\.parameters\.tone: 3: input should be a valid dict"),
        ({"parameter": {}}, r"analyzers\.parameter: unknown key"),
    ],
)
def test_wrong_settings_of_analyzers_are_named_by_their_field(analyzers: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse({"engines": ENGINES, "analyzers": analyzers})


def test_parameters_of_analyzers_are_kept_as_they_are_written() -> None:
    given = {"tone": {"share": 0.5, "words": ["a", "b"], "strict": True, "least": 3}}
    assert parse({"engines": ENGINES, "analyzers": {"parameters": given}}).analyzers.parameters == given
