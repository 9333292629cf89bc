"""Candle intervals, as Binance names them: `1m` is a minute, `1M` a month. Times and lengths in µs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_FIRST_MONDAY = 4 * DAY
"""1970 began on a Thursday; weeks begin on Mondays."""


class Interval(NamedTuple):
    """Candles of `length`, counted from `origin`; a calendar month has length 0."""

    length: int
    origin: int = 0

    def opening(self, time: int, offset: int = 0) -> int:
        """When the candle opens that `time` falls into, for days that begin `offset` before those of UTC."""
        local = time + offset
        if not self.length:
            return _month(local, 0) - offset
        return local - (local - self.origin) % self.length - offset

    def after(self, opened: int, offset: int = 0) -> int:
        """When the candle behind the one that opened at `opened` opens."""
        if not self.length:
            return _month(opened + offset, 1) - offset
        return opened + self.length


def _month(local: int, later: int) -> int:
    day = datetime.fromtimestamp(local // SECOND, UTC)
    months = day.year * 12 + day.month - 1 + later
    first = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * SECOND


INTERVALS: dict[str, Interval] = {
    "1s": Interval(SECOND),
    "1m": Interval(MINUTE),
    "3m": Interval(3 * MINUTE),
    "5m": Interval(5 * MINUTE),
    "15m": Interval(15 * MINUTE),
    "30m": Interval(30 * MINUTE),
    "1h": Interval(HOUR),
    "2h": Interval(2 * HOUR),
    "4h": Interval(4 * HOUR),
    "6h": Interval(6 * HOUR),
    "8h": Interval(8 * HOUR),
    "12h": Interval(12 * HOUR),
    "1d": Interval(DAY),
    "3d": Interval(3 * DAY),
    "1w": Interval(7 * DAY, _FIRST_MONDAY),
    "1M": Interval(0),
}
