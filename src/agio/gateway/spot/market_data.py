"""The book, public trades, candles and the average price."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from agio.domain.money import text
from agio.gateway import errors
from agio.gateway.params import (
    END,
    INTERVALS,
    NO_INTERVALS,
    START,
    SYMBOL,
    SYMBOL_STATUS,
    enum,
    from_id,
    limit,
    window,
)
from agio.gateway.row import Answer, Call, Operation, Param, Security, Venue, result
from agio.gateway.spot.results import AggregateTrade, AveragePrice, Depth, Kline, Trade
from agio.gateway.spot.words import MARKET_STATUSES

if TYPE_CHECKING:
    from agio.domain.history import AggregateRow, Candle, TradeRow
    from agio.domain.markets import Market
    from agio.ports import Reply

DEFAULT_LIMIT = 500
ZONE = re.compile(r"(?P<sign>[+-]?)(?P<hours>\d{1,2})(:(?P<minutes>\d{2}))?")


def depth(venue: Venue, call: Call) -> Answer:
    """The best levels, as of a read point of the log."""
    market = venue.market(call.values.get("symbol"))
    check_status(market, call.values.get("symbolStatus"))
    return venue.shard.depth(market.symbol, call.values.get("limit") or 100)


def check_status(market: Market, wanted: str | None) -> None:
    """ApiError -1220 unless a single market has the status that was asked for."""
    if wanted is not None and MARKET_STATUSES[market.status] != wanted:
        raise errors.WRONG_STATUS.error()


def depth_weight(values: Any) -> int:
    """By how many levels were asked for."""
    asked = values.get("limit") or 100
    return next(weight for most, weight in ((100, 5), (500, 25), (1000, 50), (5000, 250)) if asked <= most)


async def trades(venue: Venue, call: Call) -> Reply:
    """Public trades, from a number on or the newest."""
    market = venue.market(call.values.get("symbol"))
    await venue.history.reached(venue.shard.applied())
    start = call.values.get("fromId")
    rows = await venue.history.trades(market.id, from_id=start, limit=call.values.get("limit") or DEFAULT_LIMIT)
    return result([_trade(row, call) for row in rows])


def _trade(row: TradeRow, call: Call) -> Trade:
    money = (text(row.price), text(row.quantity), text(row.notional))
    return Trade(row.trade, *money, call.time(row.time), row.buyer_is_maker)


async def aggregates(venue: Venue, call: Call) -> Reply:
    """Trades of one taker at one price together."""
    values = call.values
    market = venue.market(values.get("symbol"))
    number, (start, end) = values.get("fromId"), window(values, venue.shard.now())
    if number is not None and (start is not None or end is not None):
        raise errors.BAD_COMBINATION.error()
    await venue.history.reached(venue.shard.applied())
    rows = await venue.history.aggregates(
        market.id,
        from_id=number,
        start=start,
        end=end,
        limit=values.get("limit") or DEFAULT_LIMIT,
    )
    return result([_aggregate(row, call) for row in rows])


def _aggregate(row: AggregateRow, call: Call) -> AggregateTrade:
    return AggregateTrade(
        row.aggregate,
        text(row.price),
        text(row.quantity),
        row.first,
        row.last,
        call.time(row.time),
        row.buyer_is_maker,
    )


async def klines(venue: Venue, call: Call) -> Reply:
    """Candles, the one under way last."""
    values = call.values
    market = venue.market(values.get("symbol"))
    interval = values.get("interval")
    if interval in NO_INTERVALS:
        raise errors.UNSUPPORTED.error()
    offset = zone_minutes(values.get("timeZone"))
    start, end = window(values, venue.shard.now())
    await venue.history.reached(venue.shard.applied())
    candles = await venue.history.candles(
        market.id,
        interval,
        start=start,
        end=end,
        limit=values.get("limit") or DEFAULT_LIMIT,
        offset_minutes=offset,
    )
    return result([kline(candle, call) for candle in candles])


def kline(candle: Candle, call: Call) -> Kline:
    """A candle as Binance writes it: an array of twelve."""
    return (
        call.time(candle.opened),
        text(candle.open),
        text(candle.high),
        text(candle.low),
        text(candle.close),
        text(candle.volume),
        call.time(candle.closed),
        text(candle.quote_volume),
        candle.trades,
        text(candle.taker_buy_volume),
        text(candle.taker_buy_quote_volume),
        "0",
    )


def zone_minutes(zone: str | None) -> int:
    """`-1:00`, `05:45` or `8` as minutes east of UTC; ApiError -1130 outside -12:00 to +14:00."""
    if zone is None:
        return 0
    found = ZONE.fullmatch(zone)
    minutes = int(found["hours"]) * 60 + int(found["minutes"] or 0) if found else -1
    east = -minutes if found and found["sign"] == "-" else minutes
    if found is None or int(found["minutes"] or 0) > 59 or not -720 <= east <= 840:
        raise errors.INVALID.error("timeZone")
    return east


def average_price(venue: Venue, call: Call) -> Answer:
    """The average that filters use."""
    return venue.shard.average_price(venue.market(call.values.get("symbol")).symbol, call.micros)


NO_SECONDS = "interval 1s: -1020, because candles of a second are not kept; the stream `kline_1s` is there"
KLINE_PARAMS = (
    SYMBOL,
    enum(
        "interval", "The candles' length; 1s is not here (-1020).",
        *INTERVALS, *NO_INTERVALS, error=-1120, required=True,
    ),
    START,
    END,
    Param("timeZone", "text", "Where days begin, `-12:00` to `+14:00`; UTC when absent.", pattern="^[0-9+:-]{1,6}$"),
    limit(500, 1000),
)  # fmt: skip

ROWS = (
    Operation(
        "depth", "The order book's best levels.", Security.NONE, depth, Depth,
        rest=("GET", "/api/v3/depth"), ws="depth", weight=5, weigh=depth_weight,
        weights="limit 1-100: 5; 101-500: 25; 501-1000: 50; 1001-5000: 250",
        params=(SYMBOL, limit(100, 5000), SYMBOL_STATUS),
    ),
    Operation(
        "trades", "The newest trades.", Security.NONE, trades, list[Trade],
        rest=("GET", "/api/v3/trades"), ws="trades.recent", weight=25, params=(SYMBOL, limit(500, 1000)),
    ),
    Operation(
        "historicalTrades", "Trades from a number on.", Security.NONE, trades, list[Trade],
        rest=("GET", "/api/v3/historicalTrades"), ws="trades.historical", weight=25,
        params=(SYMBOL, limit(500, 1000), from_id("The first trade's number; the newest trades when absent.")),
    ),
    Operation(
        "aggTrades", "Trades of one taker at one price and time, together.", Security.NONE, aggregates,
        list[AggregateTrade], rest=("GET", "/api/v3/aggTrades"), ws="trades.aggregate", weight=4,
        params=(SYMBOL, from_id("The first aggregate's number."), START, END, limit(500, 1000)),
    ),
    Operation(
        "klines", "Candles.", Security.NONE, klines, list[Kline],
        rest=("GET", "/api/v3/klines"), ws="klines", weight=2, params=KLINE_PARAMS, partly=NO_SECONDS,
    ),
    Operation(
        "uiKlines", "Candles for charts; the same as klines.", Security.NONE, klines, list[Kline],
        rest=("GET", "/api/v3/uiKlines"), ws="uiKlines", weight=2, params=KLINE_PARAMS, partly=NO_SECONDS,
    ),
    Operation(
        "avgPrice", "The average price that filters use.", Security.NONE, average_price, AveragePrice,
        rest=("GET", "/api/v3/avgPrice"), ws="avgPrice", weight=2, params=(SYMBOL,),
    ),
)  # fmt: skip
