"""Commands packed for `Shard.batch`, and their results, for bots, backtests and loaders in this process.

The layouts are the log's own (`docs/reference/layouts.md`, Place and Cancel); whatever else is a command may stand
between them. Prices and quantities are integers at 10^-8; accounts and markets are the engine's numbers. Nothing is
signed: who holds the shard's handle is the operator.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACE = Struct("<HBIIQQIBBBQQQQBBBB")
"""Kind 1, version 1; account; key, sent, window; market; side, type, time in force; price; quantity; budget (low and
high half); no client id, prevention, strategy and strategy type."""
CANCEL = Struct("<HBIIQQIBQBBB")
"""Kind 2, version 1; account; key, sent, window; market; whether there is a number, the order's number; no client id
and cancel id; any restriction."""
RESULT = Struct("<QQHB5x")
BUY, SELL = 1, 2
LIMIT, MARKET, LIMIT_MAKER = 1, 2, 3
GTC, IOC, FOK = 1, 2, 3


class Result(NamedTuple):
    """What became of a command."""

    order: int
    """The number of the first order that it changed; 0: none."""
    executed: int
    """What that order has executed, at 10^-8."""
    reason: int
    """Why it was refused (`rust/engine/src/reasons.rs`); 0: it was not."""
    status: int
    """The order's: 1 new, 2 partially filled, 3 filled, 4 cancelled, 5 expired, 6 expired in match; 0: no order."""


def place(
    account: int, market: int, side: int, price: int, quantity: int, *, kind: int = LIMIT, life: int = GTC
) -> bytes:
    """An order; a market order has price 0."""
    return PLACE.pack(1, 1, account, 0, 0, 0, market, side, kind, life, price, quantity, 0, 0, 0, 0, 0, 0)


def cancel(account: int, market: int, order: int) -> bytes:
    """The end of an open order."""
    return CANCEL.pack(2, 1, account, 0, 0, 0, market, 1, order, 0, 0, 0)


def results(body: bytes) -> Iterator[Result]:
    """One for each command of the batch, in order."""
    return map(Result._make, RESULT.iter_unpack(body))
