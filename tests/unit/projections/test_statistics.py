"""Statistics in memory against the plainest reading of the same trades."""

import random
from typing import NamedTuple

import pytest
from sqlalchemy import Engine

from agio.domain.history import Candle, TradeRow
from agio.domain.intervals import MINUTE
from agio.domain.statistics import DayStatistics, TopOfBook
from agio.projections.spot import seeds
from agio.projections.spot.intervals import INTERVALS
from agio.projections.spot.statistics import MarketsStatistics
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from tests.unit.projections.made import START, MadeRows, minutes, trade

DAY = 1440 * MINUTE


class Minute(NamedTuple):
    """As `agio._core.Minute`."""

    market: int
    opened: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_buy_volume: int
    taker_buy_quote_volume: int
    first_trade: int
    last_trade: int
    last_quantity: int


class Standing(NamedTuple):
    """As `agio._core.Standing`."""

    market: int
    update: int
    bid: int
    bid_total: int
    ask: int
    ask_total: int


class Level:
    """An event that is none of our business."""


def tape(count: int, seed: int, longest: int) -> list[TradeRow]:
    chance = random.Random(seed)
    time, rows = START, []
    for number in range(count):
        time += chance.randrange(longest) if chance.random() < 0.5 else chance.randrange(1000)
        price, quantity = chance.randrange(90, 110), chance.randrange(1, 9)
        maker = chance.random() < 0.5
        rows.append(
            trade(number, time=time, price=price, quantity=quantity, notional=price * quantity, buyer_is_maker=maker)
        )
    return rows


def told(*rows: TradeRow) -> list[Minute]:
    """What a shard tells of the trades of one batch."""
    last = {row.time - row.time % MINUTE: row.quantity for row in rows}
    return [Minute._make((*minute, last[minute[1]])) for minute in minutes(rows)]


def naive_day(rows: list[TradeRow], now: int) -> DayStatistics:
    begins = now - DAY - (now - DAY) % MINUTE
    inside = [row for row in rows if row.time >= begins]
    before = [row.price for row in rows if row.time < begins]
    prices = [row.price for row in inside] or [0]
    return DayStatistics(
        now - DAY, now, prices[0], max(prices), min(prices), prices[-1], before[-1] if before else 0,
        inside[-1].quantity if inside else 0, sum(row.quantity for row in inside), sum(row.notional for row in inside),
        inside[0].trade if inside else -1, inside[-1].trade if inside else -1, len(inside),
    )  # fmt: skip


def naive_candle(rows: list[TradeRow], name: str, now: int) -> Candle:
    opened = INTERVALS[name].opening(now)
    inside = [row for row in rows if row.time >= opened]
    taken = [row for row in inside if not row.buyer_is_maker]
    prices = [row.price for row in inside] or [rows[-1].price]
    return Candle(
        opened, INTERVALS[name].after(opened) - 1, prices[0], max(prices), min(prices), prices[-1],
        sum(row.quantity for row in inside), sum(row.notional for row in inside), len(inside),
        sum(row.quantity for row in taken), sum(row.notional for row in taken),
        inside[0].trade if inside else -1, inside[-1].trade if inside else -1,
    )  # fmt: skip


def agrees(statistics: MarketsStatistics, rows: list[TradeRow], now: int) -> None:
    assert statistics.day(0) == naive_day(rows, now)
    assert statistics.last_price(0) == rows[-1].price
    for name in INTERVALS:
        assert statistics.candle(0, name) == naive_candle(rows, name, now), name


@pytest.mark.parametrize(("seed", "longest"), [(1, 5 * MINUTE), (2, 90 * MINUTE), (3, 3 * DAY), (4, 1000)])
def test_they_agree_at_every_moment(seed: int, longest: int) -> None:
    rows = tape(400, seed, longest)
    now = START
    statistics = MarketsStatistics(lambda: now)
    chance, count = random.Random(seed), 0
    while count < len(rows):
        batch = rows[count : count + chance.randrange(1, 6)]
        now = batch[-1].time
        if chance.random() < 0.5:  # asked while the batch is on its way to the disk
            agrees(statistics, rows[:count], now) if count else statistics.day(0)
        statistics([Level(), *told(*batch), Level()])
        count += len(batch)
        agrees(statistics, rows[:count], now)
    for later in (MINUTE, 45 * MINUTE, DAY - 1, DAY + MINUTE, 40 * DAY):
        now = rows[-1].time + later
        agrees(statistics, rows, now)


@pytest.mark.parametrize("ends", [MINUTE, DAY, 7 * DAY])
def test_trades_that_become_durable_in_the_next_minute_belong_to_their_own(ends: int) -> None:
    """A trade is told when the disk has it, and somebody may have asked at the next minute's beginning before that."""
    turn = START - START % ends + ends
    rows = [
        trade(number, time=turn + at, price=price, quantity=1, notional=price)
        for number, (at, price) in enumerate([(-2 * MINUTE, 100), (-9, 103), (-1, 90), (5, 101)])
    ]
    now = turn
    statistics = MarketsStatistics(lambda: now)
    for count in range(1, 5):
        statistics(told(rows[count - 1]))
        now = turn + 2 * count
        if count == 4:
            now = turn + MINUTE // 2
        agrees(statistics, rows[:count], now)


@pytest.mark.parametrize("longest", [MINUTE, 20 * MINUTE, 3 * DAY])
@pytest.mark.parametrize("known", [1, 150, 299])
def test_a_seeded_start_equals_one_that_saw_everything(database: Engine, longest: int, known: int) -> None:
    rows = tape(300, 7, longest)
    Writer(database, "spot", SpotTables(database.dialect)).write(
        [MadeRows(1, 1, rows[known - 1].time, trades=list(rows[:known]))]
    )
    now = rows[known - 1].time + 30 * MINUTE // 2
    statistics = MarketsStatistics(lambda: now)
    statistics.seed(seeds.read(database, now))
    agrees(statistics, rows[:known], now)
    for count in range(known - 1, 300):  # the first is known from the seed already
        now = max(now, rows[count].time)
        statistics(told(rows[count]._replace(time=now)))
    seen = [row._replace(time=max(row.time, rows[known - 1].time + 15 * MINUTE)) for row in rows[known:]]
    agrees(statistics, rows[:known] + seen, now)


def test_every_market_is_seeded(database: Engine) -> None:
    rows = [trade(0, market=market, time=START, price=market + 1) for market in (0, 2, 7)]
    Writer(database, "spot", SpotTables(database.dialect)).write([MadeRows(1, 1, START, trades=list(rows))])
    assert {market: seed.last_price for market, seed in seeds.read(database, START).items()} == {0: 1, 2: 3, 7: 8}


def test_a_market_that_never_traded() -> None:
    statistics = MarketsStatistics(lambda: START)
    assert statistics.last_price(5) is None
    assert statistics.candle(5, "1m") is None
    assert statistics.day(5) == naive_day([], START)
    assert statistics.top(5) == TopOfBook(0, 0, 0, 0, 0)


def test_the_top_of_the_book_is_the_last_one_told() -> None:
    statistics = MarketsStatistics(lambda: START)
    statistics([Standing(1, 5, 10, 2, 11, 3), Standing(1, 6, 10, 2, 0, 0)])
    assert statistics.top(1) == TopOfBook(6, 10, 2, 0, 0)
