"""One error per thing an operator does about it; foreign errors are mapped to these at the I/O edge."""

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


def traced(error: BaseException) -> str:
    """What a log may say of an exception near prompts: its type and place. Its text may quote them: int("...")."""
    places = traceback.extract_tb(error.__traceback__)
    where = f" at {places[-1].filename}:{places[-1].lineno}" if places else ""
    return type(error).__name__ + where
