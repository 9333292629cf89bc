"""What is known of a market right now. Money 10^-8, times µs."""

from __future__ import annotations

from typing import NamedTuple

from agio.domain.money import ONE


class DayStatistics(NamedTuple):
    """The last 24 hours. Prices are 0 when nothing traded in them."""

    opened: int
    closed: int
    open: int
    high: int
    low: int
    last: int
    previous_close: int
    """The last price before the window."""
    last_quantity: int
    volume: int
    quote_volume: int
    first_trade: int
    """-1 when nothing traded."""
    last_trade: int
    trades: int

    @property
    def change(self) -> int:
        """From the first price to the last."""
        return self.last - self.open

    @property
    def change_percent(self) -> str:
        """The change in percent with three decimals, rounded half away from zero."""
        thousandths = (abs(self.change) * 200_000 + self.open) // (2 * self.open) if self.open else 0
        sign = "-" if self.change < 0 and thousandths else ""
        return f"{sign}{thousandths // 1000}.{thousandths % 1000:03}"

    @property
    def weighted_average(self) -> int:
        """The average price by volume, rounded to nearest."""
        return (2 * self.quote_volume * ONE + self.volume) // (2 * self.volume) if self.volume else 0


class TopOfBook(NamedTuple):
    """Best prices and their totals; 0 is an empty side."""

    update: int
    bid: int
    bid_total: int
    ask: int
    ask_total: int
