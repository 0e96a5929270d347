"""The edge of this room: reads a tolerances file."""

import tomllib
from pathlib import Path
from typing import Any

from understudy.drift.tolerance import Tolerances
from understudy.errors import ConfigError

LONGEST = 1 << 20
"""Bytes of a file."""
ENTRIES = 10_000
"""Tables in `metrics` and in `slices`; each is looked for among all names there are."""


def load(path: Path) -> Tolerances:
    """Read and validate a tolerances.toml.

    Raises:
        ConfigError: missing, not readable, not TOML, or out of range; one line with the path and the mend.
    """
    data = parsed(path)
    for name in ("metrics", "slices"):
        table = data.get(name)
        if isinstance(table, dict) and len(table) > ENTRIES:
            raise ConfigError(
                f"{path}: tolerances: {name} has {len(table):,} entries; write at most {ENTRIES:,}"
            )
    try:
        return Tolerances.from_dict(data)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except OverflowError:
        raise ConfigError(f"{path}: tolerances: holds a number beyond 1e308; write a smaller one") from None


def parsed(path: Path) -> dict[str, Any]:
    """What a tolerances.toml says itself.

    Raises:
        ConfigError: missing, not readable, or not TOML; one line with the path and the mend.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"tolerances: {path} is no regular file; give one")
        with path.open("rb") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise ConfigError(f"tolerances: {path} is longer than {LONGEST >> 20} MiB; write fewer entries")
        return tomllib.loads(text.decode("utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"tolerances: {path} does not exist; correct the path, or leave it out to use the defaults"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"tolerances: {path} cannot be read ({error.strerror}); mend its permissions"
        ) from None
    except RecursionError:
        raise ConfigError(f"tolerances: {path} is nested too deeply; mend it") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"tolerances: {path} is not TOML ({error}); mend that line") from None
    except ValueError:
        raise ConfigError(
            f"tolerances: {path} holds a number of thousands of digits; write another"
        ) from None
