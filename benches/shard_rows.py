"""Rows for the projector's bench, as a shard hands them over: orders that rest, and orders that each fill one."""

from __future__ import annotations

import asyncio
import random
import tempfile
from typing import TYPE_CHECKING, Any, NamedTuple

from agio import _core
from agio.domain.money import ONE, text
from agio.shard.handle import Shard

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    with tempfile.TemporaryDirectory() as folder:
        loop = asyncio.get_running_loop()
        shard = Shard.open(folder, loop, projected=0, durability="memory", manual_time=START)
        try:
            symbols, accounts = await _open(shard, crowd)
            while shard.rows(0) is not None:
                pass
            plan = random.Random(1)
            makers = [(plan.choice(symbols), _price(plan)) for _ in range(orders)]
            takers = [(symbol, (60_000 + PRICES) * ONE) for symbol, _ in makers]
            found = [
                [await _placed(shard, side, part, plan, accounts) for part in _parts(of, transaction)]
                for side, of in (("SELL", makers), ("BUY", takers))
            ]
            return Work(*found)
        finally:
            await asyncio.to_thread(shard.stop)
            shard.close()


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


def _price(plan: random.Random) -> int:
    return (60_000 + plan.randrange(PRICES)) * ONE


def _parts(orders: list[tuple[str, int]], size: int) -> Iterator[list[tuple[str, int]]]:
    for start in range(0, len(orders), size):
        yield orders[start : start + size]


async def _placed(
    shard: Shard, side: str, orders: list[tuple[str, int]], plan: random.Random, accounts: list[int]
) -> _core.Rows:
    """Places all of them at once, at their own moments, and returns the rows."""
    asked: list[Any] = []
    for symbol, price in orders:
        shard.set_time(shard.now() + STEP)
        query = f"symbol={symbol}&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.1&price={text(price)}"
        asked.append(shard.place(ORDER.parse(query.encode(), b""), plan.choice(accounts), 0, False))
    for one in asked:
        reply = await one
        if reply.status != 200:
            raise RuntimeError(reply.body)
    rows = await asyncio.to_thread(shard.rows, 1000)
    if rows is None or rows.last - rows.first + 1 != len(orders):
        raise RuntimeError("these are not the rows of these orders")
    return rows
