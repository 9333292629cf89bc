"""What a client knows for certain, and whether what it reads afterwards can be true beside it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
"""JSON as Binance's API writes orders and trades."""

OPEN = frozenset({"NEW", "PARTIALLY_FILLED"})
ENDED = frozenset({"FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"})
LATER = {
    "NEW": OPEN | ENDED,
    "PARTIALLY_FILLED": (OPEN | ENDED) - {"NEW"},
    **{status: frozenset({status}) for status in ENDED},
}
"""What may follow what."""
TERMS = ("symbol", "side", "type", "timeInForce", "price", "origQty")
"""What never changes of an order."""


@dataclass
class Order:
    """One request for an order, and all that was said about it."""

    owner: str
    client_id: str
    terms: Row
    known: Row | None = None
    """The last state that the exchange told; None: never answered."""
    refused: bool = False
    """It was answered, and not taken."""
    cancel_sent: bool = False
    cancel_refused: bool = False
    gone: bool = False
    """Never answered, and not there after a restart: it must not come back."""

    @property
    def is_open(self) -> bool:
        return self.known is not None and self.known["status"] in OPEN

    def judge(self, row: Row | None) -> Iterator[str]:
        """What is wrong with `row`, read after all that is known was said; None: there is no such order."""
        if row is None:
            if self.known is not None:
                yield f"lost: {self.known}"
            return
        if self.refused or self.gone:
            yield f"came up though {'refused' if self.refused else 'gone before'}: {row}"
        if any(row[name] != value for name, value in self.terms.items()):
            yield f"other terms than were asked for: {row}"
        if self.known is not None:
            yield from self._judge_progress(self.known, row)
        if row["status"] == "CANCELED" and not (self.cancel_sent and not self.cancel_refused):
            yield f"cancelled by nobody: {row}"
        if self.cancel_refused and row["status"] in OPEN:
            yield f"open, though its cancel was refused as unknown: {row}"

    @staticmethod
    def _judge_progress(known: Row, row: Row) -> Iterator[str]:
        executed = Decimal(row["executedQty"]) - Decimal(known["executedQty"])
        if row["orderId"] != known["orderId"]:
            yield f"another number than {known['orderId']}: {row}"
        if row["status"] not in LATER[known["status"]] or executed < 0:
            yield f"went back from {known['status']} {known['executedQty']}: {row}"
        if known["status"] in ENDED and executed:
            yield f"traded after its end as {known['status']} {known['executedQty']}: {row}"


@dataclass
class Ledger:
    """All orders by client id, and all trades by number, of one market."""

    orders: dict[str, Order] = field(default_factory=dict)
    trades: dict[int, Row] = field(default_factory=dict)
    """Price and quantity of each trade that anybody was told of, also on a stream."""
    numbers: set[int] = field(default_factory=set)
    """Order numbers that were ever read."""
    update: int = 0
    """The last update of the book that anybody was told of."""

    def open(self, owner: str) -> list[Order]:
        return [order for order in self.orders.values() if order.owner == owner and order.is_open]

    def first_moving(self) -> int:
        """The lowest number of an order that may have changed since the last reading, or have come after it."""
        unread: int = max(self.numbers, default=0) + 1
        moving: list[int] = [order.known["orderId"] for order in self.orders.values() if order.known and order.is_open]
        return min([unread, *moving])

    def judge(self, rows: dict[str, list[Row]], since: int) -> Iterator[str]:
        """Compares all orders from number `since` on, by owner, with what is known, and takes them over as known."""
        found: dict[str, Row] = {}
        for owner, own in rows.items():
            for row in own:
                name = row["clientOrderId"]
                order = self.orders.get(name)
                if order is None or order.owner != owner:
                    yield f"invented: {owner} {row}"
                if name in found:
                    yield f"doubled: {found[name]} and {row}"
                found[name] = row
        for name, order in self.orders.items():
            if order.known is None or order.known["orderId"] >= since:
                yield from order.judge(found.get(name))
                self._learn(order, found.get(name))
        yield from self._judge_numbers(row["orderId"] for row in found.values())

    def _learn(self, order: Order, row: Row | None) -> None:
        if row is not None:
            order.known = row
        elif order.known is None and not order.refused:
            order.gone = True

    def _judge_numbers(self, numbers: Iterable[int]) -> Iterator[str]:
        counted = Counter(numbers)
        yield from (f"order number {number} was given {times} times" for number, times in counted.items() if times > 1)
        self.numbers |= counted.keys()
        yield from holes("order", self.numbers)

    def judge_trades(self, rows: dict[str, list[Row]]) -> Iterator[str]:
        """Each trade is there once for its buyer and once for its seller, as it was told, and fills its orders."""
        sides = [(row, owner) for owner, own in rows.items() for row in own]
        filled: dict[int, Decimal] = {}
        for row, _ in sides:
            filled[row["orderId"]] = filled.get(row["orderId"], Decimal(0)) + Decimal(row["qty"])
            told = self.trades.setdefault(row["id"], brief(row["price"], row["qty"]))
            if told != brief(row["price"], row["qty"]):
                yield f"trade {row['id']} was told as {told} and is {row}"
        counted = Counter((row["id"], row["isBuyer"]) for row, _ in sides)
        for number in self.trades:
            if (counted[number, True], counted[number, False]) != (1, 1):
                yield f"trade {number} has {counted[number, True]} buyers and {counted[number, False]} sellers"
        yield from holes("trade", self.trades.keys())
        yield from self._judge_fills(filled)

    def _judge_fills(self, filled: dict[int, Decimal]) -> Iterator[str]:
        for order in self.orders.values():
            if order.known is not None:
                executed = filled.get(order.known["orderId"], Decimal(0))
                if executed != Decimal(order.known["executedQty"]):
                    yield f"its trades sum to {executed}: {order.known}"


def brief(price: str, quantity: str) -> Row:
    return {"price": price, "quantity": quantity}


def holes(what: str, numbers: Iterable[int]) -> Iterator[str]:
    """Numbers run on without a gap, over restarts, too."""
    known = sorted(numbers)
    yield from (f"no {what} between {a} and {b}" for a, b in pairwise(known) if b != a + 1)


def balances(funds: dict[str, Decimal], trades: list[Row], orders: Iterable[Row]) -> dict[str, tuple[Decimal, Decimal]]:
    """Free and locked by asset, as `funds`, an account's own trades and its open orders of BTCUSDT make them."""
    total = dict(funds)
    for trade in trades:
        sign = 1 if trade["isBuyer"] else -1
        total["BTC"] += sign * Decimal(trade["qty"])
        total["USDT"] -= sign * Decimal(trade["quoteQty"])
        total[trade["commissionAsset"]] -= Decimal(trade["commission"])
    locked = dict.fromkeys(funds, Decimal(0))
    for order in orders:
        left = Decimal(order["origQty"]) - Decimal(order["executedQty"])
        buys = order["side"] == "BUY"
        locked["USDT" if buys else "BTC"] += left * Decimal(order["price"]) if buys else left
    return {asset: (total[asset] - locked[asset], locked[asset]) for asset in funds}
