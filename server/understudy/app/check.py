"""`understudy check`: what is wrong with a config file and where, without starting anything."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from understudy import plugins, tls
from understudy.app import roster
from understudy.category import LOAD
from understudy.category.build import build
from understudy.codec.kserve import INFER, STREAM
from understudy.config import Analyzers, Categories, Config, load
from understudy.drift.load import load as load_tolerances
from understudy.drift.spelling import made, slices, strange
from understudy.drift.tolerance import Tolerances
from understudy.engine import manifest as manifests
from understudy.errors import LINE, ConfigError, UnderstudyError, shown
from understudy.service.build import build as build_analyzers


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
            print(shown(problem, LINE))
        if config is not None and not problems:
            ours = [config.listen, config.compat.listen if config.compat is not None else ""]
            where = " and ".join(filter(None, ours)) or "Envoy's listener"
            print(f"{shown(path)}: fine: {config.primary} serves on {shown(where)}{_warnings(config)}")
    return 3 if problems else 0


def named(config: Config) -> list[str]:
    """What the config names and cannot be used."""
    problems: list[str] = []
    checks: list[Callable[[], object]] = [
        lambda: build(plugins.load("categorizers", config.categories.names), config.categories.topic),
        lambda: build_analyzers(config.analyzers.names, config.analyzers.parameters),
    ]
    if config.relay.tls is not None:
        checks.append(partial(tls.serving, config.relay.tls))
    for leg, engine in roster.engines(config).items():
        if engine.tls is not None:
            checks.append(partial(tls.calling, engine.tls))
        if engine.manifest:
            checks.append(partial(_manifest, f"engines.{leg}.manifest", Path(engine.manifest)))
    for check in checks:
        try:
            check()
        except UnderstudyError as error:
            problems.append(str(error))
    return problems + _spelt(config)


def vocabulary(analyzers: Analyzers, categories: Categories) -> tuple[set[str] | None, set[str]]:
    """Names of metrics (None: not known before analyzers elsewhere run) and of categorizers that there are.

    Raises:
        PluginError: one of them cannot be loaded.
    """
    telling = build(plugins.load("categorizers", categories.names), categories.topic)
    categorizers = {LOAD, *(one.name for one in telling)}
    local = (analyzers.names, analyzers.parameters) if analyzers.workers else ((), {})
    loaded = build_analyzers(*local)
    # What analyzers elsewhere score is known once they run.
    metrics = None if analyzers.addresses else made([m for one in loaded for m in one.metrics])
    return metrics, categorizers


def _spelt(config: Config) -> list[str]:
    """What is wrong with the tolerances, and names of slices and metrics that nothing answers to."""
    problems: list[str] = []
    tolerances = Tolerances.default()
    try:
        tolerances = load_tolerances(Path(config.tolerances)) if config.tolerances else tolerances
    except UnderstudyError as error:
        problems.append(str(error))
    counted, asked = tolerances.minimum_clusters, config.rollback.clusters
    if config.rollback.automatic and asked > counted:
        problems.append(
            f"rollback.clusters = {asked}: distinct clusters are counted up to the tolerances' minimum_clusters, "
            f"{counted}, so no rollback would ever come; raise that or lower this"
        )
    try:
        metrics, categorizers = vocabulary(config.analyzers, config.categories)
    except UnderstudyError:
        return problems  # told already, and what there is is not known
    return [
        *problems,
        *(f"{config.tolerances}: {line}" for line in strange(tolerances, metrics, categorizers)),
        *slices("categories.expected", config.categories.expected, categorizers),
        *slices("mirror.shares", tuple(config.mirror.shares), categorizers),
    ]


def _manifest(key: str, path: Path) -> None:
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read ({error.strerror}): write that file") from None
    manifests.parse(text, f"{key}: {path}")


def _warnings(config: Config) -> str:
    told = ""
    if not config.mirror.methods:
        told += "\nwarning: mirror.methods is empty, so nothing is mirrored: name the methods to compare"
    unknown = sorted(set(config.mirror.methods) - {INFER, STREAM})
    if unknown:
        names = shown(", ".join(unknown), LINE)
        told += f"\nwarning: mirror.methods: {names} is no inference call of KServe v2: never mirrored"
    if config.engines.control is None and config.mirror.control_share:
        told += (
            "\nnote: no engines.control: control replies come from the baseline's own address, and are at most "
            f"{config.mirror.control_primary_share:.0%} of the pairs while it serves the callers"
        )
    return told
