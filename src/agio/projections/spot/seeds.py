"""What statistics need to know of the time before this process, out of stored candles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from agio.domain.intervals import DAY, MINUTE
from agio.projections.reads import fetch
from agio.projections.schema import candles, trades
from agio.projections.spot.buckets import COLUMNS, Bucket, StoredCandle
from agio.projections.spot.intervals import INTERVALS, STORED, stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine


class Seed(NamedTuple):
    """One market up to its last projected trade."""

    minutes: Sequence[Bucket]
    """Of the last 24 hours."""
    ladder: dict[str, Bucket]
    """The candle under way of each interval."""
    previous_close: int
    """The last price before those 24 hours, 0 when there is none."""
    last_price: int
    last_quantity: int
    last_trade: int


def read(engine: Engine, now: int) -> dict[int, Seed]:
    """A seed for each market that ever traded. Blocks; `now` is the log's time."""
    with engine.connect() as connection:
        return {market: _seed(connection, market, now) for market in _markets(connection)}


def _markets(connection: Connection) -> list[int]:
    """Steps from one market to the next by the primary key; DISTINCT would walk through every trade."""
    found: list[int] = []
    while (market := _market_after(connection, found[-1] if found else -1)) is not None:
        found.append(market)
    return found


def _market_after(connection: Connection, market: int) -> int | None:
    return connection.execute(select(func.min(trades.c.market)).where(trades.c.market > market)).scalar()


def _seed(connection: Connection, market: int, now: int) -> Seed:
    since = now - DAY
    minute_of_since = since - since % MINUTE
    first = {width: min(_opening(name, now) for name in _folded_from(width)) for width in STORED}
    first[1] = min(first[1], minute_of_since)
    kept = {width: _since(connection, market, width, first[width]) for width in STORED}
    last = connection.execute(
        select(trades).where(trades.c.market == market).order_by(trades.c.trade.desc()).limit(1)
    ).one()
    return Seed(
        minutes=[bucket for bucket in kept[1] if bucket.opened >= minute_of_since],
        ladder={name: _fold(kept[stored(interval)], _opening(name, now)) for name, interval in INTERVALS.items()},
        previous_close=_close_before(connection, market, minute_of_since),
        last_price=last.price,
        last_quantity=last.quantity,
        last_trade=last.trade,
    )


def _opening(name: str, now: int) -> int:
    return INTERVALS[name].opening(now)


def _folded_from(width: int) -> list[str]:
    return [name for name, interval in INTERVALS.items() if stored(interval) == width]


def _since(connection: Connection, market: int, width: int, opened: int) -> list[Bucket]:
    columns = (candles.c[name] for name in COLUMNS)
    where = (candles.c.market == market, candles.c.minutes == width, candles.c.opened >= opened)
    found = fetch(connection, select(*columns).where(*where).order_by(candles.c.opened), StoredCandle)
    return [Bucket.of(row) for row in found]


def _fold(kept: Sequence[Bucket], opened: int) -> Bucket:
    folded = Bucket(opened)
    for bucket in kept:
        if bucket.opened >= opened:
            folded.merge(bucket)
    return folded


def _close_before(connection: Connection, market: int, opened: int) -> int:
    c = candles.c
    where = (c.market == market, c.minutes == 1, c.opened < opened)
    return connection.execute(select(c.close).where(*where).order_by(c.opened.desc()).limit(1)).scalar() or 0
