"""Rows for the projector's bench, as a shard hands them over: orders that rest, and orders that each fill one."""

from __future__ import annotations

import asyncio
import random
import tempfile
from contextlib import asynccontextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any, NamedTuple

from agio import _core
from agio.domain.money import ONE, text
from agio.shard.handle import Shard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

START = 1_700_000_000_000_000
STEP = 200
"""µs between orders: 5,000 a second."""
PRICES = 1_000
RIGHTS = {"trade": True, "withdraw": True, "deposit": True}
COMMISSION = {"maker": 0, "taker": 100_000}
NO_LIMITS = {"ten_seconds": 2**32 - 1, "day": 2**32 - 1, "open": 0}
OFF = {"min": 0, "max": 0, "step": 1}
FILTERS = {
    "price": {"min": 0, "max": 0, "tick": 1},
    "lot": OFF,
    "market_lot": OFF,
    "notional": {"form": "Off", "min": 0, "min_to_market": False, "max": 0, "max_to_market": False, "minutes": 0},
    "max_orders": 0,
    "prevention": "None",
    "preventions": 1 << 1,
}
ORDER = _core.Schema(
    b"""{"params": [
        {"name": "symbol", "kind": "symbol", "required": true},
        {"name": "side", "kind": "enum", "values": ["BUY", "SELL"], "required": true},
        {"name": "type", "kind": "enum", "values": ["LIMIT"], "required": true},
        {"name": "timeInForce", "kind": "enum", "values": ["GTC"]},
        {"name": "quantity", "kind": "decimal"},
        {"name": "price", "kind": "decimal"}
    ]}"""
)


class Crowd(NamedTuple):
    """Who trades where, at random."""

    accounts: int
    markets: int


class Work(NamedTuple):
    """Rows, a transaction each: of orders that rest, and of as many that each fill one of them."""

    resting: list[_core.Rows]
    crossing: list[_core.Rows]


def work(crowd: Crowd, orders: int, transaction: int) -> Work:
    """What a shard makes of `orders` that rest and as many that fill them, `transaction` of them at a time."""
    return asyncio.run(_work(crowd, orders, transaction))


async def _work(crowd: Crowd, orders: int, transaction: int) -> Work:
    async with venue(crowd) as market:
        while market.shard.rows(0) is not None:
            pass
        return Work(
            *[
                [await _rows(market, part, side) for part in _parts(market.plan(side, orders), transaction)]
                for side in ("SELL", "BUY")
            ]
        )


@asynccontextmanager
async def venue(crowd: Crowd) -> AsyncIterator[Venue]:
    """A shard in memory, for the length of a with-block."""
    with tempfile.TemporaryDirectory() as folder:
        loop = asyncio.get_running_loop()
        shard = Shard.open(folder, loop, projected=0, durability="memory", manual_time=START)
        try:
            yield Venue(shard, *await _open(shard, crowd))
        finally:
            await asyncio.to_thread(shard.stop)
            shard.close()


class Venue:
    """Markets and accounts that may do everything."""

    def __init__(self, shard: Shard, symbols: list[str], accounts: list[int]) -> None:
        self.shard = shard
        self._symbols = symbols
        self._accounts = accounts
        self._chance = random.Random(1)

    def plan(self, side: str, orders: int) -> list[tuple[str, int]]:
        """Where to sell, at prices of which every buyer pays the highest: each fills one order, the cheapest."""
        prices = (self._chance.randrange(PRICES) if side == "SELL" else PRICES for _ in range(orders))
        return [(symbol, (60_000 + price) * ONE) for symbol, price in zip(cycle(self._symbols), prices, strict=False)]

    def place(self, orders: list[tuple[str, int]], side: str) -> list[Any]:
        """Places all of them at once, at their own moments, and returns the answers to come."""
        asked = []
        for symbol, price in orders:
            self.shard.set_time(self.shard.now() + STEP)
            query = f"symbol={symbol}&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.1&price={text(price)}"
            account = self._chance.choice(self._accounts)
            asked.append(self.shard.place(ORDER.parse(query.encode(), b""), account, 0, False))
        return asked


async def _open(shard: Shard, crowd: Crowd) -> tuple[list[str], list[int]]:
    run = shard.command
    assets = [
        (await run({"ListAsset": {"name": name, "precision": 8}}))[0]["AssetListed"]["asset"] for name in ("A", "B")
    ]
    symbols = [f"M{number}" for number in range(crowd.markets)]
    for symbol in symbols:
        await run({"ListMarket": {"symbol": symbol, "base": assets[0], "quote": assets[1], "filters": FILTERS}})
    accounts = []
    for _ in range(crowd.accounts):
        terms = {"rights": RIGHTS, **COMMISSION, "limits": dict.fromkeys(NO_LIMITS, 0)}
        account = (await run({"OpenAccount": terms}))[0]["AccountChanged"]["account"]
        await run({"SetLimits": {"account": account, "limits": NO_LIMITS}})
        for asset in assets:
            await run({"Deposit": {"account": account, "asset": asset, "amount": 10**12 * ONE}})
        accounts.append(account)
    return symbols, accounts


def _parts(orders: list[tuple[str, int]], size: int) -> Iterator[list[tuple[str, int]]]:
    for start in range(0, len(orders), size):
        yield orders[start : start + size]


async def _rows(venue: Venue, orders: list[tuple[str, int]], side: str) -> _core.Rows:
    for answer in venue.place(orders, side):
        reply = await answer
        if reply.status != 200:
            raise RuntimeError(reply.body)
    rows = await asyncio.to_thread(venue.shard.rows, 1000)
    if rows is None or rows.last - rows.first + 1 != len(orders):
        raise RuntimeError("these are not the rows of these orders")
    return rows
