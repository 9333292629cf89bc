"""What is known of a market right now. Money 10^-8, times µs."""

from __future__ import annotations

from typing import NamedTuple


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


class TopOfBook(NamedTuple):
    """Best prices and their totals; 0 is an empty side."""

    update: int
    bid: int
    bid_total: int
    ask: int
    ask_total: int
