"""What clients must be shown of a model's life, in Binance's words (rest-api.md, user-data-stream.md).

As plain as the model: everything that has happened is kept in lists, and every answer is read out of all of it. Times
are µs here; what clients get is in milliseconds.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from agio.domain.intervals import DAY, INTERVALS, MINUTE
from tests.oracle.book import ONE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle.ledger import Outcome
    from tests.oracle.model import Exchange

Row = dict[str, Any]
WORDS = {
    "Buy": "BUY", "Sell": "SELL", "Limit": "LIMIT", "Market": "MARKET", "LimitMaker": "LIMIT_MAKER",
    "Gtc": "GTC", "Ioc": "IOC", "Fok": "FOK", "New": "NEW", "PartiallyFilled": "PARTIALLY_FILLED", "Filled": "FILLED",
    "Canceled": "CANCELED", "Expired": "EXPIRED", "ExpiredInMatch": "EXPIRED_IN_MATCH", "Trade": "TRADE",
    "TradePrevention": "TRADE_PREVENTION", "None": "NONE", "ExpireTaker": "EXPIRE_TAKER", "ExpireMaker": "EXPIRE_MAKER",
    "ExpireBoth": "EXPIRE_BOTH", "Decrement": "DECREMENT", "UnfilledIoc": "UNFILLED_IOC_QUANTITY_EXPIRED",
    "UnfilledFok": "UNFILLED_FOK_ORDER_EXPIRED", "Liquidity": "INSUFFICIENT_LIQUIDITY",
}  # fmt: skip
RESTING = (("Limit", "Gtc"), ("LimitMaker", "Gtc"))
DEEPEST = 2**63 - 1


def text(amount: int) -> str:
    """Units of 10^-8 as clients get them."""
    sign, amount = ("-", -amount) if amount < 0 else ("", amount)
    return f"{sign}{amount // ONE}.{amount % ONE:08}"


def ms(time: int) -> int:
    return time // 1000


class Seen:
    """Grows with each outcome of the model."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.orders: dict[tuple[int, int], Row] = {}
        """By market and number, as they stand."""
        self.trades: dict[int, list[Row]] = defaultdict(list)
        """Of each market, each with both sides' commission."""
        self.names: dict[tuple[int, int], str] = {}
        """Client ids, as far as the exchange has made them up."""
        self.told_at: dict[int, int] = {}
        """When each account has last been told of its balances, in ms."""

    def learn(self, outcome: Outcome) -> None:
        """What one command has done."""
        for execution in outcome.executions:
            order = execution["order"]
            self.orders[order["market"], order["order"]] = order
        paid = {
            (each["order"]["market"], fill["trade"], each["order"]["side"]): (
                fill["commission"],
                fill["commission_asset"],
            )
            for each in outcome.executions
            if (fill := each["fill"])
        }
        for trade in outcome.trades:
            at = trade["market"], trade["trade"]
            self.trades[trade["market"]].append(trade | {"paid": {side: paid[*at, side] for side in ("Buy", "Sell")}})

    def named(self, outcome: Outcome) -> Outcome:
        """The same with the client ids that are known by now."""
        for execution in outcome.executions:
            order = execution["order"]
            order["client_id"] = order["client_id"] or self.names.get((order["market"], order["order"]), "")
        return outcome

    def name(self, market: int, number: int, client_id: str) -> None:
        """The exchange has made up this id."""
        self.names[market, number] = client_id
        still = self.exchange.markets[market].open.get(number)
        if still:
            still.client_id = client_id

    def asset(self, number: int) -> str:
        name: str = self.exchange.assets[number]["name"]
        return name

    # --- orders

    def of(self, account: int, market: int) -> list[Row]:
        """An account's orders, oldest first."""
        return [row for (where, _), row in sorted(self.orders.items()) if where == market and row["account"] == account]

    def place_reply(self, outcome: Outcome, kind: str) -> Row:
        """What a new order is answered with: ACK, RESULT or FULL."""
        first = outcome.executions[0]
        own = [each for each in outcome.executions if each["order"]["order"] == first["order"]["order"]]
        order = own[-1]["order"]
        reply = {
            "symbol": f"M{order['market']}", "orderId": order["order"], "orderListId": -1,
            "clientOrderId": order["client_id"], "transactTime": ms(first["time"]),
        }  # fmt: skip
        if kind == "ACK":
            return reply
        reply |= terms(order) | {"workingTime": ms(order["opened"])} | ending(order)
        if kind == "RESULT":
            return reply
        reply["fills"] = [
            {
                "price": text(fill["price"]), "qty": text(fill["quantity"]), "commission": text(fill["commission"]),
                "commissionAsset": self.asset(fill["commission_asset"]), "tradeId": fill["trade"],
            }
            for each in own
            if (fill := each["fill"])
        ]  # fmt: skip
        if prevented := list(prevented_matches(outcome, order)):
            reply["preventedMatches"] = prevented
        return reply

    def cancel_reply(self, execution: Row) -> Row:
        """What a cancel is answered with."""
        order = execution["order"]
        return {
            "symbol": f"M{order['market']}", "origClientOrderId": order["client_id"], "orderId": order["order"],
            "orderListId": -1, "clientOrderId": execution["cancel_id"], "transactTime": ms(execution["time"]),
            **terms(order), **ending(order),
        }  # fmt: skip

    # --- user data

    def user_data(self, outcome: Outcome, account: int) -> Iterator[Row]:
        """The orders' part of what an account's stream tells of one command."""
        for each in outcome.executions:
            if each["order"]["account"] == account:
                yield self.report(each) | {"w": each["kind"] == "New" or rests(each["order"])}

    def report(self, each: Row) -> Row:
        """`executionReport`, but for `w`."""
        order, fill, prevention = each["order"], each["fill"], each["prevention"]
        canceled = each["kind"] == "Canceled"
        report = {
            "e": "executionReport", "E": ms(each["time"]), "s": f"M{order['market']}",
            "c": each["cancel_id"] if canceled else order["client_id"], "S": WORDS[order["side"]],
            "o": WORDS[order["kind"]], "f": WORDS[order["life"]], "q": text(order["quantity"]),
            "p": text(order["price"]), "P": text(0), "F": text(0), "g": -1,
            "C": order["client_id"] if canceled else "", "x": WORDS[each["kind"]], "X": WORDS[order["status"]],
            "r": "NONE", "i": order["order"], "l": text(fill["quantity"] if fill else 0), "z": text(order["executed"]),
            "L": text(fill["price"] if fill else 0), "n": text(fill["commission"]) if fill else "0",
            "N": self.asset(fill["commission_asset"]) if fill else None, "T": ms(each["time"]),
            "t": fill["trade"] if fill else -1, "I": each["execution"], "m": bool(fill and fill["maker"]),
            "M": bool(fill), "O": ms(order["opened"]), "Z": text(order["notional"]),
            "Y": text(fill["notional"] if fill else 0), "Q": text(order["budget"]), "W": ms(order["opened"]),
            "V": WORDS[order["prevention"]],
        }  # fmt: skip
        if order["prevented_match"] is not None:
            report |= {"v": order["prevented_match"], "A": text(order["prevented"])}
        if prevention:
            report |= {
                "B": text(prevention["reduced"]), "U": prevention["counter_order"], "Cs": f"M{order['market']}",
                "pl": text(prevention["quantity"]), "pL": text(prevention["price"]),
                "pY": text(prevention["price"] * prevention["quantity"] // ONE),
            }  # fmt: skip
        optional = {"j": order["strategy"], "J": order["strategy_type"]}
        report |= {name: value for name, value in optional.items() if value is not None}
        return report | ({"eR": WORDS[order["expiry"]]} if order["expiry"] != "None" else {})

    # --- fills and trades

    def my_trades(self, account: int, market: int) -> Iterator[Row]:
        """An account's fills, oldest first; the buyer's side first where it traded with itself."""
        for trade in self.trades[market]:
            for side, who, order in (("Buy", "buyer", "buy_order"), ("Sell", "seller", "sell_order")):
                if trade[who] == account:
                    commission, asset = trade["paid"][side]
                    yield {
                        "symbol": f"M{market}", "id": trade["trade"], "orderId": trade[order], "orderListId": -1,
                        "price": text(trade["price"]), "qty": text(trade["quantity"]),
                        "quoteQty": text(trade["notional"]), "commission": text(commission),
                        "commissionAsset": self.asset(asset), "time": trade["time"], "isBuyer": side == "Buy",
                        "isMaker": trade["buyer_is_maker"] == (side == "Buy"), "isBestMatch": True,
                    }  # fmt: skip

    def public(self, market: int) -> Iterator[Row]:
        """The market's trades."""
        for trade in self.trades[market]:
            yield {
                "id": trade["trade"], "price": text(trade["price"]), "qty": text(trade["quantity"]),
                "quoteQty": text(trade["notional"]), "time": trade["time"], "isBuyerMaker": trade["buyer_is_maker"],
                "isBestMatch": True,
            }  # fmt: skip

    def aggregates(self, market: int) -> list[Row]:
        """The market's trades by taker and price."""
        found: dict[int, Row] = {}
        for trade in self.trades[market]:
            fresh = {
                "a": trade["aggregate"], "p": text(trade["price"]), "q": 0, "f": trade["trade"], "l": 0,
                "T": trade["time"], "m": trade["buyer_is_maker"], "M": True,
            }  # fmt: skip
            row = found.setdefault(trade["aggregate"], fresh)
            row["q"] += trade["quantity"]
            row["l"] = trade["trade"]
        return [row | {"q": text(row["q"])} for row in found.values()]

    # --- candles and statistics

    def candles(self, market: int, name: str, opens: list[int], offset: int = 0) -> Iterator[Row]:
        """Those that open then, one behind the other."""
        interval, trades = INTERVALS[name], self.trades[market]
        inside = defaultdict(list)
        for trade in trades:
            inside[interval.opening(trade["time"], offset)].append(trade)
        price = next((trade["price"] for trade in reversed(trades) if opens and trade["time"] < opens[0]), 0)
        for opened in opens:
            found = candle(opened, interval.after(opened, offset) - 1, inside.get(opened, []), price)
            price = found["close"]
            yield found

    def opens(self, market: int, name: str, until: int, offset: int = 0) -> Iterator[int]:
        """When candles open, from the newest at `until` down to the first in which something was traded."""
        interval, trades = INTERVALS[name], self.trades[market]
        opened = interval.opening(until, offset)
        while trades and opened >= interval.opening(trades[0]["time"], offset):
            yield opened
            opened = interval.opening(opened - 1, offset)

    def day(self, market: int) -> Row:
        """The last 24 hours, the minute in which they begin as a whole (COMPATIBILITY.md)."""
        now, trades = self.exchange.now, self.trades[market]
        since = (now - DAY) // MINUTE * MINUTE
        inside = [trade for trade in trades if trade["time"] >= since]
        before = [trade for trade in trades if trade["time"] < since]
        total = candle(now - DAY, now, inside, 0)
        change = total["close"] - total["open"]
        return total | {
            "change": change,
            "percent": percent(change, total["open"]),
            "average": half_up(total["quote"] * ONE, total["volume"]) if inside else 0,
            "previous": before[-1]["price"] if before else 0,
            "last_quantity": inside[-1]["quantity"] if inside else 0,
        }


def candle(opened: int, closed: int, trades: list[Row], price: int) -> Row:
    """Of these trades; flat at the price where there is none."""
    prices = [trade["price"] for trade in trades] or [price]
    taken = [trade for trade in trades if not trade["buyer_is_maker"]]
    return {
        "opened": opened, "closed": closed, "open": prices[0], "high": max(prices), "low": min(prices),
        "close": prices[-1], "volume": sum(trade["quantity"] for trade in trades),
        "quote": sum(trade["notional"] for trade in trades), "count": len(trades),
        "taker": sum(trade["quantity"] for trade in taken), "taker_quote": sum(trade["notional"] for trade in taken),
        "first": trades[0]["trade"] if trades else -1, "last": trades[-1]["trade"] if trades else -1,
    }  # fmt: skip


def half_up(number: int, by: int) -> int:
    return (2 * number + by) // (2 * by)


def percent(change: int, of: int) -> str:
    """With three decimals."""
    thousandths = half_up(abs(change) * 100_000, of) if of else 0
    return f"{'-' if change < 0 and thousandths else ''}{thousandths // 1000}.{thousandths % 1000:03}"


def rests(order: Row) -> bool:
    """Whether it is on the book, or will be when its command is done."""
    return order["status"] in ("New", "PartiallyFilled") and (order["kind"], order["life"]) in RESTING


def terms(order: Row) -> Row:
    """What was asked for, and how far it has come."""
    return {
        "price": text(order["price"]), "origQty": text(order["quantity"]), "executedQty": text(order["executed"]),
        "origQuoteOrderQty": text(order["budget"]), "cummulativeQuoteQty": text(order["notional"]),
        "status": WORDS[order["status"]], "timeInForce": WORDS[order["life"]], "type": WORDS[order["kind"]],
        "side": WORDS[order["side"]],
    }  # fmt: skip


def ending(order: Row) -> Row:
    """What not every order has."""
    found = {"selfTradePreventionMode": WORDS[order["prevention"]]}
    optional = {"strategyId": order["strategy"], "strategyType": order["strategy_type"]}
    found |= {name: value for name, value in optional.items() if value is not None}
    if order["prevented_match"] is not None:
        found |= {"preventedMatchId": order["prevented_match"], "preventedQuantity": text(order["prevented"])}
    return found | ({"expiryReason": WORDS[order["expiry"]]} if order["expiry"] != "None" else {})


def queried(order: Row) -> Row:
    """An order as queries answer it."""
    return {
        "symbol": f"M{order['market']}", "orderId": order["order"], "orderListId": -1,
        "clientOrderId": order["client_id"], **terms(order), "stopPrice": text(0), "icebergQty": text(0),
        "time": ms(order["opened"]), "updateTime": ms(order["updated"]), "isWorking": True,
        "workingTime": ms(order["opened"]), **ending(order),
    }  # fmt: skip


def prevented_matches(outcome: Outcome, taker: Row) -> Iterator[Row]:
    """Those of a new order, each told once (faqs/stp_faq.md)."""
    found: dict[int, Row] = {}
    for each in outcome.executions:
        if prevention := each["prevention"]:
            own = each["order"]["order"] == taker["order"]
            row = found.setdefault(
                prevention["id"],
                {
                    "preventedMatchId": prevention["id"], "makerSymbol": f"M{taker['market']}",
                    "makerOrderId": prevention["counter_order"] if own else each["order"]["order"],
                    "price": text(prevention["price"]),
                },
            )  # fmt: skip
            if prevention["reduced"]:
                row["takerPreventedQuantity" if own else "makerPreventedQuantity"] = text(prevention["reduced"])
    yield from found.values()


def kline(row: Row) -> list[Any]:
    """A candle as REST has it."""
    return [
        ms(row["opened"]), *(text(row[name]) for name in ("open", "high", "low", "close", "volume")),
        ms(row["closed"]), text(row["quote"]), row["count"], text(row["taker"]), text(row["taker_quote"]), "0",
    ]  # fmt: skip
