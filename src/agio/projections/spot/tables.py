"""Spot's rows into spot's tables."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from agio.projections.rows import MINUTES
from agio.projections.schema import aggregates, candles, movements, orders, stored, trades
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


_MINUTE = 1 + len(COLUMNS)
"""Values of a minute: its market, and its columns."""


class SpotTables:
    """Writes `Rows` of a spot shard. Writing the same rows again changes nothing."""

    def __init__(self, dialect: Dialect) -> None:
        changing = {orders.name: ORDER_CHANGES}
        tables = (orders, trades, aggregates, movements)
        self._upserts = [Upsert(table, changing.get(table.name, ()), dialect) for table in tables]
        self._candles = Upsert(candles, COLUMNS[1:], dialect)
        self._growing: dict[int, Growing] = {}

    def write(self, connection: Connection, batch: Sequence[Rows]) -> None:
        """One transaction's rows."""
        for upsert in self._upserts:
            upsert(connection, _together(batch, upsert.name))
        self._candles(connection, self._grow(connection, _together(batch, MINUTES)))

    def forget(self) -> None:
        """The candles in memory are ahead of SQL: read them again."""
        self._growing.clear()

    def _grow(self, connection: Connection, minutes: tuple[Any, ...]) -> tuple[Any, ...]:
        """The changed candles' values."""
        by_market: dict[int, list[Bucket]] = {}
        for market, *columns in zip(*[map(int, minutes)] * _MINUTE, strict=True):
            by_market.setdefault(market, []).append(Bucket.of(columns))
        rows = (
            (market, width, *map(stored, bucket.columns()))
            for market, found in by_market.items()
            for (width, _), bucket in self._of(connection, market).grow(found).items()
        )
        return tuple(chain.from_iterable(rows))

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


def _together(batch: Sequence[Rows], table: str) -> tuple[Any, ...]:
    """All rows of one table."""
    return tuple(chain.from_iterable(rows.values(table) for rows in batch))
