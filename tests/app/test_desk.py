"""An operator's orders are in the audit record, those that went half-way too; rubbish is not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from understudy.app.chronicle import Chronicle
from understudy.app.desk import Desk
from understudy.errors import UnderstudyError

from tests.app.test_pilot import a_pilot


class Record:
    """What was put into the audit record."""

    def __init__(self) -> None:
        self.entries: list[Mapping[str, Any]] = []

    async def audit(self, kind: str, data: Mapping[str, Any]) -> None:
        """As the chronicle does."""
        assert kind == "operator"
        self.entries.append(data)


def a_desk(directory: Path) -> tuple[Desk, Record]:
    record = Record()
    desk = Desk(
        directory,
        a_pilot(directory),
        cast(Chronicle, record),
        changed=lambda: None,
        announce=lambda name: None,
        status=lambda: {"fine": True},
    )
    return desk, record


async def test_a_switch_that_is_latched_beside_a_dead_relay_is_recorded_with_its_error(
    tmp_path: Path,
) -> None:
    desk, record = a_desk(tmp_path)
    with pytest.raises(UnderstudyError, match="latched to candidate, but the relay does not answer"):
        await desk.obey({"op": "switch", "to": "candidate", "force": True})
    (entry,) = record.entries
    assert (entry["to"], entry["force"]) == ("candidate", True) and "latched to candidate" in entry["error"]


async def test_reading_and_rubbish_are_not_recorded(tmp_path: Path) -> None:
    desk, record = a_desk(tmp_path)
    assert await desk.obey({"op": "status"}) == {"fine": True}
    for rubbish in ({"op": "nonsense"}, {"op": "switch", "to": 5}, {"op": "mirror", "on": "yes"}, {}):
        with pytest.raises(UnderstudyError, match="is no order"):
            await desk.obey(rubbish)
    assert not record.entries


async def test_a_thrown_kill_switch_stays_thrown(tmp_path: Path) -> None:
    desk, record = a_desk(tmp_path)
    assert desk.mirror_on
    await desk.obey({"op": "mirror", "on": False})
    assert not desk.mirror_on and not a_desk(tmp_path)[0].mirror_on
    await desk.obey({"op": "mirror", "on": True})
    assert desk.mirror_on and len(record.entries) == 2


async def test_the_kill_switch_works_where_the_disk_takes_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    desk, record = a_desk(state)
    state.rename(tmp_path / "gone")  # no room, no rights and no directory are all the same to it
    with pytest.raises(UnderstudyError, match="mirror: off, but a restart would switch it on"):
        await desk.obey({"op": "mirror", "on": False})
    assert not desk.mirror_on
    assert "cannot be changed (No such file or directory)" in record.entries[0]["error"]
    (tmp_path / "gone").rename(state)
    assert await desk.obey({"op": "mirror", "on": True}) == {"mirror": "on"} and desk.mirror_on
