"""What the doctor says of a running exchange that is not well."""

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agio.cli import doctor as module
from agio.cli.doctor import TROUBLES, doctor
from agio.gateway.admin.state import TROUBLED


def problems(folder: Path) -> list[str]:
    told: list[str] = json.loads(CliRunner().invoke(doctor, ["--data", str(folder), "--json"]).stdout)["problems"]
    return told


@pytest.mark.parametrize(
    ("state", "history", "words"),
    [
        ("running", "running", []),
        ("degraded", "behind", ["does not keep up"]),
        ("overloaded", "behind", ["new orders are refused (-1008) until history has caught up", "does not keep up"]),
        ("cancels-only", "waiting", ["the disk is nearly full", "full, locked or away"]),
        ("halted", "running", ["an invariant does not hold"]),
    ],
)
def test_the_states_of_an_exchange_in_words(
    state: str, history: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Admin:
        def __init__(self, _: Path) -> None: ...

        def get(self, path: str) -> dict[str, Any]:
            assert path == "/state"
            return {"state": state, "history": history, "applied": 5_000_000, "behind": 2_500_000, "time": 0}

    monkeypatch.setattr(module, "Admin", Admin)
    found = problems(tmp_path)
    assert len(found) == len(words)
    assert all(word in told for word, told in zip(words, found, strict=True))


def test_no_exchange_is_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    (problem,) = problems(tmp_path)
    assert "cannot be written (No space left on device)" in problem
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_identity_is_told(tmp_path: Path) -> None:
    (tmp_path / "identity.db").write_bytes(b"?" * 4096)
    (problem,) = problems(tmp_path)
    assert "identity.db: file is not a database. Put its newest backup" in problem


def test_every_trouble_of_history_has_words() -> None:
    assert {value for name, value in TROUBLES if name == "history"} == TROUBLED
