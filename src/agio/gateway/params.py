"""The parameters that rows are made of; Binance's names, limits and errors."""

from __future__ import annotations

from agio.domain import intervals
from agio.gateway.row import Param

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
CLIENT_ID = Param("origClientOrderId", "client_id", "The order's client id.")
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
