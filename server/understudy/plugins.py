"""Extension by entry points: six groups, and only what the config names is ever loaded.

A third party's distribution declares, for example,

    [project.entry-points."understudy.analyzers"]
    profanity = "acme_analyzers:Profanity"

and the operator names `profanity` in the config. A name that cannot be loaded is a start-up error
(`PluginError`), never a silent gap in what is watched.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from understudy.errors import PluginError

GROUPS = ("codecs", "categorizers", "analyzers", "captures", "notifiers", "engines")
"""The groups, as written in the config; the entry-point group is `understudy.<group>`."""


def available(group: str) -> dict[str, tuple[EntryPoint, ...]]:
    """Name -> the entry points installed under it (more than one is a clash between distributions)."""
    if group not in GROUPS:
        raise PluginError(f"plugin group {group!r} is unknown: use one of {', '.join(GROUPS)}")
    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=f"understudy.{group}"):
        found.setdefault(point.name, []).append(point)
    # The same distribution may be listed twice (an editable install beside its build): one value is no clash.
    return {name: tuple({point.value: point for point in found[name]}.values()) for name in sorted(found)}


def load(group: str, names: Iterable[str]) -> dict[str, object]:
    """Load the named entry points of a group, in the order named: name -> the object it points at (a class).

    Nothing else of the group is imported. Raises PluginError, one line that names group, name and the mend.
    """
    installed = available(group)
    loaded: dict[str, object] = {}
    for name in names:
        points = installed.get(name, ())
        if not points:
            have = ", ".join(installed) or "none"
            raise PluginError(
                f"{group} plugin {name!r} is not installed: name one of those available ({have}) "
                "or install the package that provides it"
            )
        if len(points) > 1:
            owners = ", ".join(f"{_owner(point)} ({point.value})" for point in points)
            raise PluginError(
                f"{group} plugin {name!r} is provided twice, by {owners}: uninstall one of them"
            )
        if name in loaded:
            raise PluginError(f"{group} plugin {name!r} is named twice: name it once")
        try:
            loaded[name] = points[0].load()
        except (
            Exception
        ) as error:  # whatever a third party's module raises on import is the operator's to mend
            raise PluginError(
                f"{group} plugin {name!r} ({points[0].value} of {_owner(points[0])}) cannot be loaded: "
                f"{_line(error)}; mend or reinstall that package, or name another of: {', '.join(installed)}"
            ) from error
    return loaded


def _owner(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "an unnamed distribution"


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300] if text else type(error).__name__
