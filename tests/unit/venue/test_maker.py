"""The house's maker on a real shard, whose clock the test moves."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from agio.domain.markets import Catalog
from agio.services.markets.listing import AssetSpec, Listing, MarketSpec, apply
from agio.shard import log
from agio.shard.handle import Shard
from agio.venue.dev import HOUSE_FUNDS
from agio.venue.maker import LEVELS, Maker

START = 1_500_000_000_000_000
DEAR = MarketSpec("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "60000")
ASSETS = [AssetSpec(name) for name in ("BTC", "DOGE", "SHIB", "USDT")]


@asynccontextmanager
async def quoted(folder: Path, *markets: MarketSpec, seed: int = 1) -> AsyncIterator[tuple[Shard, Maker]]:
    """A shard whose time stands still, with these markets, and their maker before its first quote."""
    loop = asyncio.get_running_loop()
    shard = Shard.open(str(folder), loop, projected=0, durability="memory", manual_time=START)
    await apply(Listing(ASSETS, list(markets)), Catalog(), shard.command)
    maker = Maker(shard.command, await account(shard), await account(shard), seed)
    for number, spec in enumerate(markets):
        maker.add(spec, number)
    try:
        yield shard, maker
    finally:
        await asyncio.to_thread(shard.stop)
        shard.close()


async def account(shard: Shard) -> int:
    """One with the house's money and without limits."""
    rights = {"trade": True, "withdraw": True, "deposit": True}
    limits = dict.fromkeys(("ten_seconds", "day", "open"), 2**32 - 1)
    opened = {"rights": rights, "maker": 100_000, "taker": 100_000, "limits": limits}
    number = int((await shard.command({"OpenAccount": opened}))[0]["AccountChanged"]["account"])
    for asset in range(len(ASSETS)):
        await shard.command({"Deposit": {"account": number, "asset": asset, "amount": HOUSE_FUNDS}})
    return number


async def depth(shard: Shard, symbol: str) -> dict[str, Any]:
    book: dict[str, Any] = json.loads((await shard.depth(symbol, 100)).body)
    return book


@pytest.mark.parametrize(
    ("symbol", "base", "tick", "step", "price", "most"),
    [
        ("BTCUSDT", "BTC", "0.01", "0.00001", "60000", "9000"),
        ("DOGEUSDT", "DOGE", "0.00001", "1", "0.2", "900000"),
        ("SHIBUSDT", "SHIB", "0.00000001", "1", "0.00001234", "46116860414"),
        ("DOGEUSDT", "DOGE", "0.00001", "1", "0.2", "100"),
        ("DOGEUSDT", "DOGE", "0", "0", "0.2", "900000"),
        ("DOGEUSDT", "DOGE", "0.00001", "1", "0.00003", "90000000000"),
    ],
)
async def test_whatever_a_market_costs_it_is_quoted(
    symbol: str, base: str, tick: str, step: str, price: str, most: str, tmp_path: Path, caplog: Any
) -> None:
    spec = MarketSpec(symbol, base, "USDT", tick, step, price, max_quantity=most)
    async with quoted(tmp_path, spec) as (shard, maker):
        await maker.quote_all()
        book = await depth(shard, symbol)
    assert (len(book["bids"]), len(book["asks"])) == (LEVELS, LEVELS)
    assert not caplog.records


async def test_a_market_that_cannot_be_quoted_is_told_of_once(tmp_path: Path, caplog: Any) -> None:
    small = MarketSpec("DOGEUSDT", "DOGE", "USDT", "0.00001", "1", "0.2", max_quantity="1")
    async with quoted(tmp_path, small) as (shard, maker):
        with caplog.at_level(logging.WARNING):
            await maker.quote_all()
            await maker.quote_all()
        assert (await depth(shard, "DOGEUSDT"))["bids"] == []
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == "the market maker's order in DOGEUSDT was refused: Notional: The notional is outside its range."


async def played(folder: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Any], str]:
    """What the log says of 100 rounds of a maker, and the hash of all state."""
    rounds = iter(range(100))

    async def pause(_: float) -> None:
        if next(rounds, None) is None:
            raise asyncio.CancelledError

    async with quoted(folder, DEAR, seed=seed) as (shard, maker):
        await maker.quote_all()
        with monkeypatch.context() as patched:
            patched.setattr(asyncio, "sleep", pause)
            with pytest.raises(asyncio.CancelledError):
                await maker.run()
        position = await shard.position()
    return [*log.records(str(folder))], position["hash"]


async def test_the_same_seed_does_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and events, times and all."""
    first = await played(tmp_path / "first", 7, monkeypatch)
    assert await played(tmp_path / "second", 7, monkeypatch) == first
    assert await played(tmp_path / "third", 8, monkeypatch) != first
    assert any("Trade" in str(record["events"]) for record in first[0]), "some of it has traded"
