"""Batches of orders from Python into a shard of this process, beside the engine alone."""

from __future__ import annotations

import json
import random
import select
import time
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agio import _core
from agio.shard import batch
from benches import engine, processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ORDERS_OF_A_BATCH = 8_192
UNDER_WAY = 4
"""Batches that are asked for before the first of them is answered."""
ACCOUNTS = 1_000
MARKETS = 2
FIRST = 1_000
COIN = 10**8
NO_LIMIT = 2**32 - 1
LOT = {"min": 1000, "max": 9_000 * COIN, "step": 1000}
FILTERS = {
    "price": {"min": 10**6, "max": 10**14, "tick": 10**6},
    "lot": LOT,
    "market_lot": LOT | {"step": 0},
    "notional": {
        "form": "Range",
        "min": 5 * COIN,
        "min_to_market": True,
        "max": 9 * 10**14,
        "max_to_market": False,
        "minutes": 5,
    },
    "max_orders": 0,
    "prevention": "ExpireMaker",
    "preventions": 62,
}


def measure(folder: Path, *, rounds: int, orders: int) -> Iterator[Figure]:
    """Rounds of as many orders, all to the same hash, each beside a round of the engine's own bench."""
    batches = packed(orders)
    rates, ratios, hashes = [], [], set()
    for _ in range(rounds):
        rate, state = _round(folder, batches, orders)
        (found,) = processes.rounds("log", engine.ROUND, folder, orders, 1)
        rates.append(rate)
        ratios.append(rate / int(found["clock"]))
        hashes.add(state)
    if len(hashes) != 1:
        raise RuntimeError(f"the same orders came to {len(hashes)} states")
    yield Figure(
        "batches from Python",
        ratios,
        "×",
        peer="engine alone, by the clock",
        bar=0.5,
        at_least=True,
        absolutes=f"{number(Figure('', rates, '').value)} /s",
        durability="fdatasync",
    )


def _round(folder: Path, batches: list[bytes], orders: int) -> tuple[float, str]:
    with TemporaryDirectory(dir=folder) as home:
        core = _core.Shard(home, projected=0, segment_bytes=256 << 20, manual_time=1_700_000_000_000_000)
        setup = [json.dumps(command).encode() for command in listing()]
        _ask(core, core.command, setup, len(setup))
        begin = time.perf_counter()
        bodies = _ask(core, core.batch, batches, UNDER_WAY)
        took = time.perf_counter() - begin
        results = [result for body in bodies for result in batch.results(body)]
        refused = sum(result.reason != 0 for result in results)
        if len(results) != orders or refused > orders // 3:
            raise RuntimeError(f"{len(results)} of {orders} orders were answered, {refused} of them refused")
        (position,) = _ask(core, lambda token, _: core.position(token), [b""], 1)
        core.stop()
    return orders / took, json.loads(position)["hash"]


def _ask(core: _core.Shard, call: Callable[[int, bytes], None], requests: list[bytes], ahead: int) -> list[bytes]:
    """Asks all, so many ahead of the answers; the bodies."""
    bodies: list[bytes] = []
    asked = 0
    while len(bodies) < len(requests):
        while asked < min(len(requests), len(bodies) + ahead):
            call(asked, requests[asked])
            asked += 1
        core.rouse()
        select.select([core], [], [], 10)
        bodies.extend(body for _, _, body, _, _ in core.drain()[1])
    return bodies


def listing() -> Iterator[dict[str, object]]:
    """Two markets, and customers with more than they can spend."""
    for name in ("BTC", "ETH", "USDT"):
        yield {"ListAsset": {"name": name, "precision": 8}}
    for base in range(MARKETS):
        yield {"ListMarket": {"symbol": f"M{base}USDT", "base": base, "quote": 2, "filters": FILTERS}}
    rights = {"trade": True, "withdraw": True, "deposit": True}
    limits = dict.fromkeys(("ten_seconds", "day", "open"), NO_LIMIT)
    for number_ in range(ACCOUNTS):
        yield {"OpenAccount": {"rights": rights, "maker": 75_000, "taker": 100_000, "limits": limits}}
        for asset in range(3):
            yield {"Deposit": {"account": FIRST + number_, "asset": asset, "amount": 1 << 60}}


def packed(orders: int) -> list[bytes]:
    """The engine bench's mix: 55 % limit orders around a walking price, 33 % cancels, 12 % market orders."""
    dice = random.Random(42)
    middle = [6 * 10**12, 3 * 10**11]
    placed: list[list[tuple[int, int]]] = [[], []]
    commands: list[bytes] = []
    for _ in range(orders):
        market, account, chance = dice.randrange(MARKETS), FIRST + dice.randrange(ACCOUNTS), dice.random()
        middle[market] += (dice.randrange(3) - 1) * 10**6
        if chance < 0.33 and len(placed[market]) > 1_000:
            owner, order = placed[market][-1 - dice.randrange(1_000)]
            commands.append(batch.cancel(owner, market, order))
            continue
        placed[market].append((account, len(placed[market]) + 1))
        side, quantity = dice.choice((batch.BUY, batch.SELL)), (20 + dice.randrange(2_000)) * 100_000
        if chance < 0.45:
            commands.append(batch.place(account, market, side, 0, quantity, kind=batch.MARKET))
        else:
            away = dice.randrange(40) * dice.randrange(40) // 10 * 10**6 * (-1 if dice.random() < 0.25 else 1)
            price = middle[market] + (away if side == batch.SELL else -away)
            commands.append(batch.place(account, market, side, price, quantity))
    return [b"".join(commands[at : at + ORDERS_OF_A_BATCH]) for at in range(0, orders, ORDERS_OF_A_BATCH)]
