"""Stopping a shard for good, in a process that lives on."""

from pathlib import Path

from agio import _core


def test_a_stopped_shard_frees_its_folder_while_somebody_still_holds_it(tmp_path: Path) -> None:
    first = _core.Shard(str(tmp_path), projected=0, durability="page-cache")
    first.stop()
    first.stop()
    second = _core.Shard(str(tmp_path), projected=0, durability="page-cache")
    assert (second.applied(), second.state()) == (first.applied(), "running")
    assert first.state() == "stopping"
    second.stop()
