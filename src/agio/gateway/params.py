"""The parameters that rows are made of; Binance's names, limits and errors."""

from __future__ import annotations

from typing import Any, TypeAlias

from agio.domain import intervals
from agio.gateway.row import Param

Window: TypeAlias = tuple[int | None, int | None]
"""startTime and endTime in µs; None where it is open."""

NO_INTERVALS = ("1s",)
"""Binance's candles that questions find none of."""
INTERVALS = tuple(name for name in intervals.INTERVALS if name not in NO_INTERVALS)
"""Those that they find."""
STATUSES = ("TRADING", "HALT", "BREAK")
SYMBOL = Param("symbol", "symbol", "The market, such as BTCUSDT.", required=True)
ANY_SYMBOL = Param("symbol", "symbol", "One market.")
SYMBOLS = Param("symbols", "symbols", 'Several markets: `["BTCUSDT","ETHUSDT"]`.')
SYMBOL_STATUS = Param(
    "symbolStatus", "enum", "Only markets of this status; of a single one else -1220.", values=STATUSES, error=-1122
)
START = Param("startTime", "time", "From this time on, inclusive; ms or µs.")
END = Param("endTime", "time", "Up to this time, inclusive; ms or µs.")
ORDER_ID = Param("orderId", "long", "The order's number.")
WHICH_ORDER = (
    Param("orderId", "long", "The order's number."),
    Param("origClientOrderId", "client_id", "The order's client id.", required="orderId"),
)
NEW_CLIENT_ID = Param("newClientOrderId", "client_id", "Unique among the account's open orders; made up when absent.")


def limit(default: int, most: int) -> Param:
    """How many rows at most."""
    return Param("limit", "long", f"At most {most}; {default} when absent.", min=1, max=most, clamp=True)


def enum(name: str, words: str, *values: str, error: int | None = None, required: bool = False) -> Param:
    """One of some names."""
    return Param(name, "enum", words, required, values, error)


def from_id(words: str) -> Param:
    """A number to begin at."""
    return Param("fromId", "long", words)


EARLIEST = 1_483_228_800_000_000
"""2017-01-01: the first time that windows reach"""
FUTURE = 10_000_000
"""and how far ahead of the clock the last one lies (CHANGELOG 2024-12-09). µs."""


def window(values: Any, now: int) -> Window:
    """The window that is asked for, each end moved into the range of times as Binance does, rather than refused."""
    start, end = (values.get(param.name) for param in (START, END))
    return _within(start, now), _within(end, now)


def _within(time: int | None, now: int) -> int | None:
    return None if time is None else min(max(time, EARLIEST), now + FUTURE)
