"""`agio.ports.History` over SQL: synchronous questions, asked by a few worker threads."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, and_, select

from agio.domain.history import AggregateRow, Candle, OrderRow, TradeRow
from agio.domain.intervals import MINUTE
from agio.projections.behind import LONG
from agio.projections.pool import Pool
from agio.projections.reads import fetch
from agio.projections.schema import aggregates, candles, orders, trades
from agio.projections.spot.buckets import COLUMNS, Bucket, StoredCandle
from agio.projections.spot.folding import fold, openings
from agio.projections.spot.intervals import INTERVALS, parts, stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from agio.ports import Clock
    from agio.projections.position import Progress

WORKERS = 2
FEW = 4
AT_ONCE = 2_000
"""Candles that one question asks for: decoding them holds Python's lock."""


class Page(NamedTuple):
    """What part of a list is asked for. Times in µs, both ends belong to it."""

    from_id: int | None
    start: int | None
    end: int | None
    limit: int

    @property
    def oldest(self) -> bool:
        """A bound below asks for the oldest rows from there, none for the newest."""
        return self.from_id is not None or self.start is not None


class Kind(NamedTuple):
    """A table with its two columns that grow together."""

    table: Table
    number: ColumnElement[int]
    time: ColumnElement[int]
    row: type[Any]


ORDERS = Kind(orders, orders.c.order, orders.c.opened, OrderRow)
TRADES = Kind(trades, trades.c.trade, trades.c.time, TradeRow)
AGGREGATES = Kind(aggregates, aggregates.c.aggregate, aggregates.c.time, AggregateRow)


class SqlHistory:
    """Answers from the tables of one spot shard. Lists are oldest first."""

    def __init__(self, engine: Engine, progress: Progress, clock: Clock) -> None:
        """`clock`: the log's time, up to which empty candles are given."""
        self._engine = engine
        self._clock = clock
        self._pool = Pool(WORKERS, "agio-history")
        # Client ids have no index of their own (see `agio.projections.schema`): who looks for one that his million
        # orders do not have waits for others of his kind, and nobody waits for him.
        self._names = Pool(1, "agio-history-names")
        self.reached = progress.reached
        self._progress = progress

    def state(self) -> str:
        """How its projection is; behind, when it runs and does not keep up."""
        progress = self._progress
        return "behind" if progress.state == "running" and progress.behind >= LONG else progress.state

    def position(self) -> int:
        """The last command that it has."""
        return self._progress.sequence

    def close(self) -> None:
        """Ends the workers; questions under way are answered first. Blocks."""
        self._pool.close()
        self._names.close()

    async def order(self, account: int, market: int, order_id: int | None, client_id: str | None) -> OrderRow | None:
        """The order of that number, or the newest of that client id; both must fit when both are given."""
        pool = self._names if order_id is None else self._pool
        question = _one_order(account, market, order_id, client_id)
        return await pool.ask(account, self._first, question)

    def _first(self, question: Select[Any]) -> OrderRow | None:
        with self._engine.connect() as connection:
            return next(iter(fetch(connection, question, OrderRow)), None)

    async def orders(
        self, account: int, market: int, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[OrderRow]:
        """An account's orders, by number or by the time at which they were accepted."""
        where = [orders.c.account == account]
        return await self._pool.ask(account, self._page, ORDERS, market, where, Page(from_id, start, end, limit))

    async def my_trades(
        self,
        account: int,
        market: int,
        *,
        order_id: int | None,
        from_id: int | None,
        start: int | None,
        end: int | None,
        limit: int,
    ) -> list[TradeRow]:
        """An account's trades on either side; one with itself comes once."""
        page = Page(from_id, start, end, limit)
        return await self._pool.ask(account, self._both_sides, account, market, order_id, page)

    def _both_sides(self, account: int, market: int, order_id: int | None, page: Page) -> list[TradeRow]:
        oldest = page.oldest
        found: dict[int, TradeRow] = {}
        for owner, order in ((trades.c.buyer, trades.c.buy_order), (trades.c.seller, trades.c.sell_order)):
            mine = [owner == account]
            if order_id is not None:
                mine.append(order == order_id)
            found.update((row.trade, row) for row in self._page(TRADES, market, mine, page, order_id))
        both = [found[trade] for trade in sorted(found)]
        return both[: page.limit] if oldest else both[-page.limit :]

    async def trades(self, market: int, *, from_id: int | None, limit: int) -> list[TradeRow]:
        """A market's trades."""
        return await self._pool.ask(None, self._page, TRADES, market, [], Page(from_id, None, None, limit))

    async def aggregates(
        self, market: int, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[AggregateRow]:
        """A market's aggregates."""
        return await self._pool.ask(None, self._page, AGGREGATES, market, [], Page(from_id, start, end, limit))

    def _page(
        self, kind: Kind, market: int, where: list[ColumnElement[bool]], page: Page, order_id: int | None = None
    ) -> list[Any]:
        """One page of a market's rows; `order_id`: those of one order."""
        with self._engine.connect() as connection:
            within = _within(connection, kind, market, page, order_id)
            if within is None:
                return []
            question = select(kind.table).where(kind.table.c.market == market, *where, *within)
            # Without anything else to go by, numbers: the primary key. Else times: every other index ends with them.
            by_time = where or page.start is not None or page.end is not None
            order = (kind.time, kind.number) if by_time else (kind.number,)
            if page.oldest:
                return fetch(connection, question.order_by(*order).limit(page.limit), kind.row)
            newest = question.order_by(*(column.desc() for column in order)).limit(page.limit)
            return fetch(connection, newest, kind.row)[::-1]

    async def candles(
        self, market: int, interval: str, *, start: int | None, end: int | None, limit: int, offset_minutes: int
    ) -> list[Candle]:
        """Candles that open from `start` to `end`, none before the first trade; empty ones are flat.

        `offset_minutes`: how far ahead of UTC the days begin. KeyError for an unknown interval.
        """
        now = self._clock()
        until = now if end is None else min(end, now)
        return await self._pool.ask(None, self._candles, market, interval, start, until, limit, offset_minutes * MINUTE)

    def _candles(self, market: int, name: str, start: int | None, end: int, limit: int, offset: int) -> list[Candle]:
        interval = INTERVALS[name]
        kept = _kept(market, stored(interval, offset))
        with self._engine.connect() as connection:
            oldest = connection.execute(kept.order_by(candles.c.opened).limit(1)).first()
            if oldest is None:
                return []
            opens = openings(interval, offset, start=start, end=end, earliest=oldest.opened, limit=limit)
            if not opens:
                return []
            before = kept.where(candles.c.opened < opens[0]).order_by(candles.c.opened.desc()).limit(1)
            previous = connection.execute(before).first()
            found = _inside(connection, market, opens)
        return list(fold(map(Bucket.of, found), opens, previous.close if previous else 0))


def _kept(market: int, width: int) -> Select[Any]:
    columns = (candles.c[name] for name in COLUMNS)
    return select(*columns).where(candles.c.market == market, candles.c.minutes == width)


def _inside(connection: Connection, market: int, opens: Sequence[int]) -> list[StoredCandle]:
    """The stored candles of which those are made that open at `opens`, oldest first."""
    found: list[StoredCandle] = []
    for width, stretches, cut in parts(opens):
        kept = _kept(market, width)
        for within in _conditions(width, stretches):
            rows = fetch(connection, kept.where(within), StoredCandle)
            found += (row for row in rows if row.opened not in cut)
    return sorted(found)


def _conditions(width: int, stretches: list[tuple[int, int]]) -> Iterator[ColumnElement[bool]]:
    """By stretches of time, or, where these are many, by when candles open; as many at once as hold nobody up."""
    opened, length = candles.c.opened, width * MINUTE
    if len(stretches) <= FEW:
        pieces = (
            (at, min(at + AT_ONCE * length, end)) for s, end in stretches for at in range(s, end, AT_ONCE * length)
        )
        yield from (and_(opened >= start, opened < end) for start, end in pieces)
        return
    wanted = (at for start, end in stretches for at in range(-(-start // length) * length, end, length))
    while some := list(islice(wanted, AT_ONCE)):
        yield opened.in_(some)


def _one_order(account: int, market: int, order_id: int | None, client_id: str | None) -> Select[Any]:
    c = orders.c
    question = select(orders).where(c.account == account, c.market == market)
    if client_id is not None:
        question = question.where(c.client_id == client_id)
    if order_id is not None:
        return question.where(c.order == order_id)
    return question.where(c.opened >= 0).order_by(c.opened.desc(), c.order.desc()).limit(1)


def _within(
    connection: Connection, kind: Kind, market: int, page: Page, order_id: int | None
) -> list[ColumnElement[bool]] | None:
    """The conditions of a page; None when nothing can fulfil them.

    Of two bounds below SQLite uses one, and without any it prefers to walk through a market by the primary key. So
    there is one, in time, always: numbers grow with time, and an order's trades lie between its first and last moment.
    """
    since, until = page.start or 0, page.end
    conditions: list[ColumnElement[bool]] = []
    if page.from_id is not None:
        first = select(kind.time).where(kind.table.c.market == market, kind.number >= page.from_id)
        moment = connection.execute(first.order_by(kind.number).limit(1)).scalar()
        if moment is None:
            return None
        since = max(since, moment)
        conditions.append(kind.number >= page.from_id)
    if order_id is not None:
        life = select(orders.c.opened, orders.c.updated).where(orders.c.market == market, orders.c.order == order_id)
        moments = connection.execute(life).first()
        if moments is None:
            return None
        since = max(since, moments.opened)
        until = moments.updated if until is None else min(until, moments.updated)
    conditions.append(kind.time >= since)
    return conditions if until is None else [*conditions, kind.time <= until]
