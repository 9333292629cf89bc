"""Liveness, the clock, and what is traded under which rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from agio.domain.money import text
from agio.gateway import errors
from agio.gateway.params import ANY_SYMBOL, STATUSES, SYMBOLS
from agio.gateway.row import Call, Operation, Param, Security, Venue, encode, result, success
from agio.gateway.spot.results import Empty, ExchangeInfo, Filter, RateLimit, ServerTime, Symbol
from agio.gateway.spot.words import MARKET_STATUSES, PREVENTION_NAMES, PREVENTIONS

if TYPE_CHECKING:
    from agio.domain.markets import Catalog, Filters, LotFilter, Market
    from agio.gateway.limits import Figures
    from agio.ports import Reply

PONG = success(b"{}")
FINEST, LARGEST = 1, 2**63 - 1
"""Of quantities."""
ALL_THERE_IS = 2**96
"""The most that can exist of an asset: nothing costs more."""
PERMISSIONS = ("SPOT", "MARGIN", "LEVERAGED", *(f"TRD_GRP_{number:03}" for number in range(2, 26)))
SHOWN_BY_DEFAULT = frozenset({"SPOT", "MARGIN", "LEVERAGED"})
OURS = "SPOT"
"""The permission that all markets ask for."""


def ping(_: Venue, __: Call) -> Reply:
    """Answers."""
    return PONG


def time(venue: Venue, call: Call) -> Reply:
    """The log's clock."""
    return result(ServerTime(call.time(venue.shard.now())))


def exchange_info(venue: Venue, call: Call) -> Reply:
    """Markets chosen by symbol, symbols, permissions or status; Binance allows no two of these together."""
    symbol, symbols, permissions, show, status = (call.values.get(param.name) for param in INFO_PARAMS)
    if (symbol is not None) + (symbols is not None) + (permissions is not None) > 1:
        raise errors.BAD_COMBINATION.error()
    if status is not None and (symbol is not None or symbols is not None):
        raise errors.BAD_COMBINATION.error()
    chosen = _chosen(venue, symbol, symbols)
    if not _wanted(permissions):
        chosen = []
    if status is not None:
        chosen = [market for market in chosen if MARKET_STATUSES[market.status] == status]
    bodies = symbol_bodies(venue.catalogue.current, show is not False)
    info = ExchangeInfo(
        timezone="UTC",
        server_time=call.time(venue.shard.now()),
        rate_limits=rate_limits(venue.figures, websocket=call.session is not None),
        exchange_filters=[],
        symbols=[bodies[market.id] for market in chosen],  # type: ignore[misc]  # encoded already
    )
    return result(info)


def _chosen(venue: Venue, symbol: str | None, symbols: list[str] | None) -> list[Market]:
    if symbol is not None:
        return [venue.market(symbol)]
    if symbols is not None:
        return [venue.market(name) for name in symbols]
    return list(venue.catalogue.current.markets)


def _wanted(permissions: str | None) -> bool:
    """Whether markets of our permission were asked for; without the parameter they are."""
    if permissions is None:
        return OURS in SHOWN_BY_DEFAULT
    names = [permissions]
    if permissions.startswith("["):
        try:
            names = msgspec.json.decode(permissions, type=list[str])
        except msgspec.DecodeError as error:
            raise errors.INVALID.error("permissions") from error
    if not names or not set(names) <= set(PERMISSIONS):
        raise errors.INVALID.error("permissions")
    return OURS in names


def rate_limits(figures: Figures, *, websocket: bool) -> list[RateLimit]:
    """The limits; the WebSocket API tells of connections, REST of raw requests."""
    fourth = ("CONNECTIONS", figures.connections) if websocket else ("RAW_REQUESTS", figures.raw)
    return [
        RateLimit("REQUEST_WEIGHT", "MINUTE", 1, figures.weight),
        RateLimit("ORDERS", "SECOND", 10, figures.orders_10s),
        RateLimit("ORDERS", "DAY", 1, figures.orders_1d),
        RateLimit(fourth[0], "MINUTE", 5, fourth[1]),
    ]


_encoded: dict[bool, tuple[Catalog, list[msgspec.Raw]]] = {}
"""Of the last catalog, each market's JSON, with and without its permission sets."""


def symbol_bodies(catalog: Catalog, show_permissions: bool) -> list[msgspec.Raw]:
    """Each market as JSON, by its number. Made once per catalog: it is replaced as a whole when something changes."""
    known = _encoded.get(show_permissions)
    if known is None or known[0] is not catalog:
        bodies = [msgspec.Raw(encode(_symbol(catalog, market, show_permissions))) for market in catalog.markets]
        known = _encoded[show_permissions] = (catalog, bodies)
    return known[1]


def _symbol(catalog: Catalog, market: Market, show_permissions: bool) -> Symbol:
    base, quote = catalog.base(market), catalog.quote(market)
    modes = [word for number, word in PREVENTIONS.items() if market.filters.preventions >> number & 1]
    return Symbol(
        symbol=market.symbol,
        status=MARKET_STATUSES[market.status],
        base_asset=base.name,
        base_asset_precision=8,
        quote_asset=quote.name,
        quote_precision=8,
        quote_asset_precision=8,
        base_commission_precision=base.precision,
        quote_commission_precision=quote.precision,
        order_types=("LIMIT", "LIMIT_MAKER", "MARKET"),
        iceberg_allowed=False,
        oco_allowed=False,
        oto_allowed=False,
        opo_allowed=False,
        quote_order_qty_market_allowed=True,
        allow_trailing_stop=False,
        cancel_replace_allowed=False,
        amend_allowed=False,
        peg_instructions_allowed=False,
        is_spot_trading_allowed=True,
        is_margin_trading_allowed=False,
        filters=_filters(market.filters),
        permissions=[],
        permission_sets=[[OURS]] if show_permissions else [],
        default_self_trade_prevention_mode=PREVENTION_NAMES[market.filters.prevention],
        allowed_self_trade_prevention_modes=modes,
    )


def _filters(filters: Filters) -> list[Filter]:
    """The limits of new orders, as filters.md has them.

    What is off is 0 for prices, as there, and for the step of MARKET_LOT_SIZE, as at Binance. Elsewhere it is what
    holds for every order: bots take a 0 at its word.
    """
    price, lot = filters.price, filters.lot
    return [
        Filter("PRICE_FILTER", min_price=text(price.min), max_price=text(price.max), tick_size=text(price.tick)),
        _lot("LOT_SIZE", lot, lot.step or FINEST),
        _lot("MARKET_LOT_SIZE", filters.market_lot, filters.market_lot.step),
        *_notional(filters),
        *([Filter("MAX_NUM_ORDERS", max_num_orders=filters.max_orders)] if filters.max_orders else []),
    ]


def _lot(name: str, lot: LotFilter, step: int) -> Filter:
    return Filter(name, min_qty=text(lot.min), max_qty=text(lot.max or LARGEST), step_size=text(step))


def _notional(filters: Filters) -> list[Filter]:
    notional = filters.notional
    if notional.form == "Off":
        return []
    ranged = notional.form == "Range"
    return [
        Filter(
            "NOTIONAL" if ranged else "MIN_NOTIONAL",
            min_notional=text(notional.min),
            apply_to_market=UNSET if ranged else notional.min_to_market,
            apply_min_to_market=notional.min_to_market if ranged else UNSET,
            max_notional=text(notional.max or ALL_THERE_IS) if ranged else UNSET,
            apply_max_to_market=notional.max_to_market if ranged else UNSET,
            avg_price_mins=notional.minutes,
        )
    ]


INFO_PARAMS = (
    ANY_SYMBOL,
    SYMBOLS,
    Param(
        "permissions", "text", 'One permission or several: `SPOT` or `["MARGIN","LEVERAGED"]`.',
        pattern='^[A-Z0-9_\\[\\]",]{1,1000}$',
    ),
    Param("showPermissionSets", "bool", "Whether `permissionSets` is filled; yes when absent."),
    Param("symbolStatus", "enum", "Only markets of this status; not with symbol or symbols.", False, STATUSES, -1122),
)  # fmt: skip

ROWS = (
    Operation(
        "ping", "Answers, to say that it can.", Security.NONE, ping, Empty,
        rest=("GET", "/api/v3/ping"), ws="ping",
    ),
    Operation(
        "time", "The exchange's clock.", Security.NONE, time, ServerTime,
        rest=("GET", "/api/v3/time"), ws="time",
    ),
    Operation(
        "exchangeInfo", "Markets, their rules, and the limits.", Security.NONE, exchange_info, ExchangeInfo,
        rest=("GET", "/api/v3/exchangeInfo"), ws="exchangeInfo", weight=20, params=INFO_PARAMS,
    ),
)  # fmt: skip
