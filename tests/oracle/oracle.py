"""Runs the same commands through the engine and the model, and compares all that either says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.oracle.engine import Engine
from tests.oracle.hostile import Hostile
from tests.oracle.model import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.oracle.book import Market
    from tests.oracle.ledger import Outcome

NOON = 1_700_000_000_000_000
AT_ONCE = 40
QUESTIONS = 4
DEEPEST = 2**63 - 1
"""The largest total that Binance shows of a level."""


@dataclass
class Expected:
    """A command, and what the model says right after it."""

    command: dict[str, Any]
    outcome: Outcome
    balances: dict[tuple[int, int], tuple[int, int]]
    tops: list[dict[str, tuple[int, int]]]
    """Before it and after."""
    answers: list[Any]
    """To the questions that are asked behind it."""
    before: str
    """The market, for whoever reads of a difference."""


class Oracle:
    """One seed's life."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.exchange = Exchange()
        self.exchange.now = NOON
        self.hostile = Hostile(Random(seed), self.exchange)
        self.random = Random(seed)
        self.engine = Engine(folder, NOON)
        self.seen: Counter[str] = Counter()
        """What has been done, and how it was refused: what a run that finds nothing has looked at."""
        for command in self.hostile.world():
            self.engine.command(command)
            self.exchange.apply(command, NOON)
        self.engine.answers()

    def run(self, commands: int) -> Iterator[str]:
        """Yields every difference; the first one makes all that follows doubtful."""
        now = NOON
        for _ in range(0, commands, AT_ONCE):
            expected = [self.expect(self.hostile.next(), now) for _ in range(AT_ONCE)]
            self.engine.position()
            *answers, position = self.engine.answers()
            each = 1 + QUESTIONS
            for n, one in enumerate(expected):
                found = [*self.differences(one, answers[n * each : (n + 1) * each])]
                if found:
                    yield f"{one.command}\n  " + "\n  ".join([*found, one.before])
                    return
            if position["halted"]:
                yield "the engine has halted"
                return
            if self.random.random() < 0.4:
                now += self.hostile.later_by()
                self.exchange.now = now
                self.engine.set_time(now)

    def expect(self, command: dict[str, Any], now: int) -> Expected:
        """Tells both, and keeps what the model says."""
        ((_, fields),) = command.items()
        exchange = self.exchange
        number = fields.get("market", 0)
        number = number if number < len(exchange.markets) else 0
        account = fields.get("account", 1000)
        account = account if 1000 <= account < 1000 + exchange.customers else 1000
        market = exchange.markets[number]
        tops = [top(market)]
        before = story(market, now)
        self.engine.command(command)
        outcome = exchange.apply(command, now)
        self.engine.questions(account, f"M{number}")
        balances = exchange.balances()
        answers = [
            {asset: balances.get((account, asset), (0, 0)) for asset in range(len(exchange.assets))},
            [market.updates, *([(price, min(n, DEEPEST)) for price, n in side] for side in depth(market))],
            market.average(now),
            [exchange.count(account, window) for window in ("ten_seconds", "day")],
        ]
        return Expected(command, outcome, balances, [*tops, top(market)], answers, before)

    def differences(self, expected: Expected, answers: list[Any]) -> Iterator[str]:
        """Between what the model says and the engine's events and answers."""
        events: dict[str, list[Any]] = {}
        for event in answers[0]:
            ((name, fields),) = event.items()
            events.setdefault(name, []).append(fields)
        outcome = expected.outcome
        refused = [(each["reason"], each["detail"]) for each in events.get("Rejected", [])]
        yield from differs("refused", [outcome.refused] if outcome.refused else [], refused)
        yield from self.compare_executions(outcome, events)
        trades = [{key: trade[key] for key in trade} for trade in events.get("Traded", [])]
        yield from differs("trades", outcome.trades, trades)
        yield from compare_ledger(expected, events)
        yield from compare_book(expected, events)
        yield from compare_answers(expected.answers, answers[1:])
        (name,) = expected.command
        self.seen[f"{name}: {outcome.refused[0]}" if outcome.refused else name] += 1
        for execution in outcome.executions:
            order = execution["order"]
            self.seen[f"{execution['kind']} {order['status']} {order['kind']} {order['expiry']}"] += 1

    def compare_executions(self, outcome: Outcome, events: dict[str, list[Any]]) -> Iterator[str]:
        """What became of which order; ids that the engine makes are learned."""
        found = [each["execution"] for each in events.get("Executed", [])]
        yield from differs("number of executions", len(outcome.executions), len(found))
        for model, real in zip(outcome.executions, found, strict=False):
            view = real["order"]
            view.pop("on_book")
            if not model["order"]["client_id"]:
                self.learn(view)
                model["order"]["client_id"] = view["client_id"]
            if not model["cancel_id"] and model["kind"] == "Canceled":
                real["cancel_id"] = ""
            yield from differs("execution", model, real)

    def learn(self, view: dict[str, Any]) -> None:
        """The engine has made this id."""
        self.hostile.made = [*self.hostile.made, view["client_id"]][-50:]
        order = self.exchange.markets[view["market"]].open.get(view["order"])
        if order:
            order.client_id = view["client_id"]


def differs(what: str, model: Any, real: Any) -> Iterator[str]:
    """Tells where two things differ."""
    if model == real:
        return
    if isinstance(model, dict) and isinstance(real, dict):
        for key in {**model, **real}:
            yield from differs(f"{what} {key}", model.get(key), real.get(key))
    else:
        yield f"{what}: the model has {model}, the engine {real}"


def compare_ledger(expected: Expected, events: dict[str, list[Any]]) -> Iterator[str]:
    """Balances as told and as posted."""
    told = {(b["account"], b["asset"]): (b["free"], b["locked"]) for b in events.get("BalanceChanged", [])}
    model = {key: expected.balances.get(key, (0, 0)) for key in told | expected.outcome.balances}
    yield from differs("balances", model, told)
    posted: Counter[tuple[int, int]] = Counter()
    for posting in events.get("Posted", []):
        posted[posting["account"], posting["asset"]] += posting["delta"]
    yield from differs("postings", expected.outcome.moved, {key: delta for key, delta in posted.items() if delta})


def compare_book(expected: Expected, events: dict[str, list[Any]]) -> Iterator[str]:
    """Levels and the best prices as told."""
    told = events.get("LevelChanged", [])
    yield from differs(
        "levels", expected.outcome.levels, {(each["side"], each["price"]): each["total"] for each in told}
    )
    last = expected.answers[1][0]
    yield from differs("updates", [*range(last - len(told) + 1, last + 1)], [each["update"] for each in told])
    before, after = expected.tops
    tops = [
        {"Buy": (each["bid"], each["bid_total"]), "Sell": (each["ask"], each["ask_total"])}
        for each in events.get("TopChanged", [])
    ]
    yield from differs("top", [after] if before != after else [], tops)


def compare_answers(model: list[Any], real: list[Any]) -> Iterator[str]:
    """What questions are answered with."""
    account, book, average, counts = real
    balances = {n: (units(each["free"]), units(each["locked"])) for n, each in enumerate(account["balances"])}
    yield from differs("account", model[0], balances)
    sides = [[(units(price), units(total)) for price, total in book[side]] for side in ("bids", "asks")]
    yield from differs("depth", model[1], [book["lastUpdateId"], *sides])
    yield from differs("average", int(model[2] or 0), units(average["price"]))
    yield from differs("order counts", model[3], [each["count"] for each in counts])


def story(market: Market, now: int) -> str:
    """The market in words."""
    makers = market.makers("Sell", 0)[:8] + market.makers("Buy", 0)[:8]
    orders = [f"{order.side} {order.remaining} @ {order.price} of {order.account}" for order in makers]
    return "\n    ".join([f"before: {market.filters}, average {market.average(now)}", *orders])


def units(text: str) -> int:
    """Of 10^-8."""
    whole, decimals = text.split(".")
    return int(whole + decimals.ljust(8, "0"))


def depth(market: Market) -> list[list[tuple[int, int]]]:
    """Bids and asks, best first."""
    levels = market.levels()
    bids = sorted(((price, total) for (side, price), total in levels.items() if side == "Buy"), reverse=True)
    return [bids, sorted((price, total) for (side, price), total in levels.items() if side == "Sell")]


def top(market: Market) -> dict[str, tuple[int, int]]:
    """The best bid and ask with their totals, 0 for none."""
    bids, asks = depth(market)
    return {"Buy": bids[0] if bids else (0, 0), "Sell": asks[0] if asks else (0, 0)}
