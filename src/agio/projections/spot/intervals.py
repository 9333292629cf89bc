"""Binance's candle intervals from one minute on: where each candle opens, in any time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

MINUTE = 60_000_000
"""µs."""
HOUR_MINUTES, DAY_MINUTES = 60, 1440
STORED = (DAY_MINUTES, HOUR_MINUTES, 1)
"""Widths in minutes of the candles that are kept, widest first."""


class Interval(NamedTuple):
    """Candles of `minutes`, counted from `origin` µs; a calendar month has `minutes` 0."""

    minutes: int
    origin: int = 0

    def opening(self, time: int, offset: int = 0) -> int:
        """When the candle opens that `time` falls into, for days that begin `offset` µs before those of UTC."""
        local = time + offset
        if not self.minutes:
            return _month(local, 0) - offset
        return local - (local - self.origin) % (self.minutes * MINUTE) - offset

    def after(self, opened: int, offset: int = 0) -> int:
        """When the candle behind the one that opened at `opened` opens."""
        if not self.minutes:
            return _month(opened + offset, 1) - offset
        return opened + self.minutes * MINUTE

    def stored(self, offset: int = 0) -> int:
        """The widest stored width, in minutes, of which every candle is made up."""
        own = self.minutes or DAY_MINUTES
        return next(width for width in STORED if own % width == 0 and offset % (width * MINUTE) == 0)


def _month(local: int, later: int) -> int:
    day = datetime.fromtimestamp(local // 1_000_000, UTC)
    months = day.year * 12 + day.month - 1 + later
    first = datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
    return int(first.timestamp()) * 1_000_000


MONDAY = 4 * DAY_MINUTES * MINUTE
"""1970-01-05: weeks begin on Mondays."""

INTERVALS: dict[str, Interval] = {
    "1m": Interval(1),
    "3m": Interval(3),
    "5m": Interval(5),
    "15m": Interval(15),
    "30m": Interval(30),
    "1h": Interval(60),
    "2h": Interval(120),
    "4h": Interval(240),
    "6h": Interval(360),
    "8h": Interval(480),
    "12h": Interval(720),
    "1d": Interval(DAY_MINUTES),
    "3d": Interval(3 * DAY_MINUTES),
    "1w": Interval(7 * DAY_MINUTES, MONDAY),
    "1M": Interval(0),
}
