"""An installed analyzer that blocks the interpreter for ever, in a worker as `understudy serve` starts it."""

import asyncio
from pathlib import Path

import pytest
from understudy.app import process
from understudy.app.serve import analyzer_sockets, children
from understudy.config import parse
from understudy.pair import Leg
from understudy.pipeline.pool import Pool
from understudy.service.convert import pair_to_proto
from understudy.supervise import Supervisor
from understudy.testing import a_pair

PLUGIN = """
import re
from understudy.score import Metric, Score, Sense

class Explosive:
    name = "explosive"
    version = "1"
    metrics = (Metric("explosive", Sense.BAD, "a reply that a pattern explodes on"),)

    def __init__(self, pattern: str = "x"):
        self.pattern = pattern

    def score(self, pair):
        values = {output.leg: float(bool(re.match(self.pattern, output.text))) for output in pair.legs()}
        return [Score("explosive", Sense.BAD, values, {})]
"""


async def test_the_limit_of_the_config_ends_the_worker_and_the_supervisor_starts_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "explosive.py").write_text(PLUGIN)
    about = tmp_path / "explosive-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: explosive\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[understudy.analyzers]\nexplosive = explosive:Explosive\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    config = parse(
        {
            "run_dir": str(tmp_path),
            "engines": {
                "baseline": {"address": "127.0.0.1:1", "model": "m"},
                "candidate": {"address": "127.0.0.1:2", "model": "m"},
            },
            "analyzers": {
                "names": ["explosive"],
                "limit_s": 1.0,
                "parameters": {"explosive": {"pattern": "(a+)+b"}},
            },
        }
    )
    (worker,) = [child for child in children(config, tmp_path, None) if child.name == "analyzers-0"]
    supervisor = Supervisor([worker])
    pool = Pool(analyzer_sockets(config), config.analyzers.limit_s)
    running = [asyncio.ensure_future(supervisor.run()), asyncio.ensure_future(pool.run())]
    texts = ["calm", "a" * 64, "calm"]
    scores = [pool.submit(pair_to_proto(a_pair(candidate=text))) for text in texts]
    (first,), (second,), (third,) = await asyncio.wait_for(asyncio.gather(*scores), 60)
    assert (first.values[Leg.CANDIDATE], third.values[Leg.CANDIDATE]) == (0, 0)
    assert set(second.unscored.values()) == {"time_limit"}
    assert first.parameters == second.parameters == {"pattern": "(a+)+b"}
    assert pool.analyzers == {"explosive": "1 (pattern=(a+)+b)"}
    assert supervisor.restarts["analyzers-0"] == 2
    supervisor.stop()
    running[1].cancel()
    await asyncio.gather(*running, return_exceptions=True)


def test_a_worker_elsewhere_takes_names_parameters_and_bounds_from_a_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[object, ...]] = []

    def start(*settings: object) -> int:
        started.append(settings)
        return 0

    monkeypatch.setattr(process, "analyzers", start)
    config = tmp_path / "understudy.toml"
    config.write_text(
        '[engines.baseline]\naddress = "h:1"\nmodel = "m"\n[engines.candidate]\naddress = "h:2"\nmodel = "m"\n'
        '[analyzers]\nnames = ["one", "two"]\nlimit_s = 3.0\nmemory_bytes = 0\n[analyzers.parameters.two]\nx = 1\n'
    )
    for names, limit_s in (((), None), (("one",), None), (("two",), 9.0)):
        assert process.elsewhere("h:9", names, limit_s, config) == 0
    assert started == [
        ("h:9", ("one", "two"), 3.0, 0, {"two": {"x": 1}}),
        ("h:9", ("one",), 3.0, 0, {}),
        ("h:9", ("two",), 9.0, 0, {"two": {"x": 1}}),
    ]
    process.elsewhere("h:9", ("three",), None, None)
    assert started[-1] == ("h:9", ("three",), 20.0, 2 << 30, {})
