"""Questions with the answers that a model's life gives them, put by REST and over the WebSocket API."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

from agio.domain.intervals import INTERVALS, MINUTE
from tests.oracle.oracle import depth, differs
from tests.oracle.seen import DEEPEST, WORDS, kline, ms, queried, text

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from random import Random

    from tests.oracle.seen import Row, Seen
    from tests.oracle.venue import Answer, Key, Venue

NAMES = [name for name in INTERVALS if name != "1s"]
ZONES = {"0": 0, "8": 480, "-3:30": -210, "05:45": 345, "14:00": 840, "-12": -720}
LONGEST = 86_400_000
"""Of a window of orders or fills, in ms."""
NO_ORDER = {"code": -2013, "msg": "Order does not exist."}
OTHER_ID = {"code": -2039, "msg": "Client order ID is not correct for this order ID."}
TOO_LONG = {"code": -1127, "msg": "More than 24 hours between startTime and endTime."}


class Question(NamedTuple):
    """What is asked, in both forms, and what is to be answered."""

    path: str
    method: str
    key: Key | None
    params: dict[str, Any]
    model: Any

    def __str__(self) -> str:
        return f"{self.path} {self.params}" + (f" of {self.key.account}" if self.key else "")


class Window(NamedTuple):
    """startTime and endTime as sent, each in ms or µs."""

    start: int | None
    end: int | None

    def params(self) -> dict[str, Any]:
        return {name: at for name, at in (("startTime", self.start), ("endTime", self.end)) if at is not None}

    def has(self, time: int) -> bool:
        """Whether a moment in µs lies in it; an end in ms is all of that millisecond."""
        return (self.start is None or in_unit(time, self.start) >= self.start) and (
            self.end is None or in_unit(time, self.end) <= self.end
        )

    @property
    def too_long(self) -> bool:
        if self.start is None or self.end is None:
            return False
        start, end = (at if at < 10**14 else at / 1000 for at in (self.start, self.end))
        return end - start >= LONGEST + 1


def in_unit(time: int, like: int) -> int:
    """µs, or ms if the other is in ms."""
    return time if like > 10**14 else time // 1000


def page(found: list[Any], limit: int | None, *, oldest: bool) -> list[Any]:
    limit = limit or 500
    return found[:limit] if oldest else found[-limit:]


class Questions:
    """Of everybody, about everything."""

    def __init__(self, random: Random, venue: Venue, seen: Seen, keys: dict[int, Key]) -> None:
        self.random, self.venue, self.seen, self.keys = random, venue, seen, keys
        self.exchange = seen.exchange

    async def some(self, count: int) -> Iterator[str]:
        """A few at random."""
        return await self.compare([self.random.choice(self.kinds())() for _ in range(count)])

    async def everything(self) -> Iterator[str]:
        """Many of each kind."""
        return await self.compare([kind() for kind in self.kinds() for _ in range(6)] + self.fixed())

    async def compare(self, questions: list[Question]) -> Iterator[str]:
        """By both faces, which say the same."""
        await self.venue.settled()
        rest = self.put(questions)
        ws = [self.venue.ws(one.method, one.key, **one.params) for one in questions]
        found: list[str] = []
        for question, by_rest, by_ws in zip(questions, rest, ws, strict=True):
            answer, other = await by_rest, await by_ws
            found += [f"{question}: {words}" for words in differs("answer", question.model, answer.said)]
            if answer[:2] != other[:2] and question.method != "exchangeInfo":
                found.append(f"{question}: REST {answer}, WebSocket API {other}")
        return iter(found)

    def put(self, questions: list[Question]) -> list[asyncio.Future[Answer]]:
        """By REST."""
        return [self.venue.rest("GET", one.path, one.key, **one.params) for one in questions]

    def kinds(self) -> list[Callable[[], Question]]:
        return [
            self.order, self.order, self.open_orders, self.all_orders, self.all_orders, self.my_trades, self.my_trades,
            self.account, self.counts, self.trades, self.aggregates, self.klines, self.klines, self.average, self.day,
            self.price, self.book, self.depth, self.info,
        ]  # fmt: skip

    def fixed(self) -> list[Question]:
        """Nothing by chance: all that there is."""
        markets = range(len(self.exchange.markets))
        found: list[Question] = []
        for n in markets:
            for key in self.keys.values():
                everything: dict[str, Any] = {"limit": 1000}
                found += [self.all_orders(key, n, everything), self.my_trades(key, n, everything)]
                found += [self.order(key, n, {"orderId": row["order"]}) for row in self.seen.of(key.account, n)[-40:]]
            found += [self.trades(n, {"limit": 1000}), self.aggregates(n, {"limit": 1000}), self.average(n)]
            found += [self.klines(n, {"interval": name, "limit": 100}) for name in NAMES]
            found += [self.klines(n, {"interval": name, "timeZone": "05:45"}) for name in ("1h", "1d", "1w", "1M")]
            found += [self.depth(n, 5000), self.day(n, "FULL"), self.day(n, "MINI"), self.price(n), self.book(n)]
        for key in self.keys.values():
            found += [self.account(key), self.counts(key), self.open_orders(key, None)]
        return found

    # --- whom and when

    def key(self) -> Key:
        return self.random.choice([*self.keys.values()])

    def market(self) -> int:
        return self.random.randrange(len(self.exchange.markets))

    def moment(self, times: list[int]) -> int | None:
        """None, or around something, in ms or µs."""
        if self.random.random() < 0.5:
            return None
        at = self.random.choice([*self.random.sample(times, min(3, len(times))), self.exchange.now])
        at += self.random.choice([-1000, -1, 0, 0, 1, 1000, 60_000_000])
        return at if self.random.random() < 0.4 else at // 1000

    def window(self, times: list[int]) -> Window:
        return Window(self.moment(times), self.moment(times))

    def limit(self) -> dict[str, int]:
        return self.random.choice([{}, {"limit": 1}, {"limit": 2}, {"limit": 7}, {"limit": 1000}])

    # --- orders and fills

    def order(self, key: Key | None = None, n: int | None = None, by: dict[str, Any] | None = None) -> Question:
        """One, by number, client id or both."""
        key, n = key or self.key(), self.market() if n is None else n
        mine = self.seen.of(key.account, n)
        if by is None:
            one = self.random.choice(mine[-40:]) if mine else {"order": 10**9, "client_id": "nobody"}
            number = {"orderId": self.random.choice([one["order"]] * 5 + [10**9])}
            client_id = {"origClientOrderId": self.random.choice([one["client_id"]] * 5 + ["nobody"])}
            by = self.random.choice([number, client_id, number | client_id])
        found = [
            row for row in mine
            if (row["order"] == by["orderId"] if "orderId" in by else row["client_id"] == by["origClientOrderId"])
        ]  # fmt: skip
        model = queried(found[-1]) if found else NO_ORDER
        if found and by.get("origClientOrderId") not in (None, found[-1]["client_id"]):
            model = OTHER_ID
        return Question("/api/v3/order", "order.status", key, {"symbol": f"M{n}"} | by, model)

    def open_orders(self, key: Key | None = None, n: int | None = -1) -> Question:
        key = key or self.key()
        n = self.random.choice([None, self.market()]) if n == -1 else n
        markets = range(len(self.exchange.markets)) if n is None else [n]
        model = [
            queried(row) for each in markets for row in self.seen.of(key.account, each)
            if row["order"] in self.exchange.markets[each].open
        ]  # fmt: skip
        params = {} if n is None else {"symbol": f"M{n}"}
        return Question("/api/v3/openOrders", "openOrders.status", key, params, model)

    def all_orders(self, key: Key | None = None, n: int | None = None, by: dict[str, Any] | None = None) -> Question:
        """By number, by time or the newest."""
        key, n = key or self.key(), self.market() if n is None else n
        mine = self.seen.of(key.account, n)
        window = Window(None, None)
        if by is None:
            window = self.window([row["opened"] for row in mine])
            number = self.random.choice([None, None, 0, *(row["order"] for row in mine[-9::8])])
            by = self.limit() | window.params() | ({} if number is None else {"orderId": number})
        model: Any = TOO_LONG
        if not window.too_long:
            found = [row for row in mine if window.has(row["opened"]) and row["order"] >= by.get("orderId", 0)]
            oldest = "orderId" in by or window.start is not None
            model = [queried(row) for row in page(found, by.get("limit"), oldest=oldest)]
        return Question("/api/v3/allOrders", "allOrders", key, {"symbol": f"M{n}"} | by, model)

    def my_trades(self, key: Key | None = None, n: int | None = None, by: dict[str, Any] | None = None) -> Question:
        """By number, order, time, or the newest; the limit counts trades, and one with oneself has two sides."""
        key, n = key or self.key(), self.market() if n is None else n
        mine = [*self.seen.my_trades(key.account, n)]
        window = Window(None, None)
        if by is None:
            one = self.random.choice(mine) if mine else {"id": 5, "orderId": 5}
            window = self.window([row["time"] for row in mine])
            number, order = {"fromId": one["id"]}, {"orderId": one["orderId"]}
            by = self.random.choice([{}, number, order, number | order, window.params(), window.params()])
            window = window if by.keys() & {"startTime", "endTime"} else Window(None, None)
            by |= self.limit()
        model: Any = TOO_LONG
        if not window.too_long:
            found = [
                row for row in mine
                if window.has(row["time"]) and row["id"] >= by.get("fromId", 0)
                and row["orderId"] == by.get("orderId", row["orderId"])
            ]  # fmt: skip
            numbers = {
                *page(
                    sorted({row["id"] for row in found}),
                    by.get("limit"),
                    oldest=bool({"fromId", "startTime"} & by.keys()),
                )
            }
            model = [row | {"time": ms(row["time"])} for row in found if row["id"] in numbers]
        return Question("/api/v3/myTrades", "myTrades", key, {"symbol": f"M{n}"} | by, model)

    # --- the account

    def account(self, key: Key | None = None) -> Question:
        params = {} if key else self.random.choice([{}, {"omitZeroBalances": "true"}, {"omitZeroBalances": "false"}])
        key = key or self.key()
        owner, balances = self.exchange.accounts[key.account], self.exchange.balances()
        shown = [
            {"asset": asset["name"], "free": text(free), "locked": text(locked)}
            for n, asset in enumerate(self.exchange.assets)
            for free, locked in [balances.get((key.account, n), (0, 0))]
            if free or locked or params.get("omitZeroBalances") != "true"
        ]
        model = {
            "makerCommission": owner.maker // 10_000, "takerCommission": owner.taker // 10_000, "buyerCommission": 0,
            "sellerCommission": 0, "commissionRates": {
                "maker": text(owner.maker), "taker": text(owner.taker), "buyer": text(0), "seller": text(0),
            },
            "canTrade": owner.rights["trade"], "canWithdraw": owner.rights["withdraw"],
            "canDeposit": owner.rights["deposit"], "brokered": False, "requireSelfTradePrevention": False,
            "preventSor": False, "updateTime": self.seen.told_at.get(key.account), "accountType": "SPOT",
            "balances": shown, "permissions": ["SPOT"], "uid": key.account,
        }  # fmt: skip
        return Question("/api/v3/account", "account.status", key, params, Known(model))

    def counts(self, key: Key | None = None) -> Question:
        key = key or self.key()
        model = [
            {
                "rateLimitType": "ORDERS", "interval": interval, "intervalNum": number,
                "limit": self.exchange.limit(key.account, window), "count": self.exchange.count(key.account, window),
            }
            for window, interval, number in (("ten_seconds", "SECOND", 10), ("day", "DAY", 1))
        ]  # fmt: skip
        return Question("/api/v3/rateLimit/order", "account.rateLimits.orders", key, {}, model)

    # --- the market

    def trades(self, n: int | None = None, by: dict[str, Any] | None = None) -> Question:
        n = self.market() if n is None else n
        found = [row | {"time": ms(row["time"])} for row in self.seen.public(n)]
        if by is None and found and self.random.random() < 0.5:
            first: int = self.random.choice(found)["id"] + self.random.randint(0, 2)
            limit = self.limit()
            params = {"symbol": f"M{n}", "fromId": first, **limit}
            model = page([row for row in found if row["id"] >= first], limit.get("limit"), oldest=True)
            return Question("/api/v3/historicalTrades", "trades.historical", None, params, model)
        by = by or self.limit()
        model, params = page(found, by.get("limit"), oldest=False), {"symbol": f"M{n}", **by}
        return Question("/api/v3/trades", "trades.recent", None, params, model)

    def aggregates(self, n: int | None = None, by: dict[str, Any] | None = None) -> Question:
        n = self.market() if n is None else n
        found, window = self.seen.aggregates(n), Window(None, None)
        if by is None:
            window = self.window([row["T"] for row in found])
            number = {"fromId": self.random.choice(found)["a"]} if found else {}
            by = self.random.choice([window.params(), window.params(), number])
            window = window if by.keys() & {"startTime", "endTime"} else Window(None, None)
            by |= self.limit()
        found = [row | {"T": ms(row["T"])} for row in found if window.has(row["T"]) and row["a"] >= by.get("fromId", 0)]
        model = page(found, by.get("limit"), oldest=bool({"fromId", "startTime"} & by.keys()))
        return Question("/api/v3/aggTrades", "trades.aggregate", None, {"symbol": f"M{n}"} | by, model)

    def klines(self, n: int | None = None, by: dict[str, Any] | None = None) -> Question:
        n, window = self.market() if n is None else n, Window(None, None)
        if by is None:
            window = self.window([trade["time"] for trade in self.seen.trades[n]])
            zone: dict[str, Any] = self.random.choice([{}, {}, {"timeZone": self.random.choice([*ZONES])}])
            by = {"interval": self.random.choice(NAMES)} | self.limit() | window.params() | zone
        offset = (ZONES | {"05:45": 345})[by.get("timeZone", "0")] * MINUTE
        opens = self.seen.opens(n, by["interval"], self.exchange.now, offset)
        if window.start is None:
            wanted = [*islice(filter(window.has, opens), by.get("limit", 500))]
        else:
            since = takewhile(lambda opened: in_unit(opened, window.start or 0) >= (window.start or 0), opens)
            wanted = [opened for opened in since if window.has(opened)][-by.get("limit", 500) :]
        model = [kline(row) for row in self.seen.candles(n, by["interval"], wanted[::-1], offset)]
        return Question("/api/v3/klines", "klines", None, {"symbol": f"M{n}"} | by, model)

    def average(self, n: int | None = None) -> Question:
        n = self.market() if n is None else n
        market, trades = self.exchange.markets[n], self.seen.trades[n]
        model = {
            "mins": market.filters["notional"]["minutes"], "price": text(market.average(self.exchange.now) or 0),
            "closeTime": ms(trades[-1]["time"]) if trades else -1,
        }  # fmt: skip
        return Question("/api/v3/avgPrice", "avgPrice", None, {"symbol": f"M{n}"}, model)

    def day(self, n: int | None = None, kind: str | None = None) -> Question:
        n, kind = self.market() if n is None else n, kind or self.random.choice(["FULL", "MINI"])
        day = self.seen.day(n)
        model = {
            "symbol": f"M{n}", "openPrice": text(day["open"]), "highPrice": text(day["high"]),
            "lowPrice": text(day["low"]), "lastPrice": text(day["close"]), "volume": text(day["volume"]),
            "quoteVolume": text(day["quote"]), "openTime": ms(day["opened"]), "closeTime": ms(day["closed"]),
            "firstId": day["first"], "lastId": day["last"], "count": day["count"],
        }  # fmt: skip
        if kind == "FULL":
            model |= self.best(n) | {
                "priceChange": text(day["change"]), "priceChangePercent": day["percent"],
                "weightedAvgPrice": text(day["average"]), "prevClosePrice": text(day["previous"]),
                "lastQty": text(day["last_quantity"]),
            }  # fmt: skip
        return Question("/api/v3/ticker/24hr", "ticker.24hr", None, {"symbol": f"M{n}", "type": kind}, model)

    def best(self, n: int) -> Row:
        (bid, bids), (ask, asks) = top_of(self.seen, n)
        return {"bidPrice": text(bid), "bidQty": text(bids), "askPrice": text(ask), "askQty": text(asks)}

    def price(self, n: int | None = None) -> Question:
        n = self.market() if n is None else n
        last = self.seen.trades[n][-1]["price"] if self.seen.trades[n] else 0
        model = {"symbol": f"M{n}", "price": text(last)}
        return Question("/api/v3/ticker/price", "ticker.price", None, {"symbol": f"M{n}"}, model)

    def book(self, n: int | None = None) -> Question:
        n = self.market() if n is None else n
        model = {"symbol": f"M{n}"} | self.best(n)
        return Question("/api/v3/ticker/bookTicker", "ticker.book", None, {"symbol": f"M{n}"}, model)

    def depth(self, n: int | None = None, limit: int | None = None) -> Question:
        n, limit = self.market() if n is None else n, limit or self.random.choice([1, 2, 5, 100])
        market = self.exchange.markets[n]
        bids, asks = (
            [[text(price), text(min(total, DEEPEST))] for price, total in side[:limit]] for side in depth(market)
        )
        model = {"lastUpdateId": market.updates, "bids": bids, "asks": asks}
        return Question("/api/v3/depth", "depth", None, {"symbol": f"M{n}", "limit": limit}, model)

    def info(self) -> Question:
        """Only what may change is the model's to know; REST and WebSocket API tell different limits."""
        n = self.market()
        return Question("/api/v3/exchangeInfo", "exchangeInfo", None, {"symbol": f"M{n}"}, Info(self.seen, n))


class Known(dict[str, Any]):
    """Equal to an answer that has the same, and anything where this has None."""

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, dict)
            and self.keys() == other.keys()
            and all(value in (None, other[name]) for name, value in self.items())
        )

    __hash__ = None


class Info(dict[str, Any]):
    """Equal to an answer that tells a market's rules."""

    def __init__(self, seen: Seen, n: int) -> None:
        market, filters = seen.exchange.markets[n], seen.exchange.markets[n].filters
        status = {"CancelOnly": "CANCEL_ONLY", "EndOfDay": "END_OF_DAY"}
        super().__init__(
            symbol=f"M{n}",
            status=status.get(market.status, market.status.upper()),
            baseAsset=seen.asset(market.base),
            quoteAsset=seen.asset(market.quote),
            defaultSelfTradePreventionMode=WORDS[filters["prevention"]],
            filters=[
                span("PRICE_FILTER", "Price", "tickSize", filters["price"], "tick"),
                span("LOT_SIZE", "Qty", "stepSize", lasting(filters["lot"], max=DEEPEST, step=1), "step"),
                span("MARKET_LOT_SIZE", "Qty", "stepSize", lasting(filters["market_lot"], max=DEEPEST), "step"),
                *notional(lasting(filters["notional"], max=2**96)),
                *[{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": most} for most in [filters["max_orders"]] if most],
            ],
        )

    def __eq__(self, other: object) -> bool:
        told = other["symbols"][0] if isinstance(other, dict) and "symbols" in other else other
        return isinstance(told, dict) and all(told.get(name) == value for name, value in self.items())

    __hash__ = None


def lasting(rule: dict[str, Any], **instead: int) -> dict[str, Any]:
    """With what holds for every order in place of 0, which only some of Binance's filters have for "off"."""
    return rule | {name: rule[name] or value for name, value in instead.items()}


def span(kind: str, what: str, step_name: str, rule: dict[str, int], step: str) -> Row:
    bounds = {f"min{what}": text(rule["min"]), f"max{what}": text(rule["max"])}
    return {"filterType": kind} | bounds | {step_name: text(rule[step])}


def notional(rule: dict[str, Any]) -> Iterator[Row]:
    """NOTIONAL, MIN_NOTIONAL, or none (filters.md)."""
    common = {"minNotional": text(rule["min"]), "avgPriceMins": rule["minutes"]}
    if rule["form"] == "Range":
        yield common | {
            "filterType": "NOTIONAL", "applyMinToMarket": rule["min_to_market"], "maxNotional": text(rule["max"]),
            "applyMaxToMarket": rule["max_to_market"],
        }  # fmt: skip
    elif rule["form"] == "Minimum":
        yield common | {"filterType": "MIN_NOTIONAL", "applyToMarket": rule["min_to_market"]}


def top_of(seen: Seen, n: int) -> list[tuple[int, int]]:
    """Best bid and ask with their totals, 0 for none."""
    return [side[0] if side else (0, 0) for side in depth(seen.exchange.markets[n])]
