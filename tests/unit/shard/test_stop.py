"""Starting a shard on a long log, and stopping one for good, in a process that lives on."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from agio import _core
from agio.domain.errors import Fatal
from agio.shard import handle


def test_a_stopped_shard_frees_its_folder_while_somebody_still_holds_it(tmp_path: Path) -> None:
    first = _core.Shard(str(tmp_path), projected=0, durability="page-cache")
    first.stop()
    first.stop()
    second = _core.Shard(str(tmp_path), projected=0, durability="page-cache")
    assert (second.applied(), second.state()) == (first.applied(), "running")
    assert first.state() == "stopping"
    second.stop()


def test_a_stop_for_whose_snapshot_there_is_no_room_is_a_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def live() -> None:
        shard = handle.Shard.open(str(tmp_path), asyncio.get_running_loop(), projected=0, durability="page-cache")
        await shard.command({"ListAsset": {"name": "USDT", "precision": 8}})
        (tmp_path / "snapshot.part").mkdir()
        await asyncio.to_thread(shard.stop)
        shard.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(live())
    assert "stopped without a snapshot: the log is whole" in caplog.text
    (tmp_path / "snapshot.part").rmdir()
    again = _core.Shard(str(tmp_path), projected=0, durability="page-cache")
    assert again.applied() == 1
    again.stop()


def test_a_long_start_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def recovered(*_: Any, **__: Any) -> None:
        time.sleep(0.1)
        raise Fatal("the end")

    assert _core.opening("nowhere") == (0, 0)
    monkeypatch.setattr(handle, "_recovered", recovered)
    monkeypatch.setattr(handle, "SOON", 0.0)
    monkeypatch.setattr(_core, "opening", {"folder": (2_000_000, 8_000_000)}.__getitem__)
    with caplog.at_level(logging.INFO), pytest.raises(Fatal):
        asyncio.run(handle.Shard.recover("folder", projected=0))
    assert [record.message for record in caplog.records] == ["reading the log: 25 % of 8 MB"]
