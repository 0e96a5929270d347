"""The documentation names what there is: every key with its default, examples the commands accept."""

import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from understudy.app.check import run as check
from understudy.config import DERIVED, Config
from understudy.drift.tolerance import Tolerances

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
REQUIRED = object()
FILES = (".json", ".toml", ".proto", ".jsonl")


def settings(cls: type, section: str = "") -> Iterator[tuple[str, Any]]:
    """Every key of the config, dotted, with its default as TOML would read it."""
    hints = get_type_hints(cls)
    for one in fields(cls):
        if one.name in DERIVED.get(section, ()):
            continue
        name = f"{section}.{one.name}".lstrip(".")
        inner = within(hints[one.name])
        if inner is not None:
            yield from settings(inner, name)
        elif one.default is MISSING and one.default_factory is MISSING:
            yield name, REQUIRED
        else:
            default = one.default if one.default_factory is MISSING else one.default_factory()
            yield name, json.loads(json.dumps(default))


def within(hint: Any) -> type | None:
    if isinstance(hint, type) and is_dataclass(hint):
        return hint
    return next((found for part in get_args(hint) if (found := within(part))), None)


def documented(page: str) -> Iterator[tuple[str, Any]]:
    """The same, read from the tables of docs/config.md."""
    for part in page.partition("## `tolerances.toml`")[0].split("\n## ")[1:]:
        heading = part.partition("\n")[0]
        sections = re.findall(r"`\[+([a-z_.]+)\]+`", heading) or [""]
        for key, default in re.findall(r"^\| `(\w+)` \| (\S.*?) \| \S", part, re.MULTILINE):
            value = REQUIRED if default == "required" else tomllib.loads(f"x = {default.strip('`')}")["x"]
            for section in sections:
                yield f"{section}.{key}".lstrip("."), value


def test_the_config_page_names_every_key_with_its_default_and_no_other() -> None:
    assert dict(documented((ROOT / "docs/config.md").read_text())) == dict(settings(Config))


def test_the_config_page_names_every_key_of_a_tolerances_file() -> None:
    page = (ROOT / "docs/config.md").read_text().partition("## `tolerances.toml`")[2]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) and set(
        re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    ) == {one.name for one in fields(Tolerances)}


def test_check_accepts_the_example_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert check(ROOT / "deploy/understudy.toml", as_json=False) == 0, capsys.readouterr().out


def test_the_example_tolerances_are_the_shipped_ones() -> None:
    assert (ROOT / "deploy/tolerances.toml").read_text() == Tolerances.default().render()


def test_check_accepts_every_config_the_pages_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [
        block
        for page in PAGES
        for block in re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        if "[engines.baseline]" in block
    ]
    assert shown
    for block in shown:
        for name, content in re.findall(r'^manifest = "(.+?)"\s*# (\{.*\})$', block, re.MULTILINE):
            (tmp_path / name).write_text(content)  # as the comment beside it shows
        (tmp_path / "shown.toml").write_text(block)
        assert check(tmp_path / "shown.toml", as_json=False) == 0, capsys.readouterr().out


def test_alert_rules_speak_of_catalogued_metrics_and_existing_runbooks() -> None:
    rules = (ROOT / "deploy/prometheus/understudy.rules.yml").read_text()
    catalogue = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.MULTILINE))
    histograms = {f"{name}{suffix}" for name in catalogue for suffix in ("_bucket", "_sum", "_count")}
    assert set(re.findall(r"understudy_\w+", rules)) <= catalogue | histograms
    for runbook in re.findall(r"docs/runbooks/\w+\.md", rules):
        assert (ROOT / runbook).is_file(), runbook


def test_runbooks_name_commands_options_and_keys_that_exist() -> None:
    import typer
    from understudy.cli import app

    group = typer.main.get_command(app)
    keys = {name for name, _ in settings(Config)}
    keys |= {key.rpartition(".")[0] for key in keys}
    for page in sorted((ROOT / "docs/runbooks").glob("*.md")):
        for said in re.findall(r"`([^`]+)`", page.read_text()):
            words = said.split()
            if words[0] == "understudy":
                command = group.commands[words[1]]  # type: ignore[attr-defined]
                options = {name for one in command.params for name in one.opts}
                assert {word for word in words if word.startswith("--")} <= options, f"{page.name}: {said}"
            elif words[0] == "grpcurl":
                assert words[1] == "-plaintext", f"{page.name}: {said} speaks TLS"
            elif re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", words[0]) and not words[0].endswith(FILES):
                assert words[0] in keys, f"{page.name}: {said}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_command_the_pages_show_exists() -> None:
    from understudy.cli import app

    known = {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    } | {str(group.name) for group in app.registered_groups}
    shown = {
        word
        for page in PAGES
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
        for word in re.findall(r"^(?:\S+/)?understudy ([a-z][\w-]*)", block, re.MULTILINE)
    }
    assert shown and shown <= known


def test_the_analyzer_the_page_shows_passes_the_kit_as_it_says() -> None:
    first, second = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "docs/analyzers.md").read_text(), re.MULTILINE | re.DOTALL
    )
    exec(compile(first + second, "docs/analyzers.md", "exec"), {})
