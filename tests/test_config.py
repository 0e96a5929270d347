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
    with pytest.raises(ConfigError, match="primary: 'basline': "):
        parse({"engines": ENGINES, "primary": "basline"})
