"""The analyzers that a config names, made with the parameters it gives them."""

import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast, get_type_hints

from understudy import plugins
from understudy.errors import ConfigError, PluginError, UnderstudyError
from understudy.pair import Pair
from understudy.score import Analyzer, Metric, Score

PARAMETERS = "analyzers.parameters"
"""Where a config gives them."""

PLAIN: Mapping[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}

Parameters = Mapping[str, Mapping[str, Any]]
"""Analyzer -> its constructor's arguments by name."""


@dataclass(frozen=True, slots=True)
class Parametrized:
    """An analyzer that was made with parameters: another value of one may mean other scores, so they are told."""

    analyzer: Analyzer
    parameters: Mapping[str, str]

    @property
    def name(self) -> str:
        """The analyzer's."""
        return self.analyzer.name

    @property
    def version(self) -> str:
        """The analyzer's."""
        return self.analyzer.version

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The analyzer's."""
        return self.analyzer.metrics

    def score(self, pair: Pair) -> Sequence[Score]:
        """What the analyzer says."""
        return self.analyzer.score(pair)


def build(names: Sequence[str], parameters: Parameters | None = None) -> list[Analyzer]:
    """One of each named analyzer, in order.

    Raises:
        PluginError: one cannot be loaded, or fails as it is made.
        ConfigError: it takes no such parameters; the text names the field.
    """
    given = parameters or {}
    classes = plugins.load("analyzers", names)
    for name in given:
        if name not in classes:
            raise ConfigError(
                f"{PARAMETERS}.{name}: no analyzer {name!r} is named: name it in analyzers.names, or remove the table"
            )
    return [_made(name, cast(type, cls), given.get(name, {})) for name, cls in classes.items()]


def identity(version: str, parameters: Mapping[str, str]) -> str:
    """A version and the parameters, as the lane of the evidence names them: `2 (model=acme/mini, threshold=0.5)`."""
    told = ", ".join(f"{name}={value}" for name, value in sorted(parameters.items()))
    return f"{version} ({told})" if told else version


def parameters_of(analyzer: Analyzer) -> Mapping[str, str]:
    """What it was made with."""
    return analyzer.parameters if isinstance(analyzer, Parametrized) else {}


def _made(name: str, cls: type, given: Mapping[str, Any]) -> Analyzer:
    where = f"{PARAMETERS}.{name}"
    _check(where, cls, given)
    try:
        made: Analyzer = cls(
            **{key: tuple(one) if isinstance(one, list) else one for key, one in given.items()}
        )
    except UnderstudyError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise PluginError(
            f"analyzers plugin {name!r} cannot be made: {type(error).__name__}: {said}; see {where}, or mend the plugin"
        ) from error
    if not given:
        return made
    return Parametrized(
        made, {key: one if isinstance(one, str) else json.dumps(one) for key, one in given.items()}
    )


def _check(where: str, cls: type, given: Mapping[str, Any]) -> None:
    """Refuse what the constructor does not take, by the field's name and without its value."""
    try:
        taken = tuple(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):  # made in C: it says itself what it does not take
        return
    named = {one.name: one for one in taken if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)}
    if not any(one.kind is one.VAR_KEYWORD for one in taken):
        for key in given:
            if key not in named:
                takes = f"it takes {', '.join(named)}" if named else "it takes none"
                raise ConfigError(
                    f"{where}.{key}: unknown parameter: {takes}; remove it or correct its spelling"
                )
    for key, one in named.items():
        if one.default is one.empty and key not in given:
            raise ConfigError(f"{where}.{key}: missing: write it")
    try:
        hints = get_type_hints(vars(cls).get("__init__", cls))
    except Exception:  # names that only a type checker knows
        hints = {}
    for key, value in given.items():
        wanted = hints.get(key)
        if wanted in PLAIN and not _fits(value, wanted):
            raise ConfigError(
                f"{where}.{key}: is no {PLAIN[wanted].removeprefix('a ')}: write {PLAIN[wanted]}"
            )


def _fits(value: object, wanted: Any) -> bool:
    if isinstance(value, bool):
        return wanted is bool
    return isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
