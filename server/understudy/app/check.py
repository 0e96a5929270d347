"""`understudy check`: what is wrong with a config file and where, without starting anything."""

import json
from collections.abc import Callable
from pathlib import Path

from understudy import plugins
from understudy.config import Config, load
from understudy.drift.load import load as load_tolerances
from understudy.errors import UnderstudyError


def run(path: Path, *, as_json: bool) -> int:
    """Check the file and all it names; 0 when it would start, 3 when it would not."""
    problems: list[str] = []
    config: Config | None = None
    try:
        config = load(path)
    except UnderstudyError as error:
        problems.append(str(error))
    if config is not None:
        problems += named(config)
    if as_json:
        print(json.dumps({"ok": not problems, "problems": problems}))
    else:
        for problem in problems:
            print(problem)
        if config is not None and not problems:
            print(f"{path}: fine: {config.primary} serves on {config.listen}{_warnings(config)}")
    return 3 if problems else 0


def named(config: Config) -> list[str]:
    """What the config names and cannot be used."""
    problems: list[str] = []
    checks: list[Callable[[], object]] = [
        lambda: plugins.load("categorizers", config.categories.names),
        lambda: plugins.load("analyzers", config.analyzers.names),
    ]
    if config.tolerances:
        checks.append(lambda: load_tolerances(Path(config.tolerances)))
    for check in checks:
        try:
            check()
        except UnderstudyError as error:
            problems.append(str(error))
    return problems


def _warnings(config: Config) -> str:
    told = ""
    if not config.mirror.methods:
        told += "\nwarning: mirror.methods is empty, so nothing is mirrored: name the methods to compare"
    if config.engines.control is None and config.mirror.control_share:
        told += "\nnote: no engines.control: control replies come from the baseline's own address"
    return told
