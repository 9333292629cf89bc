"""A spot exchange as plainly as it can be said, written from the documents and not from the engine.

Amounts are integers of 10^-8, times microseconds. Nothing is kept that can be computed: what an account has locked is
the sum over its open orders, a level's total the sum over the orders there, and what an order would do to the book is
found by letting it, on paper (`meetings`). The order of checks is docs/concepts/precedence.md's.
"""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import Any

from tests.oracle.book import (
    LARGEST,
    ONE,
    SECOND,
    Market,
    Meeting,
    Order,
    Refused,
    afford,
    allowed,
    check_range,
    common_step,
    may_rest,
    meetings,
    notional,
    refuse,
)
from tests.oracle.ledger import FIRST_CUSTOMER, Ledger, Outcome


class Exchange(Ledger):
    """Each command is a method of its name."""

    def apply(self, command: dict[str, Any], now: int) -> Outcome:
        """Runs a command as `Shard.command` takes it."""
        self.now, self.told = now, Outcome()
        ((name, fields),) = command.items()
        market = self.markets[fields["market"]] if 0 <= fields.get("market", -1) < len(self.markets) else None
        levels = market.levels() if market else Counter()
        balances, totals = self.balances(), self.totals()
        try:
            getattr(self, re.sub(r"\B([A-Z])", r"_\1", name).lower())(**fields)
        except Refused as refused:
            self.told.refused = (refused.reason, refused.detail)
        if market:
            self.told.levels = changes(levels, market.levels(), 0)
            market.updates += len(self.told.levels)
        self.told.balances = changes(balances, self.balances(), (0, 0))
        moved = {key: n - totals.get(key, 0) for key, n in self.totals().items()}
        self.told.moved = {key: n for key, n in moved.items() if n}
        return self.told

    def place(self, **order: Any) -> None:
        """Checks in the order of docs/concepts/precedence.md, then trades."""
        account, quantity = order["account"], order["quantity"]
        self.check_request(order, placing=True)
        market = self.markets[order["market"]]
        self.check_open(account, market)
        self.check_counts(account)
        self.check_form(order, market)
        self.check_filters(order, market)
        taken = {other.client_id for other in market.open.values() if other.account == account}
        refuse("DuplicateOrder", order["client_id"] and order["client_id"] in taken)
        makers = market.makers(order["side"], order["price"])
        mode = order["prevention"] or market.filters["prevention"]
        ran_out = False
        if order["budget"]:
            quantity, ran_out = self.spend(order, market, mode, makers)
        else:
            self.check_funds(order, market, mode, makers)
        refuse("WouldTake", order["kind"] == "LimitMaker" and makers)
        if may_rest(order):
            there = market.levels()[order["side"], order["price"]]
            refuse("LevelFull", there + quantity > LARGEST, there)
        market.orders += 1
        del order["signed"]
        taker = Order(
            **order | {"quantity": quantity, "prevention": mode}, order=market.orders, opened=self.now, updated=self.now
        )
        self.count_order(account)
        self.report(taker, "New")
        self.match(taker, market, list(meetings(account, mode, quantity, makers)), ran_out)

    def test(self, order: dict[str, Any]) -> tuple[str, int] | None:
        """Why an order is refused that is validated and not "sent into the matching engine" (rest-api.md)."""
        market = self.markets[order["market"]]
        try:
            self.check_request(order, placing=False)
            self.check_open(order["account"], market)
            self.check_form(order, market)
            self.check_filters(order, market)
        except Refused as refused:
            return refused.reason, refused.detail
        return None

    def check_open(self, account: int, market: Market) -> None:
        """Whether this account may trade here now."""
        refuse("MarketClosed", market.status != "Trading")
        refuse("TradingDisabled", not self.accounts[account].rights["trade"])

    def check_request(self, request: dict[str, Any], *, placing: bool) -> None:
        """When and by which key. Who is late here was in time at the gateway: that counts as an order."""
        account, signed = request["account"], request["signed"]
        key, sent, window = signed["key"], signed["sent"], signed["window"]
        late = sent and self.now - sent > window
        if late and placing and account in self.accounts and account >= FIRST_CUSTOMER:
            self.count_order(account)
        refuse("OutsideWindow", late, window)
        refuse("AheadOfTime", sent and sent >= self.now + SECOND, SECOND)
        owner, permissions = self.keys.get(key, (None, {}))
        refuse("KeyRefused", key and (owner != account or not permissions["trade"]))
        refuse("UnknownMarket", request["market"] >= len(self.markets))
        refuse("UnknownAccount", account not in self.accounts)

    def check_counts(self, account: int) -> None:
        """Whether there may be another unfilled order."""
        for window, reason in (("ten_seconds", "TooManyOrdersTenSeconds"), ("day", "TooManyOrdersDay")):
            limit = self.limit(account, window)
            refuse(reason, self.count(account, window) >= limit, limit)

    def check_form(self, order: dict[str, Any], market: Market) -> None:
        """Whether this is an order at all."""
        price, quantity, budget = order["price"], order["quantity"], order["budget"]
        if order["kind"] == "Market":
            refuse("BadCombination", order["life"] != "Gtc" or price or (quantity and budget))
            refuse("ZeroOrder", not quantity and not budget)
        else:
            refuse("BadCombination", budget or (order["kind"] == "LimitMaker" and order["life"] != "Gtc"))
            refuse("ZeroOrder", notional(price, quantity) == 0)
        mode = order["prevention"] or market.filters["prevention"]
        refuse("PreventionNotAllowed", mode not in allowed(market.filters["preventions"]))

    def check_filters(self, order: dict[str, Any], market: Market) -> None:
        """What filters.md says, before the book is looked at."""
        filters, quantity = market.filters, order["quantity"]
        if order["kind"] != "Market":
            check_range("PriceFilter", order["price"], filters["price"], "tick")
        if not order["budget"]:
            check_range("LotSize", quantity, filters["lot"], "step")
            if order["kind"] == "Market":
                check_range("MarketLotSize", quantity, filters["market_lot"], "step")
        self.check_notional(order, market)
        if may_rest(order):
            limit = self.accounts[order["account"]].limits["open"] or filters["max_orders"]
            resting = sum(other.account == order["account"] for other in market.open.values())
            refuse("MaxOrders", limit and resting >= limit, limit)

    def check_notional(self, order: dict[str, Any], market: Market) -> None:
        """A limit order by its price, a market order by its budget or the average price, exactly."""
        rule = market.filters["notional"]
        at_market = order["kind"] == "Market"
        price = market.average(self.now) if at_market else order["price"]
        value = order["budget"] or (None if price is None else Fraction(price) * order["quantity"] / ONE)
        if value is None or rule["form"] == "Off":
            return
        reason = "Notional" if rule["form"] == "Range" else "MinNotional"
        refuse(reason, value < rule["min"] and (rule["min_to_market"] or not at_market), rule["min"])
        if rule["form"] == "Range" and rule["max"]:
            refuse(reason, value > rule["max"] and (rule["max_to_market"] or not at_market), rule["max"])

    def check_funds(self, order: dict[str, Any], market: Market, mode: str, makers: list[Order]) -> None:
        """What must be free for an order of a given quantity."""
        account, quantity = order["account"], order["quantity"]
        if order["side"] == "Sell":
            refuse("InsufficientBalance", self.free(account, market.base) < quantity)
            return
        need = notional(order["price"], quantity)
        if order["kind"] == "Market":
            need = sum(m.cost for m in meetings(account, mode, quantity, makers) if m.effect == "Trade")
        refuse("InsufficientBalance", self.free(account, market.quote) < need)

    def spend(self, order: dict[str, Any], market: Market, mode: str, makers: list[Order]) -> tuple[int, bool]:
        """The quantity of a budget, and whether the book ends before it."""
        account, budget, lot, at_market = (
            order["account"],
            order["budget"],
            market.filters["lot"],
            market.filters["market_lot"],
        )
        if order["side"] == "Buy":
            refuse("InsufficientBalance", self.free(account, market.quote) < budget)
        supply, quantity, ran_out = afford(account, mode, budget, common_step(market.filters), makers)
        if order["side"] == "Sell":
            sold = sum(m.overlap for m in meetings(account, mode, quantity, makers) if m.effect == "Trade")
            refuse("InsufficientBalance", self.free(account, market.base) < sold)
        if ran_out:
            refuse("LiquidityBelowLot", quantity < max(lot["min"], 1), supply)
            refuse("LiquidityBelowMarketLot", quantity < at_market["min"], supply)
        refuse("LotSize", not quantity, lot["min"])
        check_range("LotSize", quantity, lot, "step")
        check_range("MarketLotSize", quantity, at_market, "step")
        return quantity, ran_out

    def match(self, taker: Order, market: Market, met: list[Meeting], ran_out: bool) -> None:
        """Lets the order meet the book, then rest or expire."""
        if taker.life == "Fok" and sum(m.overlap for m in met if m.effect == "Trade") < taker.quantity:
            return self.end(taker, "Expired", "UnfilledFok")
        first_trade: dict[int, int] = {}
        for meeting in met:
            if meeting.effect == "Trade":
                if meeting.maker.price not in first_trade:
                    first_trade[meeting.maker.price] = market.aggregates
                    market.aggregates += 1
                self.trade(taker, meeting.maker, meeting.overlap, first_trade[meeting.maker.price], ran_out)
            else:
                self.prevent(taker, meeting)
        if taker.status in ("Filled", "ExpiredInMatch"):
            return None
        if taker.kind == "Market":
            return self.end(taker, "Expired", "Liquidity")
        if taker.life == "Ioc":
            return self.end(taker, "Expired", "UnfilledIoc")
        market.open[taker.order] = taker
        return None

    def trade(self, taker: Order, maker: Order, quantity: int, aggregate: int, ran_out: bool) -> None:
        """One fill at the maker's price: money first, then both reports."""
        market = self.markets[taker.market]
        buy, sell = (taker, maker) if taker.side == "Buy" else (maker, taker)
        paid = notional(maker.price, quantity)
        number = len(market.trades)
        market.trades.append((self.now, maker.price, quantity))
        self.move(buy.account, sell.account, market.quote, paid)
        self.move(sell.account, buy.account, market.base, quantity)
        common = {"trade": number, "price": maker.price, "quantity": quantity, "notional": paid}
        self.told.trades.append(
            common | {"market": taker.market, "aggregate": aggregate, "time": self.now, "buyer_is_maker": buy is maker}
            | {"buy_order": buy.order, "sell_order": sell.order, "buyer": buy.account, "seller": sell.account}
        )  # fmt: skip
        for order in (taker, maker):
            asset, received = (market.base, quantity) if order is buy else (market.quote, paid)
            self.count_fill(order, as_maker=order is maker)
            order.executed, order.notional, order.updated = order.executed + quantity, order.notional + paid, self.now
            order.status = "PartiallyFilled" if order.remaining or (order is taker and ran_out) else "Filled"
            commission = self.charge(order.account, asset, received, as_maker=order is maker)
            fill = common | {"commission": commission, "commission_asset": asset, "maker": order is maker}
            if not maker.remaining:
                market.open.pop(maker.order, None)
            self.report(order, "Trade", fill=fill)

    def prevent(self, taker: Order, meeting: Meeting) -> None:
        """Self-trade prevention, after Binance's FAQ: what does not trade, and who ends."""
        market, maker, effect = self.markets[taker.market], meeting.maker, meeting.effect
        market.prevented += 1
        losses = {
            "ExpireTaker": [(taker, taker.remaining)],
            "ExpireMaker": [(maker, maker.remaining)],
            "ExpireBoth": [(taker, taker.remaining), (maker, maker.remaining)],
            "Decrement": [(taker, meeting.overlap), (maker, meeting.overlap)],
        }[effect]
        for order, loss in losses:
            order.prevented, order.prevented_match, order.updated = order.prevented + loss, market.prevented, self.now
            if not order.remaining:
                order.status = "ExpiredInMatch"
                market.open.pop(order.order, None)
            other = maker if order is taker else taker
            match = {"id": market.prevented, "counter_order": other.order, "price": maker.price}
            self.report(order, "TradePrevention", prevention=match | {"quantity": meeting.overlap, "reduced": loss})

    def end(self, order: Order, status: str, expiry: str = "None", cancel_id: str = "") -> None:
        """An order that is cancelled or expires."""
        order.status, order.expiry, order.updated = status, expiry, self.now
        self.markets[order.market].open.pop(order.order, None)
        self.report(order, status, cancel_id=cancel_id)

    def report(self, order: Order, kind: str, **more: Any) -> None:
        """One execution, with the order as it stands."""
        market = self.markets[order.market]
        market.executions += 1
        more = {"fill": None, "prevention": None, "cancel_id": ""} | more
        self.told.executions.append(
            {"kind": kind, "execution": market.executions, "time": self.now, "order": dict(vars(order)), **more}
        )

    def cancel(self, **c: Any) -> None:
        """One order, by number, client id or both."""
        self.check_request(c, placing=False)
        refuse("TradingDisabled", not self.accounts[c["account"]].rights["trade"] and c["signed"]["key"])
        refuse("BadCombination", c["order"] is None and not c["client_id"])
        own = [order for order in self.markets[c["market"]].open.values() if order.account == c["account"]]
        if c["order"] is not None:
            found = [order for order in own if order.order == c["order"]]
        else:
            found = [order for order in own if order.client_id == c["client_id"]]
        refuse("UnknownOrder", not found)
        (order,) = found
        refuse("OrderMismatch", c["client_id"] and order.client_id != c["client_id"])
        only = {"None": order.status, "OnlyNew": "New", "OnlyPartiallyFilled": "PartiallyFilled"}[c["restriction"]]
        refuse("CancelRestricted", order.status != only)
        self.end(order, "Canceled", cancel_id=c["cancel_id"])

    def cancel_all(self, **c: Any) -> None:
        """All of the account's orders in the market."""
        self.check_request(c, placing=False)
        refuse("TradingDisabled", not self.accounts[c["account"]].rights["trade"] and c["signed"]["key"])
        own = [order for order in self.markets[c["market"]].open.values() if order.account == c["account"]]
        refuse("UnknownOrder", not own)
        for order in own:
            self.end(order, "Canceled")


def changes(before: dict[Any, Any], after: dict[Any, Any], none: Any) -> dict[Any, Any]:
    """What is other than before."""
    keys = {key for key in {**before, **after} if before.get(key, none) != after.get(key, none)}
    return {key: after.get(key, none) for key in keys}
