"""What the page draws: its own script, run by node over as much of a document as it touches."""

import asyncio
import json
import re
import shutil
from importlib.resources import files

import pytest
from understudy.alert import AlertBook, Health, Settings
from understudy.drift.tolerance import Tier
from understudy.drift.verdict import State, Verdict, Why
from understudy.telemetry import Reading
from understudy.web import describe

from tests.verdicts import a_verdict

DOCUMENT = """
class Node {
  constructor(tag) { this.tag = tag; this.text = ""; this.children = []; }
  set textContent(text) { this.text = text; this.children = []; }
  append(...nodes) { this.children.push(...nodes); }
  replaceChildren(...nodes) { this.children = nodes; }
  get flat() { return [this.text, ...this.children.map((one) => one.flat)].filter(Boolean).join("|"); }
}
const parts = {};
const document = { createElement: (tag) => new Node(tag), getElementById: (id) => parts[id] ??= new Node(id) };
const fetch = async () => ({ ok: true, json: async () => STATUS });
const setTimeout = () => console.log(JSON.stringify(Object.fromEntries(
  Object.entries(parts).map(([id, node]) => [id, node.flat]))));
"""


async def drawn(*verdicts: Verdict) -> dict[str, str]:
    """The texts of the page's parts, by id, with `|` between elements."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs node")
    book = AlertBook(Settings())
    book.update(verdicts, Health(), 1)
    status = describe(Reading(version="1"), verdicts, book.alerts(), None, None, 1)
    page = files("understudy.web").joinpath("page.html").read_text("utf-8")
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert script is not None
    running = await asyncio.create_subprocess_exec(
        program, "-", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    source = f"const STATUS = {json.dumps(status)};{DOCUMENT}{{{script[1]}}}"
    out, _ = await running.communicate(source.encode())
    told: dict[str, str] = json.loads(out)
    assert told["state"].startswith("1 "), told["state"]
    return told


async def test_a_breach_shows_without_a_mouse_how_bad_it_is_now_and_why_nothing_acted() -> None:
    told = await drawn(a_verdict(recent=0.2, tau=0.03, reason=Why.BLOCKED_CLUSTERS))
    assert "+0.150|recent +0.200 / 0.03|rollback: rollback blocked clusters" in told["maps"]


async def test_a_cell_that_is_not_in_breach_shows_its_effect_alone() -> None:
    told = await drawn(a_verdict(State.WITHIN))
    assert told["maps"].endswith("|task=math|+0.150")


async def test_an_alert_says_its_tier() -> None:
    told = await drawn(a_verdict(tier=Tier.PAGE))
    assert "tier page" in told["alerts"]
