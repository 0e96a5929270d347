"""A candidate that serves callers and dies: no pair can show it, so its silence alone brings them back."""

import grpc
import pytest
from understudy.errors import UnderstudyError
from understudy.service.lines import ask

from tests.app.stage import Engine, call, deployed
from tests.app.test_faults import run
from tests.app.test_serve import good, prompts


async def test_callers_of_a_candidate_that_dies_are_back_at_the_baseline_in_seconds() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    more = "[rollback]\nunreachable_s = 6\n"
    async with deployed(baseline, candidate, more, primary="candidate") as (deployment, port):
        assert await call(port, ["before"]) == [good("before")]
        address = candidate.address
        await candidate.stop()
        with pytest.raises(grpc.aio.AioRpcError, match="UNAVAILABLE"):
            await call(port, ["to a dead engine"], width=1)
        dark = await deployment.until(lambda s: not s["ready"]["ok"])
        assert "the primary (candidate) has not answered" in dark["ready"]["why"]
        status = await deployment.until(lambda s: s["primary"] == "baseline" and s["signal"] is not None)
        assert status["signal"]["reason"] == "candidate_unreachable"
        (alert,) = [a for a in status["alerts"] if a["name"] == "PrimaryUnreachable"]
        assert alert["labels"]["leg"] == "candidate" and alert["annotations"]["runbook"]
        # What was said of the candidate as primary ends with the switch, long before alert.clear_s.
        await deployment.until(
            lambda s: all(a["state"] != "firing" for a in s["alerts"] if a["name"] == "PrimaryUnreachable"),
            timeout_s=5,
        )
        asked = prompts(4)
        assert await call(port, asked) == [good(prompt) for prompt in asked]
        await deployment.until(lambda s: bool(s["ready"]["ok"]) and s["relay"]["primary"] == "baseline")

        control = deployment.run_dir / "control.sock"
        with pytest.raises(UnderstudyError, match="rearm: the candidate does not answer"):
            await ask(control, {"op": "rearm"})
        code, said = await run("switch", "--to", "candidate", "--run-dir", str(deployment.run_dir))
        assert code == 3 and said.count("\n") == 1 and "--force" in said
        assert (await deployment.status())["primary"] == "baseline"
        await candidate.start(address)
        assert (await ask(control, {"op": "rearm"}))["primary"] == "candidate"
        assert await call(port, ["after"]) == [good("after")]
        audit = (deployment.state_dir / "audit.jsonl").read_text()
        assert audit.count("candidate_unreachable") == 1


async def test_while_the_baseline_is_dead_too_nobody_is_moved_and_the_blocker_is_named() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    more = "[rollback]\nunreachable_s = 2\n"
    async with deployed(baseline, candidate, more, primary="candidate") as (deployment, _):
        await baseline.stop()
        await candidate.stop()
        status = await deployment.until(
            lambda s: s["decision"] is not None and "target_dead" in s["decision"]["blocked_by"]
        )
        assert status["primary"] == "candidate" and status["latch"] is None
        await baseline.start(baseline.address)
        await deployment.until(lambda s: s["primary"] == "baseline")


async def test_a_shadow_candidate_that_dies_is_told_of_before_callers_ask() -> None:
    baseline, candidate = Engine("baseline", good), Engine("candidate", good)
    async with deployed(baseline, candidate, primary="baseline") as (deployment, port):
        address = candidate.address
        await candidate.stop()
        status = await deployment.until(
            lambda s: any(a["name"] == "CandidateUnreachable" and a["state"] == "firing" for a in s["alerts"])
        )
        assert status["ready"]["ok"] and status["primary"] == "baseline"
        assert await call(port, ["served all the same"]) == [good("served all the same")]
        await candidate.start(address)
        await deployment.until(
            lambda s: all(
                a["state"] == "resolved" for a in s["alerts"] if a["name"] == "CandidateUnreachable"
            )
        )
