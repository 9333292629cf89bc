"""`agio.ports.History` over every database it is kept in, against the plainest possible reading of the same rows."""

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select

from agio import ports
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.domain.history import AggregateRow, Candle, OrderRow, TradeRow
from agio.domain.intervals import DAY, HOUR, MINUTE
from agio.projections.position import Progress
from agio.projections.schema import candles
from agio.projections.spot.history import SqlHistory
from agio.projections.spot.intervals import INTERVALS
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from tests.databases import KINDS, fresh
from tests.unit.projections.made import SECOND, START, MadeRows, history, order, trade

COMMANDS = 1_200
STEP = 37 * 60 * 1_000_000
"""37 minutes between commands: a month in all, with many empty minutes."""
NOW = START + (COMMANDS + 3) * STEP
ROWS = list(history(COMMANDS, step=STEP))
ORDERS = {(row.market, row.order): row for made in ROWS for row in map(OrderRow._make, made.orders)}
TRADES = [TradeRow._make(row) for made in ROWS for row in made.trades]
AGGREGATES = [AggregateRow._make(row) for made in ROWS for row in made.aggregates]


@pytest.fixture(scope="module", params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Holds the rows of ROWS."""
    engine = fresh(request, tmp_path_factory.mktemp("history"))
    prepare(engine, PROJECTION)
    writer = Writer(engine, "spot", SpotTables(engine.dialect))
    for start in range(0, COMMANDS, 97):
        writer.write(ROWS[start : start + 97])
    yield engine
    engine.dispose()


@pytest.fixture
async def asked(database: Engine) -> AsyncIterator[ports.History]:
    progress = Progress()
    progress.advance(COMMANDS)
    found = SqlHistory(database, progress, lambda: NOW)
    yield found
    found.close()


def page(rows: list[Any], limit: int, *, oldest: bool) -> list[Any]:
    return rows[:limit] if oldest else rows[-limit:]


def bounds(chance: random.Random) -> dict[str, Any]:
    """Bounds of all kinds: none, one, both, exact times of rows, empty ranges."""
    times = [None, None, START, NOW, *(made.time + chance.randrange(-1, 2) for made in chance.sample(ROWS, 3))]
    return {"start": chance.choice(times), "end": chance.choice(times), "limit": chance.choice([1, 2, 7, 500])}


def inside(moment: int, start: int | None, end: int | None) -> bool:
    return (start is None or moment >= start) and (end is None or moment <= end)


@pytest.mark.parametrize("seed", range(40))
async def test_orders(asked: ports.History, seed: int) -> None:
    chance = random.Random(seed)
    account, market, from_id = 1000 + seed % 5, seed % 3, chance.choice([None, None, 0, 17, 200, 10**6])
    asks = bounds(chance)
    mine = [row for (where, _), row in sorted(ORDERS.items()) if where == market and row.account == account]
    mine = [row for row in mine if inside(row.opened, asks["start"], asks["end"]) and row.order >= (from_id or 0)]
    oldest = from_id is not None or asks["start"] is not None
    found = await asked.orders(account, market, from_id=from_id, **asks)
    assert found == page(mine, asks["limit"], oldest=oldest)
    assert all(type(row) is OrderRow and type(row.on_book) is bool for row in found)


async def test_one_order(asked: ports.History) -> None:
    row = ORDERS[1, 9]
    assert await asked.order(row.account, 1, 9, None) == row
    assert await asked.order(row.account, 1, None, row.client_id) == row
    assert await asked.order(row.account, 1, 9, row.client_id) == row
    assert await asked.order(row.account, 1, 9, "another") is None
    assert await asked.order(row.account, 1, None, row.client_id.upper()) is None
    assert await asked.order(row.account + 1, 1, 9, None) is None
    assert await asked.order(row.account, 1, 10**9, None) is None


@pytest.mark.parametrize("seed", range(40))
async def test_my_trades(asked: ports.History, seed: int) -> None:
    chance = random.Random(seed)
    account, market, from_id = 1000 + seed % 5, seed % 3, chance.choice([None, None, 0, 17, 10**6])
    asks = bounds(chance)
    mine = [row for row in TRADES if row.market == market and account in (row.buyer, row.seller)]
    of_order = chance.choice(
        [None, None, 10**6, *(row.buy_order for row in mine[5:6]), *(row.sell_order for row in mine[:1])]
    )
    mine = [row for row in mine if inside(row.time, asks["start"], asks["end"]) and row.trade >= (from_id or 0)]
    if of_order is not None:
        mine = [
            r
            for r in mine
            if (r.buyer, r.buy_order) == (account, of_order) or (r.seller, r.sell_order) == (account, of_order)
        ]
    oldest = from_id is not None or asks["start"] is not None
    found = await asked.my_trades(account, market, order_id=of_order, from_id=from_id, **asks)
    assert found == page(mine, asks["limit"], oldest=oldest)


@pytest.mark.parametrize("from_id", [None, 0, 5, 10**6])
@pytest.mark.parametrize("limit", [1, 10, 10_000])
async def test_trades(asked: ports.History, from_id: int | None, limit: int) -> None:
    all_of = [row for row in TRADES if row.market == 2 and row.trade >= (from_id or 0)]
    assert await asked.trades(2, from_id=from_id, limit=limit) == page(all_of, limit, oldest=from_id is not None)


@pytest.mark.parametrize("seed", range(25))
async def test_aggregates(asked: ports.History, seed: int) -> None:
    chance = random.Random(seed)
    market, from_id = seed % 3, chance.choice([None, None, 0, 17, 10**6])
    asks = bounds(chance)
    theirs = [row for row in AGGREGATES if row.market == market and row.aggregate >= (from_id or 0)]
    theirs = [row for row in theirs if inside(row.time, asks["start"], asks["end"])]
    oldest = from_id is not None or asks["start"] is not None
    found = await asked.aggregates(market, from_id=from_id, **asks)
    assert found == page(theirs, asks["limit"], oldest=oldest)


def naive_candles(market: int, name: str, offset: int) -> list[Candle]:
    """Every candle from the first trade to now, straight from the trades."""
    interval, found, price = INTERVALS[name], [], 0
    trades = [row for row in TRADES if row.market == market]
    opened = interval.opening(trades[0].time, offset)
    while opened <= NOW:
        following = interval.after(opened, offset)
        mine = [row for row in trades if opened <= row.time < following]
        taken = [row for row in mine if not row.buyer_is_maker]
        prices = [row.price for row in mine] or [price]
        price = prices[-1]
        found.append(
            Candle(
                opened, following - 1, prices[0], max(prices), min(prices), price,
                sum(row.quantity for row in mine), sum(row.notional for row in mine), len(mine),
                sum(row.quantity for row in taken), sum(row.notional for row in taken),
                mine[0].trade if mine else -1, mine[-1].trade if mine else -1,
            )
        )  # fmt: skip
        opened = following
    return found


WIDE = [name for name, interval in INTERVALS.items() if interval.length == 0 or interval.length >= HOUR]


@pytest.mark.parametrize("offset", [0, 8 * 60, -12 * 60, 5 * 60 + 30])
@pytest.mark.parametrize("name", WIDE)
async def test_candles(asked: ports.History, name: str, offset: int) -> None:
    every = naive_candles(1, name, offset * MINUTE)
    chance = random.Random(name)
    assert await asked.candles(1, name, start=None, end=None, limit=1000, offset_minutes=offset) == every[-1000:]
    for _ in range(8):
        asks = bounds(chance)
        mine = [candle for candle in every if inside(candle.opened, asks["start"], asks["end"])]
        found = await asked.candles(1, name, offset_minutes=offset, **asks)
        assert found == page(mine, asks["limit"], oldest=asks["start"] is not None)


@pytest.mark.parametrize("name", ["1m", "3m", "5m", "15m", "30m"])
async def test_narrow_candles(asked: ports.History, name: str) -> None:
    start = START + 20 * STEP
    every = [candle for candle in naive_candles(0, name, 0) if candle.opened >= start]
    assert await asked.candles(0, name, start=start, end=None, limit=300, offset_minutes=0) == every[:300]
    assert await asked.candles(0, name, start=None, end=None, limit=300, offset_minutes=0) == every[-300:]


@pytest.mark.parametrize("name", WIDE)
async def test_candles_from_a_time_that_never_comes(asked: ports.History, name: str) -> None:
    for start in (NOW + 1, 253_402_300_800_000_000, 2**63 - 1):  # the second: the year 10000
        assert await asked.candles(1, name, start=start, end=None, limit=5, offset_minutes=0) == []


async def test_a_market_that_never_traded_has_no_candles(asked: ports.History) -> None:
    assert await asked.candles(9, "1m", start=None, end=None, limit=5, offset_minutes=0) == []


@pytest.mark.parametrize(
    ("name", "time", "offset", "opened"),
    [
        ("1w", "2024-08-08T03:00:00Z", 0, "2024-08-05T00:00:00Z"),
        ("1M", "2024-02-29T23:59:59Z", 0, "2024-02-01T00:00:00Z"),
        ("1M", "2024-02-29T23:59:59Z", 60, "2024-02-29T23:00:00Z"),
        ("1d", "2024-08-08T03:00:00Z", 480, "2024-08-07T16:00:00Z"),
        ("4h", "2024-08-08T03:00:00Z", 330, "2024-08-08T02:30:00Z"),
    ],
)
def test_where_candles_open(name: str, time: str, offset: int, opened: str) -> None:
    from datetime import datetime

    moment, expected = (int(datetime.fromisoformat(at).timestamp()) * 1_000_000 for at in (time, opened))
    assert INTERVALS[name].opening(moment, offset * MINUTE) == expected
    assert INTERVALS[name].opening(INTERVALS[name].after(expected, offset * MINUTE) - 1, offset * MINUTE) == expected


async def test_every_question_looks_at_few_rows(tmp_path: Path) -> None:
    """Where there are millions, a plan that walks through a market costs seconds. Counted in SQLite's own steps."""
    engine = sqlite_engine(tmp_path / "long.db", durable=False)
    prepare(engine, PROJECTION)
    Writer(engine, "spot", SpotTables(engine.dialect)).write(list(history(LONG)))
    hundreds = [0]

    def count() -> None:
        hundreds[0] += 1

    def counted(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.set_progress_handler(count, 100)

    event.listen(engine, "checkout", counted)
    asked = SqlHistory(engine, Progress(), lambda: START + LONG * SECOND)
    middle, end = LONG // 12, START + LONG * SECOND
    none: dict[str, Any] = {"from_id": None, "start": None, "end": None, "limit": 5}
    late = {"start": end - 1000 * SECOND, "end": end}
    for asks in (none, none | {"from_id": middle}, none | late, none | late | {"from_id": 5}, none | {"end": end}):
        for question in (
            asked.orders(1000, 0, **asks),
            asked.my_trades(1000, 0, order_id=None, **asks),
            asked.my_trades(1000, 0, order_id=middle, **asks),
            asked.aggregates(0, **asks),
            asked.trades(0, from_id=asks["from_id"], limit=5),
        ):
            hundreds[0] = 0
            found: list[Any] = await question
            assert len(found) <= 5
            assert hundreds[0] < 25, (hundreds, question, asks)
    hundreds[0] = 0
    newest = await asked.orders(1000, 0, **none)
    assert await asked.order(1000, 0, None, newest[-1].client_id) == newest[-1]
    assert hundreds[0] < 25
    assert await asked.order(1000, 0, None, "unknown") is None
    assert hundreds[0] > 60, "it walks through an account's orders, which the counting has to see"
    asked.close()
    engine.dispose()


LONG = 15_000
"""Commands; a market has 5,000 orders then, an account 1,250 of them."""


async def test_amounts_beyond_63_bits_come_back_exactly(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "large.db", durable=False)
    prepare(engine, PROJECTION)
    large = trade(0, quantity=2**64 - 1, notional=2**127 + 1)
    mine = order(1, client_id="12345", notional=2**127 + 1, budget=2**64)
    made = MadeRows(1, 1, START, orders=[mine], trades=[large])
    Writer(engine, "spot", SpotTables(engine.dialect)).write([made])
    asked = SqlHistory(engine, Progress(), lambda: START)
    assert await asked.trades(0, from_id=None, limit=1) == [large]
    assert await asked.order(1000, 0, 1, "12345") == mine
    [candle] = await asked.candles(0, "1d", start=None, end=None, limit=1, offset_minutes=0)
    assert (candle.volume, candle.quote_volume) == (2**64 - 1, 2**127 + 1)
    asked.close()
    engine.dispose()


@pytest.mark.parametrize(("width", "length"), [(1, MINUTE), (60, HOUR), (1440, DAY)])
def test_a_candle_is_stored_for_each_stretch_of_time_in_which_something_traded(
    database: Engine, width: int, length: int
) -> None:
    """And not for each minute of it, which looks the same in answers, but costs as much as there are minutes."""
    question = select(candles.c.opened).where(candles.c.market == 1, candles.c.minutes == width)
    with database.connect() as connection:
        found = connection.execute(question.order_by(candles.c.opened)).scalars().all()
    assert found == sorted({row.time - row.time % length for row in TRADES if row.market == 1})
