"""Placing, testing, querying and cancelling orders. The engine decides; the extension parses and encodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agio.gateway import errors
from agio.gateway.params import ANY_SYMBOL, NEW_CLIENT_ID, SYMBOL, WHICH_ORDER, enum
from agio.gateway.row import Answer, Call, Operation, Param, Security, Venue, result
from agio.gateway.spot.history import order_of
from agio.gateway.spot.results import Canceled, Empty, Order, OrderAck, OrderFull, OrderResult, TestedCommission

if TYPE_CHECKING:
    from agio.ports import Reply


def place(venue: Venue, call: Call) -> Answer:
    """Places an order."""
    return venue.shard.place(call.values, call.account, call.key_number, call.micros)


def test(venue: Venue, call: Call) -> Answer:
    """Checks an order as placing it would, and changes nothing."""
    return venue.shard.test_order(call.values, call.account, call.key_number, call.micros)


def cancel(venue: Venue, call: Call) -> Answer:
    """Cancels an open order."""
    return venue.shard.cancel(call.values, call.account, call.key_number, call.micros)


def cancel_all(venue: Venue, call: Call) -> Answer:
    """Cancels the account's open orders in a market."""
    return venue.shard.cancel_all(call.values, call.account, call.key_number, call.micros)


def open_orders(venue: Venue, call: Call) -> Answer:
    """The account's open orders."""
    return venue.shard.open_orders(call.values, call.account, call.micros)


async def query(venue: Venue, call: Call) -> Reply:
    """One order: from the shard when it is open or recent, from history otherwise."""
    reply = await venue.shard.order(call.values, call.account, call.micros)
    if reply.status != 0:
        return reply
    values = call.values
    market = venue.market(values.get("symbol"))
    number, client_id = values.get("orderId"), values.get("origClientOrderId")
    await venue.history.reached(venue.shard.applied())
    row = await venue.history.order(call.account, market.id, number, None if number is not None else client_id)
    if row is None:
        raise errors.NO_SUCH_ORDER.error()
    if number is not None and client_id is not None and row.client_id != client_id:
        raise errors.WRONG_CLIENT_ID.error()
    return result(order_of(row, market.symbol, call))


def query_weight(values: Any) -> int:
    """Of open orders: all markets are dear."""
    return 6 if values.get("symbol") is not None else 80


def test_weight(values: Any) -> int:
    """Of a test order: telling the commission is dear."""
    return 20 if values.get("computeCommissionRates") else 1


LIVES = ("GTC", "IOC", "FOK")
TYPES = ("LIMIT", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER")
PREVENTIONS = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT", "TRANSFER")
NOT_YET = "Not for any type that is here yet."

ORDER = (
    SYMBOL,
    enum("side", "Buy or sell.", "BUY", "SELL", error=-1117, required=True),
    enum("type", "LIMIT, MARKET or LIMIT_MAKER; the others answer -1013.", *TYPES, error=-1116, required=True),
    enum("timeInForce", "How long it lives; mandatory for LIMIT.", *LIVES, error=-1115),
    Param("quantity", "decimal", "How much of the base asset."),
    Param("quoteOrderQty", "amount", "Of a MARKET order instead of quantity: how much of the quote asset."),
    Param("price", "decimal", "The limit."),
    NEW_CLIENT_ID,
    Param("strategyId", "long", "The client's own; echoed."),
    Param("strategyType", "int", "The client's own, from 1000000 on; echoed.", error=-1134, min=1_000_000),
    Param("stopPrice", "decimal", NOT_YET),
    Param("trailingDelta", "long", NOT_YET),
    Param("icebergQty", "decimal", NOT_YET),
    enum("newOrderRespType", "FULL for LIMIT and MARKET, else ACK, when absent.", "ACK", "RESULT", "FULL"),
    enum("selfTradePreventionMode", "The market's default when absent.", *PREVENTIONS),
    enum("pegPriceType", NOT_YET, "PRIMARY_PEG", "MARKET_PEG", error=-1210),
    Param("pegOffsetValue", "int", NOT_YET),
    enum("pegOffsetType", NOT_YET, "PRICE_LEVEL", error=-1211),
)
TYPES_MISSING = "types LIMIT, MARKET, LIMIT_MAKER; no iceberg, stop, trailing or pegged orders, no STP mode TRANSFER"

ROWS = (
    Operation(
        "order.place", "Places one order.", Security.TRADE, place, (OrderFull, OrderResult, OrderAck),
        rest=("POST", "/api/v3/order"), ws="order.place", free=True, params=ORDER, partly=TYPES_MISSING,
    ),
    Operation(
        "order.test", "Checks an order and places nothing.", Security.TRADE, test, (Empty, TestedCommission),
        rest=("POST", "/api/v3/order/test"), ws="order.test", weigh=test_weight,
        weights="1; 20 with computeCommissionRates", partly=TYPES_MISSING,
        params=(*ORDER, Param("computeCommissionRates", "bool", "Whether to tell the commission.")),
    ),
    Operation(
        "order.status", "One order as it stands.", Security.USER_DATA, query, Order,
        rest=("GET", "/api/v3/order"), ws="order.status", weight=4, params=(SYMBOL, *WHICH_ORDER),
    ),
    Operation(
        "order.cancel", "Cancels one open order.", Security.TRADE, cancel, Canceled,
        rest=("DELETE", "/api/v3/order"), ws="order.cancel", free=True,
        params=(
            SYMBOL,
            *WHICH_ORDER,
            Param("newClientOrderId", "client_id", "The cancel's own id; made up when absent."),
            enum(
                "cancelRestrictions", "Which state the order must be in.",
                "ONLY_NEW", "ONLY_PARTIALLY_FILLED", error=-1145,
            ),
        ),
    ),
    Operation(
        "openOrders.status", "The open orders of a market, or of all.", Security.USER_DATA, open_orders, list[Order],
        rest=("GET", "/api/v3/openOrders"), ws="openOrders.status", weight=6, weigh=query_weight,
        weights="symbol: 6; none: 80", params=(ANY_SYMBOL,),
    ),
    Operation(
        "openOrders.cancelAll", "Cancels all open orders of a market.", Security.TRADE, cancel_all, list[Canceled],
        rest=("DELETE", "/api/v3/openOrders"), ws="openOrders.cancelAll", free=True, params=(SYMBOL,),
    ),
)  # fmt: skip
