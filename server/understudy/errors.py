"""One error per thing an operator does about it; foreign errors are mapped to these at the I/O edge."""


class UnderstudyError(Exception):
    """Base of every error this project raises on purpose. The text is one line: what is wrong, the mend."""


class ConfigError(UnderstudyError):
    """A file or flag the operator wrote is wrong: mend it and start again."""


class PluginError(UnderstudyError):
    """An entry point named by the config cannot be loaded: install or mend it."""


class EngineError(UnderstudyError):
    """An engine cannot be reached or described: start it or correct its address."""


class NotifyError(UnderstudyError):
    """A notifier's peer refused or is gone: the alert stands and is sent again."""


class DataError(UnderstudyError):
    """A pairs, capture or votes file is broken: the text names the file, the place and the mend."""
