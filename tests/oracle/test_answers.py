"""Clients are told what the model says, by REST, over the WebSocket API and in streams, and after each start again."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agio.projections.spot import history, window
from agio.streams.market import candles
from tests.oracle.session import RESTARTS, Session

SEEDS, ROUNDS, BURSTS = range(5, 7), 3, 7
LONG_SEEDS, LONG_ROUNDS, LONG_BURSTS = range(1000, 1100), 12, 40
DONE = {"Place ACK", "Place RESULT", "Place FULL", "Cancel", *(f"restart: {how}" for how in RESTARTS)}


@pytest.fixture(autouse=True)
def master_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGIO_MASTER_KEY_FILE", str(tmp_path / "master.key"))


def differences(seed: int, rounds: int, bursts: int, folder: Path, count: Counter[str]) -> list[str]:
    session = Session(seed, folder / str(seed))
    try:
        return [f"seed {seed}: {words}" for words in asyncio.run(session.run(rounds, bursts))]
    finally:
        count.update(session.count)
        shutil.rmtree(folder / str(seed))


def test_clients_are_told_what_the_model_says(tmp_path: Path) -> None:
    count: Counter[str] = Counter()
    assert not [each for seed in SEEDS for each in differences(seed, ROUNDS, BURSTS, tmp_path, count)]
    assert not sorted(DONE - count.keys()), "what no client has done"


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_clients_are_told_what_the_model_says_for_long(tmp_path: Path) -> None:
    found = (differences(seed, LONG_ROUNDS, LONG_BURSTS, tmp_path, Counter()) for seed in LONG_SEEDS)
    assert not [each for some in found for each in some]


FAULTS: dict[str, tuple[Any, str, Any]] = {
    "pages": (history.Page, "oldest", property(lambda _: True)),
    "a day": (window.Window, "append", lambda *_: None),
    "candles": (candles.Candles, "_take", lambda *_: None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_difference_is_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*FAULTS[fault])
    assert any(differences(seed, 1, 2 * BURSTS, tmp_path, Counter()) for seed in SEEDS)
