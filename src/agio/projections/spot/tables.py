"""Spot's rows into spot's tables."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from agio.projections.schema import aggregates, candles, orders, postings, trades
from agio.projections.spot.buckets import COLUMNS, Bucket, Growing
from agio.projections.spot.intervals import STORED
from agio.projections.writes import Upsert

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect

    from agio.projections.rows import Rows

ORDER_CHANGES = (
    "quantity", "executed", "notional", "prevented", "status", "expiry", "prevented_match", "on_book", "updated",
)  # fmt: skip
"""What of an order changes after it was accepted."""


class SpotTables:
    """Writes `Rows` of a spot shard. Writing the same rows again changes nothing."""

    def __init__(self, dialect: Dialect) -> None:
        self._orders = Upsert(orders, ORDER_CHANGES, dialect)
        self._trades = Upsert(trades, (), dialect)
        self._aggregates = Upsert(aggregates, (), dialect)
        self._postings = Upsert(postings, (), dialect)
        self._candles = Upsert(candles, COLUMNS[1:], dialect)
        self._growing: dict[int, Growing] = {}

    def write(self, connection: Connection, batch: Sequence[Rows]) -> None:
        """One transaction's rows."""
        # An order that changed several times in the batch is written once, as it stands.
        latest = {(row[0], row[1]): row for rows in batch for row in rows.orders}
        traded = list(chain.from_iterable(rows.trades for rows in batch))
        self._orders(connection, list(latest.values()))
        self._trades(connection, traded)
        self._aggregates(connection, list(chain.from_iterable(rows.aggregates for rows in batch)))
        self._postings(connection, list(chain.from_iterable(rows.postings for rows in batch)))
        if traded:
            self._candles(connection, self._grow(connection, traded))

    def forget(self) -> None:
        """The candles in memory are ahead of SQL: read them again."""
        self._growing.clear()

    def _grow(self, connection: Connection, traded: list[tuple[Any, ...]]) -> list[tuple[int, ...]]:
        by_market: dict[int, list[tuple[Any, ...]]] = {}
        for row in traded:
            by_market.setdefault(row[0], []).append(row)
        return [
            (market, width, *bucket.columns())
            for market, rows in by_market.items()
            for (width, _), bucket in self._of(connection, market).grow(rows).items()
        ]

    def _of(self, connection: Connection, market: int) -> Growing:
        growing = self._growing.get(market)
        if growing is None:
            growing = self._growing[market] = Growing(_latest(connection, market))
        return growing


def _latest(connection: Connection, market: int) -> dict[int, Bucket]:
    """The newest stored candle of each width."""
    found = {}
    for width in STORED:
        where = (candles.c.market == market) & (candles.c.minutes == width)
        newest = select(*(candles.c[name] for name in COLUMNS)).where(where).order_by(candles.c.opened.desc()).limit(1)
        if row := connection.execute(newest).first():
            found[width] = Bucket.of(row)
    return found
