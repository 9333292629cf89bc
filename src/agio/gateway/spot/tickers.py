"""Statistics of the last 24 hours, last prices, best prices: for one market, several or all."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from agio.domain.money import text
from agio.gateway import errors
from agio.gateway.params import ANY_SYMBOL, SYMBOL_STATUS, SYMBOLS, enum
from agio.gateway.row import Call, Operation, Security, Venue, result
from agio.gateway.spot.market_data import check_status
from agio.gateway.spot.results import BookTicker, DayTicker, MiniTicker, PriceTicker
from agio.gateway.spot.words import MARKET_STATUSES

if TYPE_CHECKING:
    from agio.domain.markets import Market
    from agio.domain.statistics import DayStatistics
    from agio.ports import Reply

One: TypeAlias = Callable[[Venue, Call, "Market"], Any]


def each(venue: Venue, call: Call, one: One) -> Reply:
    """An object for `symbol`, an array for `symbols` or for all."""
    values = call.values
    symbol, symbols, status = values.get("symbol"), values.get("symbols"), values.get("symbolStatus")
    if symbol is not None and symbols is not None:
        raise errors.BAD_COMBINATION.error()
    if symbol is not None:
        market = venue.market(symbol)
        check_status(market, status)
        return result(one(venue, call, market))
    markets = venue.catalogue.current.markets if symbols is None else [venue.market(name) for name in symbols]
    wanted = [market for market in markets if status is None or MARKET_STATUSES[market.status] == status]
    return result([one(venue, call, market) for market in wanted])


def day(venue: Venue, call: Call) -> Reply:
    """The last 24 hours, in full or in short."""
    return each(venue, call, mini if call.values.get("type") == "MINI" else full)


def price(venue: Venue, call: Call) -> Reply:
    """Last prices."""
    return each(venue, call, _price)


def book(venue: Venue, call: Call) -> Reply:
    """Best prices."""
    return each(venue, call, _book)


def mini(venue: Venue, call: Call, market: Market) -> MiniTicker:
    """One market's last 24 hours, in short."""
    return MiniTicker(symbol=market.symbol, **_both(call, venue.statistics.day(market.id)))


def full(venue: Venue, call: Call, market: Market) -> DayTicker:
    """One market's last 24 hours."""
    stats = venue.statistics.day(market.id)
    return DayTicker(
        **_best(venue, market),
        **_both(call, stats),
        price_change=text(stats.change),
        price_change_percent=stats.change_percent,
        weighted_avg_price=text(stats.weighted_average),
        prev_close_price=text(stats.previous_close),
        last_qty=text(stats.last_quantity),
    )


def _both(call: Call, stats: DayStatistics) -> dict[str, Any]:
    """What either form tells."""
    return {
        "open_price": text(stats.open),
        "high_price": text(stats.high),
        "low_price": text(stats.low),
        "last_price": text(stats.last),
        "volume": text(stats.volume),
        "quote_volume": text(stats.quote_volume),
        "open_time": call.time(stats.opened),
        "close_time": call.time(stats.closed),
        "first_id": stats.first_trade,
        "last_id": stats.last_trade,
        "count": stats.trades,
    }


def _best(venue: Venue, market: Market) -> dict[str, Any]:
    """A market and its best prices."""
    top = venue.statistics.top(market.id)
    return {
        "symbol": market.symbol,
        "bid_price": text(top.bid),
        "bid_qty": text(top.bid_total),
        "ask_price": text(top.ask),
        "ask_qty": text(top.ask_total),
    }


def _price(venue: Venue, _: Call, market: Market) -> PriceTicker:
    return PriceTicker(market.symbol, text(venue.statistics.last_price(market.id) or 0))


def _book(venue: Venue, _: Call, market: Market) -> BookTicker:
    return BookTicker(**_best(venue, market))


def day_weight(values: Any) -> int:
    """By how many markets were asked for."""
    if values.get("symbol") is not None:
        return 2
    symbols = values.get("symbols")
    count = len(symbols) if symbols is not None else 101
    return next(weight for most, weight in ((20, 2), (100, 40), (count, 80)) if count <= most)


def one_or_more(values: Any) -> int:
    """2 for one market, 4 for more."""
    return 2 if values.get("symbol") is not None else 4


ROWS = (
    Operation(
        "ticker.24hr", "Statistics of the last 24 hours.", Security.NONE, day,
        (DayTicker, list[DayTicker], MiniTicker, list[MiniTicker]),
        rest=("GET", "/api/v3/ticker/24hr"), ws="ticker.24hr", weight=2, weigh=day_weight,
        weights="symbol: 2; symbols 1-20: 2, 21-100: 40, more: 80; none: 80",
        params=(
            ANY_SYMBOL, SYMBOLS, enum("type", "FULL when absent.", "FULL", "MINI", error=-1139), SYMBOL_STATUS,
        ),
    ),
    Operation(
        "ticker.price", "The last price.", Security.NONE, price, (PriceTicker, list[PriceTicker]),
        rest=("GET", "/api/v3/ticker/price"), ws="ticker.price", weight=2, weigh=one_or_more,
        weights="symbol: 2; else 4", params=(ANY_SYMBOL, SYMBOLS, SYMBOL_STATUS),
    ),
    Operation(
        "ticker.book", "The best prices and quantities.", Security.NONE, book, (BookTicker, list[BookTicker]),
        rest=("GET", "/api/v3/ticker/bookTicker"), ws="ticker.book", weight=2, weigh=one_or_more,
        weights="symbol: 2; else 4", params=(ANY_SYMBOL, SYMBOLS, SYMBOL_STATUS),
    ),
)  # fmt: skip
