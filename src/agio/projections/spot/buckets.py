"""A candle while it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from agio.domain.history import Candle
from agio.domain.intervals import MINUTE, Interval
from agio.projections.spot.intervals import STORED

if TYPE_CHECKING:
    from collections.abc import Iterable

NONE = -1
"""The trade number of a candle in which nothing traded."""


class StoredCandle(NamedTuple):
    """The columns of the table `candles` that make a bucket."""

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


COLUMNS = StoredCandle._fields


class Bucket:
    """The trades of one stretch of time. Fields as in `agio.domain.history.Candle`."""

    __slots__ = (
        "close",
        "first_trade",
        "high",
        "last_trade",
        "low",
        "open",
        "opened",
        "quote_volume",
        "taker_buy_quote_volume",
        "taker_buy_volume",
        "trades",
        "volume",
    )

    def __init__(self, opened: int, price: int = 0) -> None:
        """Nothing traded yet, at `price`."""
        self.opened = opened
        self.open = self.high = self.low = self.close = price
        self.volume = self.quote_volume = self.trades = 0
        self.taker_buy_volume = self.taker_buy_quote_volume = 0
        self.first_trade = self.last_trade = NONE

    @classmethod
    def of(cls, values: Iterable[int]) -> Bucket:
        """From what is stored."""
        bucket = cls.__new__(cls)
        for name, value in zip(COLUMNS, values, strict=True):
            setattr(bucket, name, value)
        return bucket

    def merge(self, later: Any) -> None:
        """What happened afterwards, within this one's stretch: a bucket, or an `agio._core.Minute`."""
        if not later.trades:
            return
        if not self.trades:
            self.open, self.high, self.low = later.open, later.high, later.low
            self.first_trade = later.first_trade
        else:
            self.high = max(self.high, later.high)
            self.low = min(self.low, later.low)
        self.close = later.close
        self.last_trade = later.last_trade
        self.trades += later.trades
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.taker_buy_volume += later.taker_buy_volume
        self.taker_buy_quote_volume += later.taker_buy_quote_volume

    def columns(self) -> tuple[int, ...]:
        """As it is stored."""
        return tuple(getattr(self, name) for name in COLUMNS)

    def candle(self, closed: int) -> Candle:
        """As history gives it; `closed` is the last µs."""
        opened, *rest = self.columns()
        return Candle(opened, closed, *rest)


class Growing:
    """One market's current candles of the stored widths, fed with minutes in order."""

    def __init__(self, buckets: dict[int, Bucket]) -> None:
        """`buckets`: the latest stored ones by width; empty for a market that never traded."""
        self._buckets = buckets

    def grow(self, minutes: Iterable[Bucket]) -> dict[tuple[int, int], Bucket]:
        """Takes what has been traded since, by the minute; returns what changed, by width and opening."""
        changed: dict[tuple[int, int], Bucket] = {}
        for minute in minutes:
            for width in STORED:
                opened = Interval(width * MINUTE).opening(minute.opened)
                bucket = self._buckets.get(width)
                if bucket is None or bucket.opened != opened:
                    bucket = self._buckets[width] = Bucket(opened)
                bucket.merge(minute)
                changed[width, opened] = bucket
        return changed
