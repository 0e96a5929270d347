"""The edge of this room: reads a tolerances file."""

import tomllib
from pathlib import Path

from understudy.drift.tolerance import Tolerances
from understudy.errors import ConfigError


def load(path: Path) -> Tolerances:
    """Read and validate a tolerances.toml.

    Raises:
        ConfigError: missing, not readable, not TOML, or out of range; one line with the path and the mend.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"tolerances: {path} does not exist; correct the path, or leave it out to use the defaults"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"tolerances: {path} cannot be read ({error.strerror}); mend its permissions"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"tolerances: {path} is not TOML ({error}); mend that line") from None
    try:
        return Tolerances.from_dict(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
