"""What spot operations answer. Python handlers encode these; the same shapes written by Rust are declared for the docs.

Money is text with eight decimals, times are ms, or µs when the request asks.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import UNSET, Struct, UnsetType

Money: TypeAlias = str
Level: TypeAlias = tuple[Money, Money]
Kline: TypeAlias = tuple[int, Money, Money, Money, Money, Money, int, Money, int, Money, Money, str]
"""Opened, open, high, low, close, volume, closed, quote volume, trades, taker's base and quote volume, unused."""


class Empty(Struct):
    """`{}`."""


class ServerTime(Struct, rename="camel"):
    """The log's clock."""

    server_time: int


class RateLimit(Struct, rename="camel"):
    """One limit, and where asked for how much of it is used."""

    rate_limit_type: str
    interval: str
    interval_num: int
    limit: int
    count: int | UnsetType = UNSET


class Filter(Struct, rename="camel"):
    """One of `PRICE_FILTER`, `LOT_SIZE`, `MARKET_LOT_SIZE`, `NOTIONAL`, `MIN_NOTIONAL`, `MAX_NUM_ORDERS`."""

    filter_type: str
    min_price: Money | UnsetType = UNSET
    max_price: Money | UnsetType = UNSET
    tick_size: Money | UnsetType = UNSET
    min_qty: Money | UnsetType = UNSET
    max_qty: Money | UnsetType = UNSET
    step_size: Money | UnsetType = UNSET
    min_notional: Money | UnsetType = UNSET
    apply_to_market: bool | UnsetType = UNSET
    apply_min_to_market: bool | UnsetType = UNSET
    max_notional: Money | UnsetType = UNSET
    apply_max_to_market: bool | UnsetType = UNSET
    avg_price_mins: int | UnsetType = UNSET
    max_num_orders: int | UnsetType = UNSET


class Symbol(Struct, rename="camel"):
    """One market."""

    symbol: str
    status: str
    base_asset: str
    base_asset_precision: int
    quote_asset: str
    quote_precision: int
    quote_asset_precision: int
    base_commission_precision: int
    quote_commission_precision: int
    order_types: tuple[str, ...]
    iceberg_allowed: bool
    oco_allowed: bool
    oto_allowed: bool
    opo_allowed: bool
    quote_order_qty_market_allowed: bool
    allow_trailing_stop: bool
    cancel_replace_allowed: bool
    amend_allowed: bool
    peg_instructions_allowed: bool
    is_spot_trading_allowed: bool
    is_margin_trading_allowed: bool
    filters: list[Filter]
    permissions: list[str]
    permission_sets: list[list[str]]
    default_self_trade_prevention_mode: str
    allowed_self_trade_prevention_modes: list[str]


class ExchangeInfo(Struct, rename="camel"):
    """Markets, limits and rules."""

    timezone: str
    server_time: int
    rate_limits: list[RateLimit]
    exchange_filters: list[Filter]
    symbols: list[Symbol]


class Depth(Struct, rename="camel"):
    """The book's best levels, best first."""

    last_update_id: int
    bids: list[Level]
    asks: list[Level]


class Trade(Struct, rename="camel"):
    """One public trade."""

    id: int
    price: Money
    qty: Money
    quote_qty: Money
    time: int
    is_buyer_maker: bool
    is_best_match: bool = True


class AggregateTrade(Struct):
    """Trades of one taker at one price: number, price, quantity, first and last trade, time, buyer made."""

    a: int
    p: Money
    q: Money
    f: int
    l: int  # noqa: E741 -- Binance's name
    T: int
    m: bool
    M: bool = True


class AveragePrice(Struct, rename="camel"):
    """The average that filters use."""

    mins: int
    price: Money
    close_time: int


class MiniTicker(Struct, rename="camel"):
    """The last 24 hours, in short."""

    symbol: str
    open_price: Money
    high_price: Money
    low_price: Money
    last_price: Money
    volume: Money
    quote_volume: Money
    open_time: int
    close_time: int
    first_id: int
    last_id: int
    count: int


class DayTicker(Struct, rename="camel"):
    """The last 24 hours."""

    symbol: str
    price_change: Money
    price_change_percent: str
    weighted_avg_price: Money
    prev_close_price: Money
    last_price: Money
    last_qty: Money
    bid_price: Money
    bid_qty: Money
    ask_price: Money
    ask_qty: Money
    open_price: Money
    high_price: Money
    low_price: Money
    volume: Money
    quote_volume: Money
    open_time: int
    close_time: int
    first_id: int
    last_id: int
    count: int


class PriceTicker(Struct, rename="camel"):
    """The last price."""

    symbol: str
    price: Money


class BookTicker(Struct, rename="camel"):
    """The best prices and what is there."""

    symbol: str
    bid_price: Money
    bid_qty: Money
    ask_price: Money
    ask_qty: Money


class OrderAck(Struct, rename="camel"):
    """An order was accepted."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    transact_time: int


class OrderTerms(OrderAck, rename="camel"):
    """An order at some moment, and what it asks for."""

    price: Money
    orig_qty: Money
    executed_qty: Money
    orig_quote_order_qty: Money
    cummulative_quote_qty: Money
    status: str
    time_in_force: str
    type: str
    side: str
    self_trade_prevention_mode: str
    strategy_id: int | UnsetType = UNSET
    strategy_type: int | UnsetType = UNSET
    prevented_match_id: int | UnsetType = UNSET
    prevented_quantity: Money | UnsetType = UNSET


class OrderResult(OrderTerms, kw_only=True, rename="camel"):
    """An order was accepted, and where it stands."""

    working_time: int
    expiry_reason: str | UnsetType = UNSET


class Fill(Struct, rename="camel"):
    """One fill of an order just placed."""

    price: Money
    qty: Money
    commission: Money
    commission_asset: str
    trade_id: int


class PreventedMatch(Struct, rename="camel"):
    """A trade of the account with itself that did not happen, and what it took from which order."""

    prevented_match_id: int
    maker_symbol: str
    maker_order_id: int
    price: Money
    taker_prevented_quantity: Money | UnsetType = UNSET
    maker_prevented_quantity: Money | UnsetType = UNSET


class OrderFull(OrderResult, kw_only=True, rename="camel"):
    """An order was accepted, where it stands, its fills, and where it met the account's own orders."""

    fills: list[Fill]
    prevented_matches: list[PreventedMatch] | UnsetType = UNSET


class Canceled(OrderTerms, kw_only=True, rename="camel"):
    """An order was cancelled."""

    orig_client_order_id: str


class Order(Struct, rename="camel"):
    """An order as it stands."""

    symbol: str
    order_id: int
    order_list_id: int
    client_order_id: str
    price: Money
    orig_qty: Money
    executed_qty: Money
    cummulative_quote_qty: Money
    status: str
    time_in_force: str
    type: str
    side: str
    stop_price: Money
    iceberg_qty: Money
    time: int
    update_time: int
    is_working: bool
    working_time: int
    orig_quote_order_qty: Money
    strategy_id: int | UnsetType = UNSET
    strategy_type: int | UnsetType = UNSET
    self_trade_prevention_mode: str = "NONE"
    prevented_match_id: int | UnsetType = UNSET
    prevented_quantity: Money | UnsetType = UNSET
    expiry_reason: str | UnsetType = UNSET


class MyTrade(Struct, rename="camel"):
    """One of the account's fills."""

    symbol: str
    id: int
    order_id: int
    order_list_id: int
    price: Money
    qty: Money
    quote_qty: Money
    commission: Money
    commission_asset: str
    time: int
    is_buyer: bool
    is_maker: bool
    is_best_match: bool = True


class Rates(Struct):
    """Commission as a part of what is received."""

    maker: Money
    taker: Money
    buyer: Money
    seller: Money


class Balance(Struct):
    """One asset of an account."""

    asset: str
    free: Money
    locked: Money


class Account(Struct, rename="camel"):
    """Balances, commission and rights."""

    maker_commission: int
    taker_commission: int
    buyer_commission: int
    seller_commission: int
    commission_rates: Rates
    can_trade: bool
    can_withdraw: bool
    can_deposit: bool
    brokered: bool
    require_self_trade_prevention: bool
    prevent_sor: bool
    update_time: int
    account_type: str
    balances: list[Balance]
    permissions: list[str]
    uid: int


class Discount(Struct, rename="camel"):
    """What paying commission in another asset saves: nothing here."""

    enabled_for_account: bool
    enabled_for_symbol: bool
    discount_asset: str | None
    discount: Money


class Commission(Struct, rename="camel"):
    """The account's commission in one market."""

    symbol: str
    standard_commission: Rates
    special_commission: Rates
    tax_commission: Rates
    discount: Discount


class MakerTaker(Struct):
    """Commission of a test order."""

    maker: Money
    taker: Money


class TestedCommission(Struct, rename="camel"):
    """What a test order would pay."""

    standard_commission_for_order: MakerTaker
    special_commission_for_order: MakerTaker
    tax_commission_for_order: MakerTaker
    discount: Discount


class ListenKey(Struct, rename="camel"):
    """The name of a user data stream."""

    listen_key: str


class Subscription(Struct, rename="camel"):
    """A user data subscription on this connection."""

    subscription_id: int


class SessionState(Struct, rename="camel"):
    """Who has logged on to this connection."""

    api_key: str | None
    authorized_since: int | None
    connected_since: int
    return_rate_limits: bool
    server_time: int
    user_data_stream: bool
