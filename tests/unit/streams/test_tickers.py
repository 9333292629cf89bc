"""Statistics streams."""

import pytest

from agio.domain.money import text
from agio.domain.statistics import DayStatistics
from tests.unit.streams.fakes import DAY, START, Top, Trade, World, event


def aligned(world: World, every: int = 10) -> None:
    world.beats = world.beats // every * every
    world.pace.advance(world.beats)


async def test_ticker(world: World) -> None:
    client = await world.dial("/ws/btcusdt@ticker")
    aligned(world)
    world.beat(20)
    assert await client.quiet(0.02)
    world.events(Top(0, 1), Trade(0, 1), Top(1, 1))
    world.beat(20)
    assert await event(client) == {
        "e": "24hrTicker", "E": START // 1000 + 3000, "s": "BTCUSDT",
        "p": text(10), "P": "10.000", "w": text(105_000_000), "x": text(95), "c": text(110), "Q": text(5),
        "b": text(108), "B": text(2), "a": text(112), "A": text(3),
        "o": text(100), "h": text(130), "l": text(90), "v": text(1000), "q": text(1050),
        "O": DAY.opened // 1000, "C": DAY.closed // 1000, "F": 7, "L": 9, "n": 3,
    }  # fmt: skip
    assert await client.quiet(0.02)


async def test_mini_ticker(world: World) -> None:
    client = await world.dial("/ws/btcusdt@miniTicker?timeUnit=MICROSECOND")
    aligned(world)
    world.events(Top(0, 1))
    world.beat(10)
    assert await client.quiet(0.02), "the best prices are none of its business"
    world.events(Trade(0, 1))
    world.beat(10)
    assert await event(client) == {
        "e": "24hrMiniTicker", "E": START + 2_000_000, "s": "BTCUSDT",
        "c": text(110), "o": text(100), "h": text(130), "l": text(90), "v": text(1000), "q": text(1050),
    }  # fmt: skip


@pytest.mark.parametrize(("speed", "every"), [("", 10), ("@1000ms", 10), ("@3000ms", 30)])
async def test_all_mini_tickers(world: World, speed: str, every: int) -> None:
    client = await world.dial(f"/ws/!miniTicker@arr{speed}")
    aligned(world, every)
    world.beat(every)
    assert await client.quiet(0.02)
    world.statistics.days[1] = DAY._replace(last_trade=10)
    world.beat(every - 1)
    assert await client.quiet(0.02)
    world.beat(1)
    assert [entry["s"] for entry in await event(client)] == ["ETHUSDT"]
    assert await client.quiet(0.02)


@pytest.mark.parametrize("name", ["!miniTicker@arr@2000ms", "!miniTicker@arr@", "!ticker@arr@1000ms"])
async def test_other_speeds_are_silent(world: World, name: str) -> None:
    client = await world.dial(f"/ws/{name}")
    aligned(world)
    world.statistics.days[1] = DAY._replace(last_trade=10)
    world.beat(60)
    assert await client.quiet(0.02)


@pytest.mark.parametrize(
    ("first", "last", "percent"),
    [
        (0, 0, "0.000"),
        (3, 2, "-33.333"),
        (3, 4, "33.333"),
        (3, 5, "66.667"),
        (10**12, 10**12 - 1, "0.000"),
        (1, 3, "200.000"),
        (10**6, 10**6 + 5, "0.001"),
        (1_000, 13_345, "1234.500"),
    ],
)
def test_change_percent(first: int, last: int, percent: str) -> None:
    assert DAY._replace(open=first, last=last).change_percent == percent


def test_weighted_average() -> None:
    assert DAY._replace(volume=0, quote_volume=0).weighted_average == 0
    assert DayStatistics(*DAY).weighted_average == 105_000_000
