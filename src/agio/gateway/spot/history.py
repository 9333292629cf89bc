"""The account's orders and fills of the past, from SQL that has seen everything up to a read point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from agio.domain.money import text
from agio.gateway import errors
from agio.gateway.limits import DAY
from agio.gateway.params import END, ORDER_ID, START, SYMBOL, Window, from_id, limit, window
from agio.gateway.row import Call, Operation, Security, Venue, result
from agio.gateway.spot import words
from agio.gateway.spot.results import MyTrade, Order

if TYPE_CHECKING:
    from agio.domain.history import OrderRow, TradeRow
    from agio.domain.markets import Catalog, Market
    from agio.ports import Reply

DEFAULT_LIMIT = 500
NO_LIST = -1
MILLISECOND = 1_000
TRADE_COMBINATIONS = frozenset(
    frozenset(names.split())
    for names in ("", "orderId", "startTime", "endTime", "fromId", "startTime endTime", "orderId fromId")
)
"""What may be sent together to myTrades beside symbol and limit (rest-api.md)."""


def order_of(row: OrderRow, symbol: str, call: Call) -> Order:
    """A row of history as `rust/edge/src/replies.rs` writes a live order."""
    prevented = row.prevented_match is not None
    return Order(
        symbol=symbol,
        order_id=row.order,
        order_list_id=NO_LIST,
        client_order_id=row.client_id,
        price=text(row.price),
        orig_qty=text(row.quantity),
        executed_qty=text(row.executed),
        cummulative_quote_qty=text(row.notional),
        status=words.ORDER_STATUSES[row.status],
        time_in_force=words.LIVES[row.life],
        type=words.TYPES[row.kind],
        side=words.SIDES[row.side],
        stop_price=text(0),
        iceberg_qty=text(0),
        time=call.time(row.opened),
        update_time=call.time(row.updated),
        is_working=True,
        working_time=call.time(row.opened),
        orig_quote_order_qty=text(row.budget),
        strategy_id=UNSET if row.strategy is None else row.strategy,
        strategy_type=UNSET if row.strategy_type is None else row.strategy_type,
        self_trade_prevention_mode=words.PREVENTIONS[row.prevention],
        prevented_match_id=UNSET if row.prevented_match is None else row.prevented_match,
        prevented_quantity=text(row.prevented) if prevented else UNSET,
        expiry_reason=words.EXPIRIES.get(row.expiry, UNSET),
    )


def day(values: Any, now: int) -> Window:
    """The window that is asked for; ApiError -1127 when its ends are more than a day apart."""
    start, end = asked = window(values, now)
    if start is not None and end is not None and (end - start) // MILLISECOND > DAY // MILLISECOND:
        raise errors.TOO_LONG.error(24)  # whole milliseconds: an end in ms is the last µs of it
    return asked


async def all_orders(venue: Venue, call: Call) -> Reply:
    """Orders of a market, whatever became of them: from a number on, in a window, or the newest."""
    values = call.values
    market = venue.market(values.get("symbol"))
    start, end = day(values, venue.shard.now())
    await venue.history.reached(venue.shard.applied())
    rows = await venue.history.orders(
        call.account,
        market.id,
        from_id=values.get("orderId"),
        start=start,
        end=end,
        limit=values.get("limit") or DEFAULT_LIMIT,
    )
    return result([order_of(row, market.symbol, call) for row in rows])


async def my_trades(venue: Venue, call: Call) -> Reply:
    """Fills in a market."""
    values = call.values
    market = venue.market(values.get("symbol"))
    asked = {name: values.get(name) for name in ("orderId", "startTime", "endTime", "fromId")}
    if frozenset(name for name, value in asked.items() if value is not None) not in TRADE_COMBINATIONS:
        raise errors.BAD_COMBINATION.error()
    start, end = day(values, venue.shard.now())
    await venue.history.reached(venue.shard.applied())
    rows = await venue.history.my_trades(
        call.account,
        market.id,
        order_id=asked["orderId"],
        from_id=asked["fromId"],
        start=start,
        end=end,
        limit=values.get("limit") or DEFAULT_LIMIT,
    )
    catalog = venue.catalogue.current
    return result([fill for row in rows for fill in _sides(row, market, catalog, call, asked["orderId"])])


def _sides(row: TradeRow, market: Market, catalog: Catalog, call: Call, order: int | None) -> list[MyTrade]:
    """The account's sides of a trade: both, when it traded with itself."""
    sides = []
    for is_buyer, account, number, commission, asset in (
        (True, row.buyer, row.buy_order, row.buy_commission, row.buy_commission_asset),
        (False, row.seller, row.sell_order, row.sell_commission, row.sell_commission_asset),
    ):
        if account != call.account or order not in (None, number):
            continue
        sides.append(
            MyTrade(
                symbol=market.symbol,
                id=row.trade,
                order_id=number,
                order_list_id=NO_LIST,
                price=text(row.price),
                qty=text(row.quantity),
                quote_qty=text(row.notional),
                commission=text(commission),
                commission_asset=catalog.assets[asset].name,
                time=call.time(row.time),
                is_buyer=is_buyer,
                is_maker=is_buyer == row.buyer_is_maker,
            )
        )
    return sides


def trades_weight(values: Any) -> int:
    """Fills of one order are cheap."""
    return 5 if values.get("orderId") is not None else 20


ROWS = (
    Operation(
        "allOrders", "The account's orders in a market.", Security.USER_DATA, all_orders, list[Order],
        rest=("GET", "/api/v3/allOrders"), ws="allOrders", weight=20,
        params=(SYMBOL, ORDER_ID, START, END, limit(500, 1000)),
    ),
    Operation(
        "myTrades", "The account's fills in a market.", Security.USER_DATA, my_trades, list[MyTrade],
        rest=("GET", "/api/v3/myTrades"), ws="myTrades", weight=5, weigh=trades_weight,
        weights="20; 5 with orderId",
        params=(SYMBOL, ORDER_ID, START, END, from_id("The first trade's number."), limit(500, 1000)),
    ),
)  # fmt: skip
