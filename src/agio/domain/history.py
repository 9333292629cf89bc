"""Rows of history, as projections give them and the gateway writes them. Money 10^-8, times µs."""

from __future__ import annotations

from typing import NamedTuple


class OrderRow(NamedTuple):
    """An order's last state. Enumerations are the engine's numbers (rust/engine/src/vocabulary.rs)."""

    market: int
    order: int
    account: int
    client_id: str
    side: int
    kind: int
    life: int
    price: int
    quantity: int
    budget: int
    executed: int
    notional: int
    prevented: int
    status: int
    expiry: int
    prevention: int
    prevented_match: int | None
    strategy: int | None
    strategy_type: int | None
    on_book: bool
    opened: int
    updated: int


class TradeRow(NamedTuple):
    """A trade with both sides."""

    market: int
    trade: int
    aggregate: int
    price: int
    quantity: int
    notional: int
    buy_order: int
    sell_order: int
    buyer: int
    seller: int
    buyer_is_maker: bool
    time: int
    buy_commission: int
    buy_commission_asset: int
    sell_commission: int
    sell_commission_asset: int
    sequence: int
    """The command that made it."""


class AggregateRow(NamedTuple):
    """All trades of one taker at one price."""

    market: int
    aggregate: int
    price: int
    quantity: int
    first: int
    last: int
    buyer_is_maker: bool
    time: int


class MovementRow(NamedTuple):
    """Money that no trade moved: one line of the ledger. `cause` is the engine's number."""

    sequence: int
    line: int
    account: int
    asset: int
    delta: int
    cause: int
    time: int


class PostingRow(NamedTuple):
    """One line of the ledger, of a movement or of a trade; `line` counts within the command, or within the trade."""

    sequence: int
    line: int
    account: int
    asset: int
    delta: int
    cause: int
    market: int | None
    trade: int | None
    time: int


class Candle(NamedTuple):
    """One candle; `opened` is its first µs, `closed` the last µs that belongs to it."""

    opened: int
    closed: int
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
    """-1 when nothing traded."""
    last_trade: int
