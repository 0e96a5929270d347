"""Without a relay of ours a rollback is latched and said; Envoy's routes are its operator's."""

import re
import tempfile
from pathlib import Path

import pytest
from understudy.config import parse
from understudy.demo.stage import free_port
from understudy.errors import ConfigError
from understudy.service.lines import ask

from tests.app.stage import Deployment, Engine, call, config
from tests.app.test_serve import broken, drive_until_latched, good
from tests.ingest.envoy import running

ENGINES = {"engines": {name: {"address": f"{name}:1", "model": "m"} for name in ("baseline", "candidate")}}


def test_only_who_has_ingest_may_have_no_relay() -> None:
    with pytest.raises(ConfigError, match=r"listen: '' is no address"):
        parse(ENGINES | {"listen": ""})
    assert parse(ENGINES | {"listen": "", "ingest": {}}).ingest is not None
    with pytest.raises(ConfigError, match=r"ingest\.listen: 'nowhere' is no address"):
        parse(ENGINES | {"ingest": {"listen": "nowhere"}})
    with pytest.raises(ConfigError, match=r"two cluster names"):
        parse(ENGINES | {"ingest": {"candidate": "baseline"}})


async def test_a_broken_candidate_behind_envoy_is_latched_and_said_and_envoy_goes_on() -> None:
    baseline, candidate = await Engine("baseline", good).start(), await Engine("candidate", broken).start()
    with tempfile.TemporaryDirectory(prefix="us") as name:
        directory, port, ingest = Path(name), free_port(), free_port()
        (directory / "tolerances.toml").write_text("tick_s = 1.0\n")
        more = f'[ingest]\nlisten = "127.0.0.1:{ingest}"\n'
        text = config(directory, port, baseline.address, candidate.address, more)
        deployment = Deployment(directory, re.sub("(?m)^listen = .*", 'listen = ""', text, count=1))
        ports = {8000: port, 8003: free_port(), 8004: free_port(), 8005: ingest, 9901: free_port()}
        ports[8003], ports[8004] = (int(one.address.rpartition(":")[2]) for one in (baseline, candidate))
        try:
            await deployment.start()
            async with running(directory, ports, "cluster: candidate"):
                await drive_until_latched(deployment, port)
                status = await deployment.until(lambda s: s["primary"] == "baseline")
                assert status["verdict"] == "BREACH" and status["latch"]["primary"] == "baseline"
                assert status["signal"]["action"] == "rollback" and status["accounted"]
                assert await call(port, ["after"]) == [broken("after")]
                told = await ask(deployment.run_dir / "control.sock", {"op": "rearm"})
                assert told["primary"] == "candidate" and "relay" not in told
        finally:
            await deployment.stop()
            await baseline.stop()
            await candidate.stop()
