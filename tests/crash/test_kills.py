"""kill -9 at random moments under load: what was acknowledged is there once, and nothing else is."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.crash.venue import Venue
from tests.exchange import AGIO

KILLS = 25
SOAK_KILLS = 1000
SOAK_LIVES = 20
"""Exchanges among which the kills are divided: every check reads the whole life."""
PERIOD = 5
"""In so many rounds, one kill comes while starting, and one end is a clean stop: the next start is from a snapshot."""


async def survive(folder: Path, kills: int, seed: int, *options: str) -> Venue:
    """Starts, trades and kills until it has killed so often; after each end everything is checked."""
    venue = Venue(folder, random.Random(seed), *options)
    exchange = await venue.begin()
    await venue.measure(exchange)
    rounds = 0
    while venue.kills < kills:
        rounds += 1
        stops = rounds % PERIOD == 0
        await venue.end_under_load(exchange, signal.SIGTERM if stops else signal.SIGKILL, f"r{rounds}")
        venue.verify()
        if rounds % PERIOD == 1:
            await venue.kill_while_starting()
        exchange = await venue.begin()
        await venue.check(exchange)
        if stops:
            assert venue.snapshots, "a clean stop leaves a snapshot"
            await venue.sweep(exchange)
    await venue.check(exchange, since=1)
    assert exchange.stop() == 0
    return venue


def judge_effort(venue: Venue, kills: int) -> None:
    """The run was worth something: there was much to lose, and kills met requests under way."""
    verified = subprocess.run([AGIO, "verify", "--data", venue.folder], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    orders = venue.ledger.orders.values()
    assert venue.kills >= kills
    assert sum(order.known is not None for order in orders) > 50 * kills
    assert len(venue.ledger.trades) > 5 * kills
    assert any(order.gone for order in orders), "no request was lost on its way"


@pytest.mark.timeout(300)
async def test_an_acknowledged_order_survives(tmp_path: Path) -> None:
    judge_effort(await survive(tmp_path / "data", KILLS, seed=1), KILLS)


@pytest.mark.soak
@pytest.mark.parametrize("life", range(SOAK_LIVES))
async def test_an_acknowledged_order_survives_each_of_many_kills(tmp_path: Path, life: int) -> None:
    kills = int(os.environ.get("AGIO_KILLS", SOAK_KILLS)) // SOAK_LIVES
    judge_effort(await survive(tmp_path / "data", kills, seed=100 + life), kills)


async def test_a_log_that_lost_its_end_is_noticed(tmp_path: Path) -> None:
    """The planted fault: the files of a moment ago, as a disk gives them back that lied about a sync."""
    venue = Venue(tmp_path / "data", random.Random(3))
    exchange = await venue.begin()
    await venue.measure(exchange)
    shutil.copytree(venue.folder / "log", tmp_path / "then")
    await venue.end_under_load(exchange, signal.SIGKILL, "r")
    shutil.rmtree(venue.folder / "log")
    shutil.move(tmp_path / "then", venue.folder / "log")
    for projection in venue.folder.glob("projection.db*"):
        projection.unlink()
    exchange = await venue.begin()
    faults = [fault async for fault in venue.faults(exchange)]
    exchange.stop()
    assert any(fault.startswith("lost: ") for fault in faults), faults
