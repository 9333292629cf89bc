"""`agio.ports.History` over SQL: synchronous questions, asked by a few worker threads."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from sqlalchemy import ColumnElement, Select, Table, select

from agio.domain.history import AggregateRow, Candle, OrderRow, TradeRow
from agio.projections.reads import fetch
from agio.projections.schema import aggregates, candles, orders, trades
from agio.projections.spot.buckets import COLUMNS, Bucket, StoredCandle
from agio.projections.spot.folding import fold, openings
from agio.projections.spot.intervals import INTERVALS, MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from agio.ports import Clock
    from agio.projections.position import Progress

P = ParamSpec("P")
R = TypeVar("R")

WORKERS = 2


class SqlHistory:
    """Answers from the tables of one spot shard. Lists are oldest first.

    A bound below (`from_id`, `start`) asks for the oldest rows from there, none for the newest.
    """

    def __init__(self, engine: Engine, progress: Progress, clock: Clock) -> None:
        """`clock`: the log's time, up to which empty candles are given."""
        self._engine = engine
        self._clock = clock
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="agio-history")
        self.reached = progress.reached

    def close(self) -> None:
        """Ends the workers; questions under way are answered first. Blocks."""
        self._pool.shutdown()

    async def _ask(self, question: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, partial(question, *args, **kwargs))

    def _rows(self, question: Select[Any], kind: type[R]) -> list[R]:
        with self._engine.connect() as connection:
            return fetch(connection, question, kind)  # type: ignore[type-var]

    async def order(self, account: int, market: int, order_id: int | None, client_id: str | None) -> OrderRow | None:
        """The order of that number, or the newest of that client id; both must fit when both are given."""
        found = await self._ask(self._rows, _one_order(account, market, order_id, client_id), OrderRow)
        return found[0] if found else None

    async def orders(
        self, account: int, market: int, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[OrderRow]:
        """An account's orders, by number or by the time at which they were accepted."""
        c = orders.c
        where = [c.account == account, c.market == market, *_within(c.opened, start, end)]
        if from_id is not None:
            where += [c.order >= from_id, c.opened >= _moment(orders, c.order, c.opened, market, from_id)]
        oldest = from_id is not None or start is not None
        question = select(orders).where(*where)
        return await self._ask(self._page, question, (c.opened, c.order), oldest, limit, OrderRow)

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
        c = trades.c
        where = [c.market == market, *_within(c.time, start, end)]
        if from_id is not None:
            where += [c.trade >= from_id, c.time >= _moment(trades, c.trade, c.time, market, from_id)]
        if order_id is not None:
            where += _life_of(market, order_id)
        oldest = from_id is not None or start is not None
        return await self._ask(self._both_sides, account, order_id, where, oldest, limit)

    def _both_sides(
        self,
        account: int,
        order_id: int | None,
        where: list[ColumnElement[bool]],
        oldest: bool,
        limit: int,
    ) -> list[TradeRow]:
        c = trades.c
        found: dict[int, TradeRow] = {}
        for owner, order in ((c.buyer, c.buy_order), (c.seller, c.sell_order)):
            mine = [*where, owner == account]
            if order_id is not None:
                mine.append(order == order_id)
            page = self._page(select(trades).where(*mine), (c.time, c.trade), oldest, limit, TradeRow)
            found.update((row.trade, row) for row in page)
        both = [found[trade] for trade in sorted(found)]
        return both[:limit] if oldest else both[-limit:]

    async def trades(self, market: int, *, from_id: int | None, limit: int) -> list[TradeRow]:
        """A market's trades."""
        c = trades.c
        where = [c.market == market]
        if from_id is not None:
            where.append(c.trade >= from_id)
        question = select(trades).where(*where)
        return await self._ask(self._page, question, (c.trade,), from_id is not None, limit, TradeRow)

    async def aggregates(
        self, market: int, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[AggregateRow]:
        """A market's aggregates."""
        c = aggregates.c
        where = [c.market == market]
        if from_id is not None:
            where.append(c.aggregate >= from_id)
        by_time = start is not None or end is not None
        if by_time:
            where += _within(c.time, start, end)
        order = (c.time, c.aggregate) if by_time else (c.aggregate,)
        oldest = from_id is not None or start is not None
        return await self._ask(self._page, select(aggregates).where(*where), order, oldest, limit, AggregateRow)

    def _page(
        self,
        question: Select[Any],
        order: tuple[ColumnElement[Any], ...],
        oldest: bool,
        limit: int,
        kind: type[R],
    ) -> list[R]:
        if oldest:
            return self._rows(question.order_by(*order).limit(limit), kind)
        return self._rows(question.order_by(*(column.desc() for column in order)).limit(limit), kind)[::-1]

    async def candles(
        self, market: int, interval: str, *, start: int | None, end: int | None, limit: int, offset_minutes: int
    ) -> list[Candle]:
        """Candles that open from `start` to `end`, none before the first trade; empty ones are flat.

        `offset_minutes`: how far ahead of UTC the days begin. KeyError for an unknown interval.
        """
        now = self._clock()
        until = now if end is None else min(end, now)
        return await self._ask(self._candles, market, interval, start, until, limit, offset_minutes * MINUTE)

    def _candles(self, market: int, name: str, start: int | None, end: int, limit: int, offset: int) -> list[Candle]:
        interval = INTERVALS[name]
        width = interval.stored(offset)
        stored = _stored(market, width)
        with self._engine.connect() as connection:
            oldest = connection.execute(stored.order_by(candles.c.opened).limit(1)).first()
            if oldest is None:
                return []
            opens = openings(interval, offset, start=start, end=end, earliest=oldest.opened, limit=limit)
            if not opens:
                return []
            before = stored.where(candles.c.opened < opens[0]).order_by(candles.c.opened.desc()).limit(1)
            previous = connection.execute(before).first()
            inside = stored.where(candles.c.opened >= opens[0], candles.c.opened < opens[-1])
            found = fetch(connection, inside.order_by(candles.c.opened), StoredCandle)
        return list(fold(map(Bucket.of, found), opens, previous.close if previous else 0))


def _stored(market: int, width: int) -> Select[Any]:
    columns = (candles.c[name] for name in COLUMNS)
    return select(*columns).where(candles.c.market == market, candles.c.minutes == width)


def _one_order(account: int, market: int, order_id: int | None, client_id: str | None) -> Select[Any]:
    c = orders.c
    question = select(orders).where(c.account == account, c.market == market)
    if client_id is not None:
        question = question.where(c.client_id == client_id)
    if order_id is not None:
        return question.where(c.order == order_id)
    return question.where(c.opened >= 0).order_by(c.opened.desc(), c.order.desc()).limit(1)


def _within(time: ColumnElement[int], start: int | None, end: int | None) -> list[ColumnElement[bool]]:
    """Always a lower bound: without one SQLite prefers to walk through all of a market by its primary key."""
    bounds = [time >= (start or 0)]
    return bounds if end is None else [*bounds, time <= end]


def _moment(table: Table, number: Any, time: Any, market: int, from_id: int) -> Any:
    """The time of the first row from `from_id` on: the indices are by time, and numbers grow with it."""
    first = select(time).select_from(table).where(table.c.market == market, number >= from_id)
    return first.order_by(number).limit(1).correlate(None).scalar_subquery()


def _life_of(market: int, order_id: int) -> list[ColumnElement[bool]]:
    """An order's trades lie between its first and last moment; an unknown order has none."""
    life = [
        select(moment).where(orders.c.market == market, orders.c.order == order_id).scalar_subquery()
        for moment in (orders.c.opened, orders.c.updated)
    ]
    return [trades.c.time >= life[0], trades.c.time <= life[1]]
