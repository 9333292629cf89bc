"""Commands that read the log: how they end, and what they say where it does."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agio import _core
from agio.cli import main
from agio.shard import log
from tests.tidy.tree import ROOT


def ask(folder: Path, *words: str) -> Result:
    (folder / "log").mkdir(exist_ok=True)
    return CliRunner().invoke(main, [*words, "--data", str(folder)])


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A log of three commands. What Ctrl-C does while it is read."""
    heard: list[Any] = []

    def records(_: str, first: int) -> Iterator[dict[str, Any]]:
        heard.append(signal.getsignal(signal.SIGINT))
        yield from ({"sequence": at, "time": 0, "command": {"Remark": {}}, "events": []} for at in range(first, 4))

    def verify(_: str) -> dict[str, Any]:
        heard.append(signal.getsignal(signal.SIGINT))
        found: dict[str, Any] = dict.fromkeys(("log", "records", "frames", "segments", "snapshots", "hash", "torn"))
        return found | {"last": 2, "damage": ["a byte"]}

    monkeypatch.setattr(log, "records", records)
    monkeypatch.setattr(log, "verify", verify)
    return heard


@pytest.mark.parametrize("words", [("verify",), ("inspect", "log"), ("inspect", "order", "1")])
def test_ctrl_c_ends_a_long_read_at_once(tmp_path: Path, three: list[Any], words: tuple[str, ...]) -> None:
    before = signal.getsignal(signal.SIGINT)
    ask(tmp_path, *words)
    assert three == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("three")
def test_where_the_log_ends_is_said(tmp_path: Path) -> None:
    assert "ends with command 3" in ask(tmp_path, "inspect", "log", "2").stderr
    assert ask(tmp_path, "inspect", "log", "2", "--count", "2").stderr == ""
    assert "ends before command 9" in ask(tmp_path, "inspect", "log", "9").stderr
    lines = ask(tmp_path, "inspect", "log", "--json").stdout.splitlines()
    assert [json.loads(line)["sequence"] for line in lines] == [1, 2, 3]


@pytest.mark.usefixtures("three")
def test_damage_is_told_with_what_is_whole(tmp_path: Path) -> None:
    done = ask(tmp_path, "verify")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-2:] == ["whole up to command 2", "DAMAGED: a byte"]


def test_a_snapshot_of_another_state_than_the_logs_is_told(tmp_path: Path) -> None:
    """One that was taken behind a quarantined command, and the list is gone that says to pass over it."""
    shutil.copytree(ROOT / "tests" / "golden" / "journal-1", tmp_path / "log")
    shard = _core.Shard(str(tmp_path / "log"), projected=406, durability="memory", segment_bytes=1 << 16)
    shard.stop()
    whole = ask(tmp_path, "verify")
    assert (whole.exit_code, whole.stdout.splitlines()[2].partition(";")[0]) == (0, "2 snapshots that fit")
    (tmp_path / "log" / "skips").unlink()
    done = ask(tmp_path, "verify")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[-1].startswith("DAMAGED: 00000000000000000406.snap: the log, with its skip list,")
