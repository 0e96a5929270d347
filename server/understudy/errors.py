"""One error per thing an operator does about it; foreign errors are mapped to these at the I/O edge."""

import re
import traceback


class UnderstudyError(Exception):
    """Base of every error this project raises on purpose. The text is one line: what is wrong, the mend."""


class ConfigError(UnderstudyError):
    """A file or flag the operator wrote is wrong: mend it and start again."""


class PluginError(UnderstudyError):
    """An entry point named by the config cannot be loaded: install or mend it."""


class EngineError(UnderstudyError):
    """An engine cannot be reached or described: start it or correct what the config says of it."""

    def __init__(self, text: str, *, field: str = "address", passing: bool = False) -> None:
        """`field` of the engine's config is where to look; `passing`: it may be over if one waits."""
        super().__init__(text)
        self.field = field
        self.passing = passing


class NotifyError(UnderstudyError):
    """A notifier's peer refused or is gone: the alert stands and is sent again."""


class DataError(UnderstudyError):
    """A pairs, capture or votes file is broken: the text names the file, the place and the mend."""


NAME = 120
"""Characters of a name that a terminal gets."""
LINE = 1_000
"""Characters of a line that holds such names."""
ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""What a terminal obeys instead of showing it, or shows as nothing: C0, DEL, C1, bidi and other invisible controls."""


def shown(text: object, most: int = NAME) -> str:
    r"""Text from outside as a terminal may have it: what acts is spelt \xNN or \uNNNN, what is too long is cut."""
    said = str(text)
    return ACTS.sub(_spelt, said[:most]) + ("..." if len(said) > most else "")


def _spelt(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def traced(error: BaseException) -> str:
    """What a log may say of an exception near prompts: its type and place. Its text may quote them: int("...")."""
    places = traceback.extract_tb(error.__traceback__)
    where = f" at {places[-1].filename}:{places[-1].lineno}" if places else ""
    return type(error).__name__ + where
