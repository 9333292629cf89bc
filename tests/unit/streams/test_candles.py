"""Candle streams: what they say equals what the trades say, and each candle is closed exactly once."""

import asyncio
import json
import random
from typing import Any

import pytest

from agio.domain.history import Candle
from agio.domain.intervals import DAY, HOUR, INTERVALS, SECOND
from agio.domain.money import text
from tests.unit.streams.fakes import MINUTE, START, Trade, World, event
from tests.unit.wire.raw import Client


async def candles(client: Client) -> list[dict[str, Any]]:
    """All that has been sent so far."""
    found: list[dict[str, Any]] = []
    while True:
        try:
            _, payload = await client.receive(0.03)
        except TimeoutError:
            return found
        found.append(json.loads(payload)["k"])


def fold(trades: list[Trade], opened: int, before: int) -> dict[str, Any]:
    """The naive way."""
    prices = [trade.price for trade in trades] or [before]
    taker = [trade for trade in trades if not trade.buyer_is_maker]
    return {
        "t": opened // 1000, "T": (opened + MINUTE) // 1000 - 1, "s": "BTCUSDT", "i": "1m",
        "f": trades[0].id if trades else -1, "L": trades[-1].id if trades else -1,
        "o": text(prices[0]), "c": text(prices[-1]), "h": text(max(prices)), "l": text(min(prices)),
        "v": text(sum(t.quantity for t in trades)), "n": len(trades), "x": True,
        "q": text(sum(t.notional for t in trades)), "V": text(sum(t.quantity for t in taker)),
        "Q": text(sum(t.notional for t in taker)), "B": "0",
    }  # fmt: skip


async def pass_time(world: World, seconds: float) -> None:
    for _ in range(int(seconds * 10)):
        world.beat()
        if world.shard.time % MINUTE < 200_000:
            await asyncio.sleep(0.001)


async def test_random_trades(world: World) -> None:
    world.statistics.last = 100
    client = await world.dial("/ws/btcusdt@kline_1m")
    chance = random.Random(1)
    trades: list[Trade] = []
    for second in range(6 * 60):
        if chance.random() < 0.3 and not 120 <= second < 190:
            price, quantity = chance.randint(90, 110), chance.randint(1, 9)
            taker_buys = chance.random() < 0.5
            trade = Trade(0, len(trades), price, quantity, price * quantity, not taker_buys, world.shard.time)
            trades.append(trade)
            world.events(trade, trade._replace(market=1))
        await pass_time(world, 1)
    await pass_time(world, 0.5)
    said = await candles(client)
    closed = [candle for candle in said if candle["x"]]
    before = 100
    expected = []
    for minute in range(6):
        opened = START + minute * MINUTE
        inside = [trade for trade in trades if opened <= trade.time < opened + MINUTE]
        expected.append(fold(inside, opened, before))
        before = inside[-1].price if inside else before
    assert closed == expected
    assert 0 in [candle["n"] for candle in closed], "an empty minute is closed, too"
    assert [c["t"] for c in said] == sorted(c["t"] for c in said)
    for candle in closed:
        assert [c for c in said if c["t"] == candle["t"]][-1] == candle, "nothing of a candle comes after its end"


async def test_pushed_every_other_second_when_changed(world: World) -> None:
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.beats = world.beats // 20 * 20
    world.pace.advance(world.beats)
    await pass_time(world, 5)
    assert await client.quiet(0.02), "never traded: there is nothing to say"
    for number in range(10):
        world.events(Trade(0, number, time=world.shard.time))
        await pass_time(world, 1)
    await pass_time(world, 10)
    assert [(c["n"], c["x"]) for c in await candles(client)] == [(1, False), (3, False), (5, False), (7, False),
                                                                 (9, False), (10, False)]  # fmt: skip


async def test_begins_with_what_there_was_already(world: World) -> None:
    under_way = Candle(START, START + MINUTE - 1, 50, 60, 40, 55, 10, 500, 3, 4, 200, 7, 9)
    world.statistics.candles[0] = under_way
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.events(Trade(0, 10, 70, 2, 140, time=START + 1))
    world.beat(20)
    candle = (await event(client))["k"]
    assert (candle["f"], candle["L"], candle["o"], candle["h"], candle["n"]) == (7, 10, text(50), text(70), 4)
    assert (candle["v"], candle["q"], candle["V"], candle["Q"]) == (text(12), text(640), text(6), text(340))


async def test_an_end_waits_for_what_happened_before_it(world: World) -> None:
    """The minute is over by the clock, but its last trade is still on the way to the disk."""
    world.statistics.last = 100
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.shard.gate.clear()
    world.shard.time = START + MINUTE
    world.beat()
    await asyncio.sleep(0.01)
    assert await client.quiet(0.02)
    world.events(Trade(0, 1, 105, time=START + MINUTE - 1))
    world.shard.gate.set()
    await asyncio.sleep(0.01)
    (candle,) = [c for c in await candles(client) if c["x"]]
    assert (candle["n"], candle["c"]) == (1, text(105))


async def test_a_candle_begins_at_the_price_of_a_trade_that_was_under_way(world: World) -> None:
    world.statistics.last = 100
    world.shard.time = START + MINUTE
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.events(Trade(0, 1, 105, time=START + MINUTE - 1))
    world.shard.time = START + 2 * MINUTE
    world.beat()
    candle = (await event(client))["k"]
    assert (candle["x"], candle["n"], candle["o"], candle["c"]) == (True, 0, text(105), text(105))


async def test_a_later_trade_is_an_end(world: World) -> None:
    world.statistics.last = 100
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.events(Trade(0, 1, time=START + 5), Trade(0, 2, time=START + MINUTE + 1))
    assert [(c["x"], c["L"]) for c in await candles(client)] == [(True, 1)]
    assert world.shard.depths == 0


async def test_what_comes_after_an_end_does_not_reopen_it(world: World) -> None:
    world.statistics.last = 100
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.events(Trade(0, 2, 105, time=START + MINUTE), Trade(0, 1, 90, time=START + 1))
    world.beat(20)
    said = await candles(client)
    assert [(c["x"], c["n"], c["l"]) for c in said] == [(True, 0, text(100)), (False, 1, text(105))]


async def test_a_refusal_delays_an_end(world: World) -> None:
    world.statistics.last = 100
    client = await world.dial("/ws/btcusdt@kline_1m")
    world.shard.failing = True
    world.shard.time = START + MINUTE
    for _ in range(3):
        world.beat()
        await asyncio.sleep(0.001)
    assert await client.quiet(0.02)
    world.shard.failing = False
    world.beat()
    assert (await event(client))["k"]["x"] is True


async def test_seconds(world: World) -> None:
    world.statistics.last = 100
    client = await world.dial("/stream?streams=btcusdt@kline_1s&timeUnit=MICROSECOND")
    world.events(Trade(0, 1, time=START + 1))
    for _ in range(21):
        world.beat()
        await asyncio.sleep(0.001)
    said: list[dict[str, Any]] = []
    while not said or not said[-1]["k"]["x"] or said[-1]["k"]["t"] == START:
        said.append((await event(client))["data"])
    assert [(c["k"]["t"] - START, c["k"]["n"]) for c in said if c["k"]["x"]] == [(0, 1), (SECOND, 0)]


async def test_a_second_that_is_not_known_from_its_beginning_is_left_out(world: World) -> None:
    """Nothing keeps what was traded in it before anybody listened."""
    world.statistics.last = 100
    world.shard.time = START + SECOND // 2
    client = await world.dial("/ws/btcusdt@kline_1s")
    world.events(Trade(0, 1, time=START + SECOND // 2 + 1))
    world.beats = world.beats // 10 * 10
    world.pace.advance(world.beats)
    world.events(Trade(0, 2, time=START + SECOND), Trade(0, 3, time=START + 2 * SECOND))
    candle = (await event(client))["k"]
    assert ((candle["t"] * 1000 - START) // SECOND, candle["n"], candle["x"]) == (1, 1, True)


@pytest.mark.parametrize(
    ("name", "time", "opened", "after"),
    [
        ("1m", 61 * SECOND, 60 * SECOND, 120 * SECOND),
        ("4h", 5 * HOUR, 4 * HOUR, 8 * HOUR),
        ("1w", 3 * DAY, -3 * DAY, 4 * DAY),
        ("1w", 4 * DAY, 4 * DAY, 11 * DAY),
        ("1M", 40 * DAY, 31 * DAY, 59 * DAY),
        ("1M", 364 * DAY, 334 * DAY, 365 * DAY),
    ],
)
def test_intervals(name: str, time: int, opened: int, after: int) -> None:
    interval = INTERVALS[name]
    assert interval.opening(time) == opened
    assert interval.after(opened) == after
    assert interval.opening(after) == after
