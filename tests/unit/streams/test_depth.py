"""Depth streams: a client that follows Binance's rules to the letter ends up with the book, at both speeds."""

import asyncio
import json
import random
from typing import Any

import pytest

from tests.unit.streams.fakes import START, Level, World, event


class Book:
    """A book that changes at random, and tells its snapshot."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.update = 1000
        self.levels: dict[bool, dict[int, int]] = {True: {}, False: {}}

    def change(self) -> Level:
        is_bid = self.random.random() < 0.5
        price = self.random.randint(1, 30) + (0 if is_bid else 30)
        total = self.random.choice([0, self.random.randint(1, 9)])
        self.update += 1
        apply(self.levels[is_bid], price, total)
        return Level(0, self.update, is_bid, price, total)


def apply(side: dict[int, int], price: int, total: int) -> None:
    if total:
        side[price] = total
    else:
        side.pop(price, None)


class Follower:
    """ccxt's rules: the first event straddles the snapshot, and each next one begins where the last one ended."""

    def __init__(self, snapshot: int, levels: dict[bool, dict[int, int]]) -> None:
        self.nonce = snapshot
        self.levels = {side: dict(prices) for side, prices in levels.items()}
        self.started = False

    def take(self, update: dict[str, Any]) -> None:
        assert update["U"] <= update["u"]
        if update["u"] <= self.nonce:
            return
        if self.started:
            assert update["U"] == self.nonce + 1
        assert update["U"] <= self.nonce + 1
        self.started = True
        self.nonce = update["u"]
        for is_bid, levels in ((True, update["b"]), (False, update["a"])):
            assert levels == sorted(levels, reverse=is_bid)
            for price, total in levels:
                apply(self.levels[is_bid], price, total)


@pytest.mark.parametrize("seed", range(5))
async def test_old_state_and_events_equal_a_fresh_read(world: World, seed: int) -> None:
    book = Book(seed)
    fast = await world.dial("/ws/btcusdt@depth@100ms")
    slow = await world.dial("/ws/btcusdt@depth")
    world.events(*[book.change() for _ in range(50)])
    followers = {client: Follower(book.update, book.levels) for client in (fast, slow)}
    for _ in range(40):
        world.events(*[book.change() for _ in range(book.random.choice([0, 0, 1, 20]))])
        world.beat()
    world.beat(10)
    for client, follower in followers.items():
        while follower.nonce < book.update:
            follower.take(await event(client))
        assert follower.levels == book.levels
        assert await client.quiet(0.01)


async def test_one_event_a_window_and_none_when_nothing_changed(world: World) -> None:
    fast = await world.dial("/ws/btcusdt@depth@100ms")
    slow = await world.dial("/ws/btcusdt@depth")
    world.beats = world.beats // 10 * 10
    world.pace.advance(world.beats)
    world.events(Level(0, 7, True, 5, 1), Level(0, 8, True, 5, 2), Level(0, 9, False, 6, 0))
    world.beat(9)
    world.events(Level(0, 10, False, 9, 1), Level(1, 3, False, 9, 1))
    world.beat(11)
    base = {"e": "depthUpdate", "s": "BTCUSDT"}
    first, second = await event(fast), await event(fast)
    assert first == {**base, "E": (START + 100_000) // 1000, "U": 7, "u": 9, "b": [[5, 2]], "a": [[6, 0]]}
    assert second == {**base, "E": (START + 1_000_000) // 1000, "U": 10, "u": 10, "b": [], "a": [[9, 1]]}
    assert await event(slow) == {**second, "U": 7, "b": [[5, 2]], "a": [[6, 0], [9, 1]]}
    assert await fast.quiet(0.02)
    assert await slow.quiet(0.02)


async def test_subscribers_of_one_speed_see_the_same_windows(world: World) -> None:
    early = await world.dial("/ws/btcusdt@depth@100ms")
    world.events(Level(0, 1, True, 5, 1))
    late = await world.dial("/stream?streams=btcusdt@depth@1000ms/btcusdt@depth@100ms")
    world.events(Level(0, 2, True, 6, 1))
    world.beat()
    update = await event(early)
    assert (update["U"], update["u"]) == (1, 2)
    assert await event(late) == {"stream": "btcusdt@depth@100ms", "data": update}


async def test_best_levels_are_the_shards_own_answer(world: World) -> None:
    client = await world.dial("/ws/btcusdt@depth5@100ms")
    world.shard.book = lambda limit: json.dumps({"limit": limit}).encode()
    world.beat()
    assert await event(client) == {"limit": 5}
    world.beat(5)
    assert await client.quiet(0.02)
    assert world.shard.depths == 1, "asked although nothing changed"
    world.shard.book = lambda _: b'{"lastUpdateId":2}'
    world.events(Level(0, 2, True, 5, 1))
    world.beat()
    assert await event(client) == {"lastUpdateId": 2}


async def test_best_levels_come_anew_for_a_newcomer(world: World) -> None:
    await world.dial("/ws/btcusdt@depth20@100ms")
    world.beat()
    await asyncio.sleep(0.01)
    newcomer = await world.dial("/stream?streams=btcusdt@depth20@100ms")
    world.beat()
    got = await event(newcomer)
    assert got == {"stream": "btcusdt@depth20@100ms", "data": {"lastUpdateId": 20, "bids": [], "asks": []}}


async def test_best_levels_while_the_shard_is_slow_or_refuses(world: World) -> None:
    client = await world.dial("/ws/btcusdt@depth5@100ms")
    world.shard.gate.clear()
    for update in range(5):
        world.events(Level(0, update + 1, True, 5, 1))
        world.beat()
        await asyncio.sleep(0)
    assert world.shard.depths == 1, "one question at a time"
    world.shard.failing = True
    world.shard.gate.set()
    await asyncio.sleep(0.01)
    world.shard.failing, world.shard.lost = False, True
    world.beat()
    await asyncio.sleep(0.01)
    world.shard.lost = False
    world.beat()
    assert (await event(client))["lastUpdateId"] == 5


async def test_the_slow_best_levels_come_once_a_second(world: World) -> None:
    client = await world.dial("/ws/btcusdt@depth10")
    world.beats = world.beats // 10 * 10
    world.pace.advance(world.beats)
    await event(client)
    asked = world.shard.depths
    for update in range(20):
        world.events(Level(0, update + 1, True, 5, 1))
        world.beat()
        await asyncio.sleep(0)
    assert world.shard.depths - asked == 2
