"""A random life of an exchange, and everything that its clients are told, compared with what the model has done."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.oracle.ledger import FIRST_CUSTOMER, Outcome
from tests.oracle.model import Exchange
from tests.oracle.oracle import NOON, differs
from tests.oracle.people import People
from tests.oracle.questions import Questions
from tests.oracle.seen import WORDS, Seen, text
from tests.oracle.tape import Tape
from tests.oracle.venue import Venue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oracle.venue import Answer

MADE = re.compile(r"[A-Za-z0-9]{22}")
"""A client id that the exchange has made up."""
RESTARTS = ("stop", "kill", "rebuild")
INSUFFICIENT = "Account has insufficient balance for requested action."
REFUSALS = {
    "KeyRefused": (-2015, "Invalid API-key, IP, or permissions for action."),
    "MarketClosed": (-1013, "Market is closed."),
    "TradingDisabled": (-2010, "This account may not place or cancel orders."),
    "TooManyOrdersTenSeconds": (-1015, "Too many new orders; current limit is %s orders per 10 SECOND."),
    "TooManyOrdersDay": (-1015, "Too many new orders; current limit is %s orders per 1 DAY."),
    "ZeroOrder": (-1013, "Price * QTY is zero or less."),
    "PreventionNotAllowed": (-1013, "This symbol does not allow the specified self-trade prevention mode."),
    "PriceFilter": (-1013, "Filter failure: PRICE_FILTER"),
    "LotSize": (-1013, "Filter failure: LOT_SIZE"),
    "MarketLotSize": (-1013, "Filter failure: MARKET_LOT_SIZE"),
    "Notional": (-1013, "Filter failure: NOTIONAL"),
    "MinNotional": (-1013, "Filter failure: MIN_NOTIONAL"),
    "MaxOrders": (-2010, "Filter failure: MAX_NUM_ORDERS"),
    "LevelFull": (-2010, "Filter failure: MAX_POSITION"),
    "DuplicateOrder": (-2010, "Duplicate order sent."),
    "InsufficientBalance": (-2010, INSUFFICIENT),
    "WouldTake": (-2010, "Order would immediately match and take."),
    "LiquidityBelowLot": (-2010, "Order book liquidity is less than `LOT_SIZE` filter minimum quantity."),
    "LiquidityBelowMarketLot": (-2010, "Order book liquidity is less than `MARKET_LOT_SIZE` filter minimum quantity."),
    "UnknownOrder": (-2011, "Unknown order sent."),
    "OrderMismatch": (-2011, "Unknown order sent."),
    "CancelRestricted": (-2011, "Order was not canceled due to cancel restrictions."),
}
EMPTY_BOOK = "Order book liquidity is less than symbol minimum quantity."


@dataclass
class Asked:
    """A request under way."""

    name: str
    fields: dict[str, Any]
    kind: str
    """ACK, RESULT or FULL of a new order."""
    outcome: Outcome
    counts: dict[str, int]
    """The model's, of its account, right behind it."""
    answer: asyncio.Future[Answer]


class Session:
    """One seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)
        self.exchange = Exchange()
        self.exchange.now = NOON
        self.people = People(Random(seed), self.exchange)
        self.seen = Seen(self.exchange)
        self.venue = Venue(folder / "data", NOON)
        self.tape = Tape(self.venue, self.seen)
        self.questions = Questions(self.random, self.venue, self.seen, self.people.keys)
        self.count: Counter[str] = Counter()

    # --- a life

    async def run(self, rounds: int, bursts: int) -> list[str]:
        """The differences that are found first; none when they are of one mind. Each round ends with another start."""
        await self.venue.start()
        try:
            await self.open()
            for number in range(rounds):
                found = await self.round(bursts) or await self.restart(RESTARTS[number % len(RESTARTS)])
                if found:
                    return found
            return []
        finally:
            await self.venue.stop()

    async def round(self, bursts: int) -> list[str]:
        """Requests, questions and time."""
        for number in range(bursts):
            found = [*await self.burst(), *await self.look(number)]
            if found:
                return found
            if self.random.random() < 0.3:
                self.move()
        return []

    async def open(self) -> None:
        """The world, then who listens to it."""
        commands = self.people.world()
        keys = [command["AddKey"] for command in commands if "AddKey" in command]
        for command in commands:
            ((name, fields),) = command.items()
            if name == "OpenAccount":
                await self.enter(fields, keys[len(self.people.keys)])
            elif name != "AddKey":
                await self.order(command)
        await self.hear()

    async def enter(self, fields: dict[str, Any], key: dict[str, Any]) -> None:
        """A user comes, with a key, and gets terms of their own."""
        trades = key["permissions"]["trade"]
        user = await self.venue.user(f"user{len(self.people.keys)}", trades=trades)
        assert user.account == FIRST_CUSTOMER + len(self.people.keys)
        terms = {"rights": fields["rights"], "limits": {"ten_seconds": 0, "day": 0, "open": 0}}
        self.exchange.apply({"OpenAccount": terms | {"maker": 100_000, "taker": 100_000}}, self.exchange.now)
        self.exchange.apply({"AddKey": {"account": user.account, "permissions": {"trade": trades}}}, self.exchange.now)
        self.people.keys[user.account] = user
        rates = {name: fields[name] for name in ("maker", "taker")}
        await self.order({"SetCommission": {"account": user.account, **rates}})
        await self.order({"SetLimits": {"account": user.account, "limits": fields["limits"]}})

    async def hear(self) -> None:
        """Everybody's user data, and all public streams."""
        for key in self.people.keys.values():
            reply = await self.venue.ws("userDataStream.subscribe.signature", key)
            assert reply.status == 200, reply
        await self.tape.listen(len(self.exchange.markets))

    def move(self) -> None:
        """Time goes on."""
        self.exchange.now += self.people.later_by()
        self.venue.set_time(self.exchange.now)

    # --- what is asked of the exchange

    async def order(self, command: dict[str, Any]) -> list[Outcome]:
        """An operator's command, which either accepts or refuses."""
        outcome = self.exchange.apply(command, self.exchange.now)
        try:
            await self.venue.shard.command(command)
            refused = None
        except Exception as error:  # noqa: BLE001 -- compared with the model's
            refused = getattr(error, "reason", repr(error))
        assert refused == (outcome.refused and outcome.refused[0]), (command, refused, outcome.refused)
        ((name, fields),) = command.items()
        if not outcome.refused and name in ("Deposit", "Withdraw"):
            self.tape.moved(fields["account"], fields["asset"], fields["amount"] * (1 if name == "Deposit" else -1))
        if not outcome.refused and name in ("SetRights", "SetLimits", "SetCommission"):
            self.seen.told_at.pop(fields["account"], None)  # these are an update of the account, too, and told nobody
        self.seen.learn(outcome)
        return [outcome]

    async def burst(self) -> list[str]:
        """Some requests at once, and what is wrong about their answers and about what streams tell of them."""
        asked: list[Asked] = []
        outcomes: list[Outcome] = []
        for _ in range(self.random.choice([1, 1, 3, 8])):
            command = self.people.next()
            if next(iter(command)) in ("Place", "Cancel", "CancelAll"):
                asked.append(self.ask(command))
                outcomes.append(asked[-1].outcome)
            else:
                await asyncio.gather(*(each.answer for each in asked))
                outcomes += await self.order(command)
        answers = [(each, await each.answer) for each in asked]
        for each, answer in answers:
            self.learn(each, answer)
        for outcome in outcomes:
            self.seen.named(outcome)
        found = [
            f"{each.name} {each.fields}: {words}" for each, answer in answers for words in self.check(each, answer)
        ]
        return [*found, *self.tape.told(outcomes)]

    def ask(self, command: dict[str, Any]) -> Asked:
        """Tells model and exchange; by REST or over the WebSocket API."""
        ((name, fields),) = command.items()
        fields = dict(fields)
        account = fields["account"]
        outcome = self.exchange.apply(command, self.exchange.now)
        self.seen.learn(outcome)
        counts = {"10s": self.exchange.count(account, "ten_seconds"), "1d": self.exchange.count(account, "day")}
        params, kind = self.params(name, fields)
        rest, ws = {
            "Place": (("POST", "/api/v3/order"), "order.place"),
            "Cancel": (("DELETE", "/api/v3/order"), "order.cancel"),
            "CancelAll": (("DELETE", "/api/v3/openOrders"), "openOrders.cancelAll"),
        }[name]
        key = self.people.keys[account]
        answer = (
            self.venue.rest(*rest, key, **params) if self.random.random() < 0.5 else self.venue.ws(ws, key, **params)
        )
        return Asked(name, fields, kind, outcome, counts, answer)

    def params(self, name: str, fields: dict[str, Any]) -> tuple[dict[str, Any], str]:
        """The request, and how its reply is to be."""
        market = {"symbol": f"M{fields['market']}"}
        if name == "CancelAll":
            return market, ""
        if name == "Cancel":
            words = {"OnlyNew": "ONLY_NEW", "OnlyPartiallyFilled": "ONLY_PARTIALLY_FILLED", "None": None}
            optional = {
                "orderId": fields["order"], "origClientOrderId": fields["client_id"] or None,
                "newClientOrderId": fields["cancel_id"] or None, "cancelRestrictions": words[fields["restriction"]],
            }  # fmt: skip
            return market | {key: value for key, value in optional.items() if value is not None}, ""
        kind = self.random.choice([None, None, "ACK", "RESULT", "FULL"])
        amounts = {"price": fields["price"], "quantity": fields["quantity"], "quoteOrderQty": fields["budget"]}
        optional = {
            "newClientOrderId": fields["client_id"] or None, "newOrderRespType": kind,
            "selfTradePreventionMode": fields["prevention"] and WORDS[fields["prevention"]],
            "strategyId": fields["strategy"], "strategyType": fields["strategy_type"],
            "timeInForce": WORDS[fields["life"]] if fields["kind"] == "Limit" else None,
        } | {key: text(amount) for key, amount in amounts.items() if amount}  # fmt: skip
        params = market | {"side": WORDS[fields["side"]], "type": WORDS[fields["kind"]]}
        params |= {key: value for key, value in optional.items() if value is not None}
        return params, kind or ("ACK" if fields["kind"] == "LimitMaker" else "FULL")

    def learn(self, asked: Asked, answer: Answer) -> None:
        """The ids that the exchange has made up."""
        if answer.status != 200 or asked.outcome.refused:
            return
        said = answer.said
        if asked.name == "Place" and not asked.fields["client_id"]:
            assert MADE.fullmatch(said["clientOrderId"]), said
            self.seen.name(asked.fields["market"], said["orderId"], said["clientOrderId"])
            self.people.made = [*self.people.made, said["clientOrderId"]][-50:]
        for execution, reply in zip(asked.outcome.executions, [said] if asked.name == "Cancel" else said, strict=False):
            if asked.name != "Place" and not execution["cancel_id"]:
                assert MADE.fullmatch(reply["clientOrderId"]), reply
                execution["cancel_id"] = reply["clientOrderId"]

    def check(self, asked: Asked, answer: Answer) -> Iterator[str]:
        """One answer against the model's."""
        outcome = asked.outcome
        if outcome.refused:
            self.count[f"{asked.name}: {outcome.refused[0]}"] += 1
            yield from differs(
                "refusal", refusal(asked.name, *outcome.refused), (answer.said["code"], answer.said["msg"])
            )
            return
        self.count[f"{asked.name} {asked.kind}".strip()] += 1
        if asked.name == "Place":
            model: Any = self.seen.place_reply(outcome, asked.kind)
            yield from differs("order counts", asked.counts, answer.limits)
        else:
            replies = [self.seen.cancel_reply(execution) for execution in outcome.executions]
            model = replies if asked.name == "CancelAll" else replies[0]
        yield from differs("status", 200, answer.status)
        yield from differs("reply", model, answer.said)

    # --- what is looked at

    async def look(self, number: int) -> list[str]:
        """Some questions after each burst, and now and then the streams that come at intervals."""
        found = [*await self.questions.some(3), *await self.test()]
        if number % 4 == 3:
            await self.venue.beat()
            found += self.tape.beaten()
        return found

    async def test(self) -> list[str]:
        """An order that is only tested: what it would cost, and whom it would meet, is not asked."""
        fields = self.people.place().get("Place")
        if not fields:
            return []
        params, _ = self.params("Place", fields)
        key, refused = self.people.keys[fields["account"]], self.exchange.test(fields)
        answers = [
            await self.venue.rest("POST", "/api/v3/order/test", key, **params),
            await self.venue.ws("order.test", key, **params),
        ]
        self.count[f"test: {refused and refused[0]}"] += 1
        told = [(answer.said.get("code"), answer.said.get("msg")) for answer in answers]
        model = refusal("Place", *refused) if refused else (None, None)
        return [f"testing {fields}: {words}" for one in told for words in differs("refusal", model, one)]

    async def restart(self, how: str) -> list[str]:
        """The same answers to the same questions before and after, to the byte."""
        found = [*await self.questions.everything()]
        asked = self.questions.fixed()
        before = [await answer for answer in self.questions.put(asked)]
        await self.venue.restart(how)
        self.tape.forget()
        await self.hear()
        after = [await answer for answer in self.questions.put(asked)]
        for question, one, other in zip(asked, before, after, strict=True):
            if (one.status, one.body) != (other.status, other.body):
                found.append(f"after {how}, {question}:\n    {one.body!r}\n    {other.body!r}")
        self.count[f"restart: {how}"] += 1
        return found


def refusal(name: str, reason: str, detail: int) -> tuple[int, str]:
    """Code and text (errors.md)."""
    code, words = REFUSALS[reason]
    if (reason, detail) == ("LiquidityBelowLot", 0):
        words = EMPTY_BOOK
    return -2011 if code == -2010 and name != "Place" else code, words.replace("%s", str(detail))
