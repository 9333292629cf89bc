"""Random commands that look for trouble: a world of a few accounts and markets, and what to do to it next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracle.book import LARGEST, ONE, SECOND, afford, common_step, meetings, notional
from tests.oracle.ledger import FIRST_CUSTOMER, WINDOWS

if TYPE_CHECKING:
    from random import Random

    from tests.oracle.book import Market
    from tests.oracle.model import Exchange

MODES = ["None", "ExpireTaker", "ExpireMaker", "ExpireBoth", "Decrement"]
BITS = {mode: bit for bit, mode in enumerate(MODES, 1)}
ALL_MODES = 62
TICKS = [1, 1, 7, 10, 1000, 1234, 10**6]
STEPS = [1, 1, 3, 7, 1000, 10**4, 12_345, 10**8]
MIDDLES = [12, 1000, 2_345_000, 99_999_999, 10**8, 3_333_333, 5 * 10**9, 4 * 10**12, 9 * 10**18]
MONEY = [10**12, 10**16, 10**20, 10**27]
OPERATOR = {"key": 0, "sent": 0, "window": 0}
ALL_RIGHTS = {"trade": True, "withdraw": True, "deposit": True}
IDS = ["a", "b", "c"]
Command = dict[str, Any]


class Hostile:
    """What comes next, by chance and by the model's state."""

    def __init__(self, random: Random, exchange: Exchange) -> None:
        self.random, self.exchange = random, exchange
        self.middles: list[int] = []
        self.made: list[str] = []
        """Client ids that the engine has made."""
        self.later: list[Command] = []

    # --- the world

    def world(self) -> list[Command]:
        """Assets, markets, accounts, keys and their money."""
        random = self.random
        assets, accounts = 3, random.choice([2, 3, 4])
        commands: list[Command] = [
            {"ListAsset": {"name": f"A{n}", "precision": random.choice([8, 8, 6, 2, 0])}} for n in range(assets)
        ]
        for market, (base, quote) in enumerate(random.sample([(0, 1), (1, 2), (0, 2)], random.choice([1, 2]))):
            self.middles.append(random.choice(MIDDLES))
            commands.append(
                {"ListMarket": {"symbol": f"M{market}", "base": base, "quote": quote, "filters": self.filters(market)}}
            )
        for account in range(FIRST_CUSTOMER, FIRST_CUSTOMER + accounts):
            commands.append({"OpenAccount": {"rights": ALL_RIGHTS, **self.rates(), "limits": self.limits()}})
            commands += [
                {"Deposit": {"account": account, "asset": asset, "amount": random.choice(MONEY)}}
                for asset in range(assets)
            ]
            trades = random.random() < 0.9
            commands.append(
                {"AddKey": {"account": account, "permissions": {"read": True, "trade": trades, "withdraw": True}}}
            )
        return commands

    def rates(self) -> dict[str, int]:
        rates = [0, 0, 1, 75_000, 100_000, 333_333, 10**7, ONE]
        return {"maker": self.random.choice(rates), "taker": self.random.choice(rates)}

    def limits(self) -> dict[str, int]:
        random = self.random
        if random.random() < 0.8:
            return {"ten_seconds": 10**6, "day": 10**6, "open": random.choice([0, 0, 10**6])}
        return {
            "ten_seconds": random.choice([0, 3, 9, 10**6]),
            "day": random.randint(5, 60),
            "open": random.choice([0, 1, 3, 12]),
        }

    def filters(self, market: int) -> dict[str, Any]:
        """Mostly few and lenient ones, so that orders get in."""
        random, middle = self.random, self.middles[market]
        seldom = random.random() < 0.25
        lot, at_market = random.choice(STEPS), random.choice([0, 0, 0, *STEPS])
        tick = random.choice([t for t in TICKS if t <= max(1, middle // 10)])
        default = random.choice(MODES)
        least_at_market = at_market * random.choice([0, 1, 5, 50])
        most = 40 * whole(middle, lot)
        size = notional(middle, most // 4)
        return {
            "price": {"min": middle // 2 * seldom, "max": middle * 2 * seldom, "tick": tick},
            "lot": {"min": lot * random.choice([0, 1, 1, 5]), "max": most * seldom, "step": lot},
            "market_lot": {"min": least_at_market, "max": max(most // 2, least_at_market) * seldom, "step": at_market},
            "notional": {
                "form": random.choice(["Off", "Off", "Range", "Minimum"]),
                "min": size // random.choice([1, 10, 10, 100]),
                "min_to_market": random.random() < 0.5,
                "max": random.choice([0, size * 2, size * 5 + 1]),
                "max_to_market": random.random() < 0.5,
                "minutes": random.choice([0, 1, 1, 2, 5, 60]),
            },
            "max_orders": random.choice([0, 0, 0, 4]),
            "prevention": default,
            "preventions": random.choice([*[ALL_MODES] * 9, 1 << BITS[default]]),
        }

    # --- what comes next

    def next(self) -> Command:
        """One command."""
        if self.later:
            return self.later.pop(0)
        random = self.random
        kinds = {
            self.place: 700, self.cancel: 80, self.cancel_all: 8, self.set_filters: 6, self.set_commission: 8,
            self.set_limits: 6, self.set_rights: 5, self.set_status: 5, self.money: 30, self.key: 4, self.nothing: 1,
        }  # fmt: skip
        (kind,) = random.choices([*kinds], [*kinds.values()])
        return kind()

    def account(self) -> int:
        known = FIRST_CUSTOMER + self.random.randrange(self.exchange.customers)
        return known if self.random.random() < 0.995 else self.random.choice([0, 1, known + 1, 2**32 - 1])

    def market(self) -> int:
        known = self.random.randrange(len(self.exchange.markets))
        return known if self.random.random() < 0.997 else known + self.random.choice([1, 7])

    def signed(self, account: int) -> dict[str, int]:
        """Seldom with a key and a time, then around what is allowed."""
        random, now = self.random, self.exchange.now
        if random.random() < 0.9:
            return OPERATOR
        own = [key for key, (owner, _) in self.exchange.keys.items() if owner == account]
        key = random.choice([*own, *own, 0, random.randint(1, 6)])
        window = random.choice([0, 1000, 5 * SECOND])
        sent = random.choice([0, now, now - window - random.randint(-1, 1), now + SECOND - random.randint(0, 2)])
        return {"key": key, "sent": sent, "window": window}

    def place(self) -> Command:
        """An order, and with some chance money before it, so that its owner has enough, or not quite."""
        random, number, account = self.random, self.market(), self.account()
        side = random.choice(["Buy", "Sell"])
        order = {"account": account, "signed": self.signed(account), "market": number, "side": side}
        order |= self.terms(min(number, len(self.exchange.markets) - 1), side, account)
        ids = [*IDS, *random.sample(self.made, min(2, len(self.made)))]
        order |= {
            "client_id": random.choice(ids) if random.random() < 0.3 else "",
            "strategy": random.choice([None, 7]),
            "strategy_type": random.choice([None, 1_000_000]),
        }
        if random.random() < 0.12 and number < len(self.exchange.markets) and account in self.exchange.accounts:
            self.later.append({"Place": order})
            return self.just_enough(order)
        return {"Place": order}

    def terms(self, number: int, side: str, account: int) -> dict[str, Any]:
        """Type, price, quantity, budget, prevention."""
        random, market = self.random, self.exchange.markets[number]
        mode = random.choice([None, None, *MODES])
        kind = random.choices(["Limit", "Market", "LimitMaker"], [70, 22, 8])[0]
        life = (
            random.choices(["Gtc", "Ioc", "Fok"], [75, 12, 13])[0]
            if kind == "Limit" or random.random() < 0.01
            else "Gtc"
        )
        terms = {"kind": kind, "life": life, "prevention": mode, "price": 0, "quantity": 0, "budget": 0}
        if kind == "Market" and random.random() < 0.7:
            terms["budget"] = self.budget(market, side, account, mode)
        else:
            terms["quantity"] = self.quantity(market, side)
        if kind != "Market" or random.random() < 0.01:
            terms["price"] = self.price(number)
        if random.random() < 0.005:
            terms[random.choice(["price", "quantity", "budget"])] = random.choice([0, 1, LARGEST, ONE])
        return terms

    def price(self, number: int) -> int:
        """A few ticks around the middle, often where something rests."""
        random, market, middle = self.random, self.exchange.markets[number], self.middles[number]
        resting = [order.price for order in market.open.values()]
        if resting and random.random() < 0.3:
            return random.choice(resting)
        tick = market.filters["price"]["tick"] or 1
        price = middle // tick * tick + random.randint(-4, 4) * tick + (random.random() < 0.02)
        return min(max(price, 1), LARGEST)

    def quantity(self, market: Market, side: str) -> int:
        """Some steps, sometimes what somebody rests with or all that there is, seldom anything."""
        random = self.random
        step: int = max(market.filters["lot"]["step"], 1)
        some = whole(self.middles[self.exchange.markets.index(market)], step)
        rests = [order.remaining for order in market.open.values() if order.side != side]
        chance = random.random()
        if rests and chance < 0.15:
            around = random.choice([random.choice(rests), sum(rests)]) + random.choice([0, 0, step, -step, 1])
            return min(max(around, 0), LARGEST)
        if chance < 0.18:
            return random.choice([1, step + 1, ONE, 10**12 // step * step])
        return random.choice([step, some, some, some, some]) * random.randint(1, random.choice([3, 10, 30]))

    def budget(self, market: Market, side: str, account: int, mode: str | None) -> int:
        """Around what some quantity costs."""
        random = self.random
        quantity = self.quantity(market, side)
        met = list(meetings(account, mode or market.filters["prevention"], quantity, market.makers(side, 0)))
        costs = [meeting.cost for meeting in met]
        cost = sum(costs[: random.randint(0, len(costs))]) if random.random() < 0.5 else sum(costs)
        cost = cost or notional(self.middles[self.exchange.markets.index(market)], quantity)
        return max(1, random.choice([cost, cost, cost + 10**6]) + random.randint(-3, 3))

    def just_enough(self, order: dict[str, Any]) -> Command:
        """Leaves the owner of an order with what it needs, one unit more or one less."""
        account, market = order["account"], self.exchange.markets[order["market"]]
        asset = market.quote if order["side"] == "Buy" else market.base
        change = max(0, self.need(order, market) + self.random.randint(-1, 1)) - self.exchange.free(account, asset)
        if change < 0:  # it comes back, or nobody would have anything left
            self.later.append({"Deposit": {"account": account, "asset": asset, "amount": -change}})
        return {"Deposit" if change > 0 else "Withdraw": {"account": account, "asset": asset, "amount": abs(change)}}

    def need(self, order: dict[str, Any], market: Market) -> int:
        """What an order needs, of what it gives."""
        buys, quantity, account = order["side"] == "Buy", order["quantity"], order["account"]
        mode, makers = order["prevention"] or market.filters["prevention"], market.makers(order["side"], 0)
        if order["kind"] != "Market":
            return notional(order["price"], quantity) if buys else quantity
        if order["budget"]:
            quantity = afford(account, mode, order["budget"], common_step(market.filters), makers)[1]
        trades = [m for m in meetings(account, mode, quantity, makers) if m.effect == "Trade"]
        if buys:
            return order["budget"] or sum(m.cost for m in trades)
        return sum(m.overlap for m in trades) if order["budget"] else quantity

    def cancel(self) -> Command:
        """By number, client id or both, mostly something that is there."""
        random, market, account = self.random, self.market(), self.account()
        known = [*self.exchange.markets[min(market, len(self.exchange.markets) - 1)].open.values()]
        order = random.choice(known) if known else None
        if order and random.random() < 0.95:
            account = order.account
        number = order.order if order else random.randint(0, 50)
        client_id = (order.client_id if order else "") if random.random() < 0.9 else random.choice([*IDS, ""])
        by = random.choice(["number", "number", "id", "both", "neither"] if random.random() < 0.2 else ["number"])
        return {
            "Cancel": {
                "account": account, "signed": self.signed(account), "market": market,
                "order": number if by in ("number", "both") else None,
                "client_id": client_id if by in ("id", "both") else "",
                "cancel_id": random.choice(["", "mine"]),
                "restriction": random.choice(["None"] * 6 + ["OnlyNew", "OnlyPartiallyFilled"]),
            }
        }  # fmt: skip

    def cancel_all(self) -> Command:
        account = self.account()
        return {"CancelAll": {"account": account, "signed": self.signed(account), "market": self.market()}}

    def set_filters(self) -> Command:
        number = self.market()
        filters = self.filters(min(number, len(self.middles) - 1))
        if self.random.random() < 0.05:
            name = self.random.choice(["price", "lot", "market_lot"])
            filters[name] |= {"min": 10, "max": 9}
        return {"SetFilters": {"market": number, "filters": filters}}

    def set_commission(self) -> Command:
        return {"SetCommission": {"account": self.account(), **self.rates()}}

    def set_limits(self) -> Command:
        return {"SetLimits": {"account": self.account(), "limits": self.limits()}}

    def set_rights(self) -> Command:
        """Taken away, and soon given back."""
        account = self.account()
        if self.random.random() < 0.5:
            rights = {name: self.random.random() < 0.7 for name in ALL_RIGHTS}
            self.later += [
                self.place(),
                self.cancel(),
                self.money(),
                {"SetRights": {"account": account, "rights": ALL_RIGHTS}},
            ]
            return {"SetRights": {"account": account, "rights": rights}}
        return {"SetRights": {"account": account, "rights": ALL_RIGHTS}}

    def set_status(self) -> Command:
        """Halted, and soon open again."""
        market = self.market()
        status = self.random.choice(["Halt", "Break", "CancelOnly", "EndOfDay"])
        self.later += [self.place(), self.cancel(), {"SetMarketStatus": {"market": market, "status": "Trading"}}]
        return {"SetMarketStatus": {"market": market, "status": status}}

    def money(self) -> Command:
        """In or out, often all that is free."""
        random, account, asset = self.random, self.account(), self.random.choice([0, 0, 1, 1, 2, 2, 9])
        free = self.exchange.free(account, asset) if account in self.exchange.accounts else 0
        amount = random.choice([0, 1, 10**12, 10**20, max(free, 0) + random.randint(0, 1)])
        kind = "Withdraw" if random.random() < 0.3 else "Deposit"
        if kind == "Withdraw" and account >= FIRST_CUSTOMER:
            self.later.append({"Deposit": {"account": account, "asset": asset, "amount": 10**12}})
        return {kind: {"account": account, "asset": asset, "amount": amount}}

    def key(self) -> Command:
        random = self.random
        if random.random() < 0.5:
            return {"RevokeKey": {"key": random.randint(0, 8)}}
        return {"AddKey": {"account": self.account(), "permissions": {"read": True, "trade": True, "withdraw": False}}}

    def nothing(self) -> Command:
        return {"Tick": {}}

    def later_by(self) -> int:
        """How far time goes on: to the edges of windows, minutes of averages and days, or just a little."""
        random, now = self.random, self.exchange.now
        edge = random.choice([*WINDOWS.values(), 10 * SECOND, 10 * SECOND, 60 * SECOND])
        if random.random() < 0.3:
            traded = [trade[0] for market in self.exchange.markets for trade in market.trades[-20:]]
            ends = [time + minutes * 60 * SECOND for time in traded for minutes in (1, 2, 5)]
            ends = [end for end in ends if end > now + 1]
            if ends:
                return random.choice(ends) + random.randint(-1, 1) - now
        to_edge = edge - now % edge + random.randint(-1, 1)
        return max(0, random.choice([1, 1000, 3 * SECOND, to_edge, to_edge]))


def whole(price: int, step: int) -> int:
    """The smallest multiple of the step that costs something."""
    return -(-ONE // (price * step)) * step
