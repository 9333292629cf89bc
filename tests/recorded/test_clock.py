"""The manual clock that the tapes are played with."""

import asyncio
from pathlib import Path

import pytest

from agio.shard.handle import Shard
from tests.recorded.house import house

START = 1_500_000_000_000_000
DAY = 86_400_000_000


async def test_a_manual_clock_stands_until_it_is_set(tmp_path: Path) -> None:
    async with house(tmp_path, START) as venue:
        assert venue.shard.now() == START
        venue.shard.set_time(START + DAY)
        assert venue.shard.now() == START + DAY
        await venue.open_market("BTCUSDT", "BTC", "USDT", tick="0.01", step="0.00001")
        assert (await venue.shard.position())["time"] == START + DAY
        with pytest.raises(ValueError, match="never goes back"):
            venue.shard.set_time(START)


async def test_the_same_commands_at_the_same_times_give_the_same_state(tmp_path: Path) -> None:
    hashes = set()
    for run in ("one", "other"):
        async with house(tmp_path / run, START) as venue:
            await venue.open_market("BTCUSDT", "BTC", "USDT", tick="0.01", step="0.00001")
            for second in range(5):
                venue.shard.set_time(START + second * 1_000_000)
                venue.make("SELL", "100", "0.5")
                venue.take("BUY", "100", "0.3")
                await venue.settle()
            hashes.add((await venue.shard.position())["hash"])
    assert len(hashes) == 1


async def test_the_machines_clock_is_not_set(tmp_path: Path) -> None:
    shard = Shard.open(str(tmp_path / "log"), asyncio.get_running_loop(), projected=0)
    with pytest.raises(ValueError, match="manual_time"):
        shard.set_time(START)
    await asyncio.to_thread(shard.stop)
    shard.close()
