"""A market's book as a list of orders, the filters' arithmetic, and what happens when orders meet.

Sources: Binance's filters.md and its FAQ on self-trade prevention; docs/concepts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from math import lcm
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ONE = 10**8
SECOND = 10**6
MINUTE = 60 * SECOND
LARGEST = 2**64 - 1


class Refused(Exception):
    """The command changes nothing."""

    def __init__(self, reason: str, detail: int = 0) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, min(detail, LARGEST)


def refuse(reason: str, when: object, detail: int = 0) -> None:
    """The next row of the table of precedence."""
    if when:
        raise Refused(reason, detail)


def notional(price: int, quantity: int) -> int:
    """Price × quantity, rounded down."""
    return price * quantity // ONE


@dataclass
class Order:
    """An order as its owner sees it."""

    market: int
    account: int
    order: int
    client_id: str
    side: str
    kind: str
    life: str
    price: int
    quantity: int
    budget: int
    prevention: str
    strategy: int | None
    strategy_type: int | None
    opened: int
    updated: int
    executed: int = 0
    notional: int = 0
    prevented: int = 0
    status: str = "New"
    expiry: str = "None"
    prevented_match: int | None = None

    @property
    def remaining(self) -> int:
        return self.quantity - self.executed - self.prevented

    @property
    def hold(self) -> int:
        """What it keeps back while it is open: of quote when it buys, of base when it sells."""
        return notional(self.price, self.remaining) if self.side == "Buy" else self.remaining


@dataclass
class Market:
    """A market with its book: the open orders, by number."""

    base: int
    quote: int
    filters: dict[str, Any]
    status: str = "Trading"
    open: dict[int, Order] = field(default_factory=dict)
    orders: int = 0
    executions: int = 0
    updates: int = 0
    prevented: int = 0
    aggregates: int = 0
    trades: list[tuple[int, int, int]] = field(default_factory=list)
    """Time, price and quantity."""

    def levels(self) -> Counter[tuple[str, int]]:
        """The total at each side and price."""
        levels: Counter[tuple[str, int]] = Counter()
        for order in self.open.values():
            levels[order.side, order.price] += order.remaining
        return levels

    def makers(self, side: str, limit: int) -> list[Order]:
        """Whom a taker of this side and limit (0: none) meets, in turn: best price first, then who came first."""
        others = [order for order in self.open.values() if order.side != side]
        if side == "Buy":
            others = [order for order in others if not limit or order.price <= limit]
            return sorted(others, key=lambda order: (order.price, order.order))
        others = [order for order in others if order.price >= limit]
        return sorted(others, key=lambda order: (-order.price, order.order))

    def average(self, now: int) -> int | None:
        """By volume, rounded down, over the running minute and the filter's others before it; or the last price."""
        first = now // MINUTE + 1 - self.filters["notional"]["minutes"]
        recent = [(price, quantity) for time, price, quantity in self.trades if time // MINUTE >= first]
        if recent:
            return sum(p * q for p, q in recent) // sum(q for _, q in recent)
        return self.trades[-1][1] if self.trades else None


@dataclass
class Meeting:
    """A taker and a maker at the maker's price."""

    maker: Order
    rest: int
    """What the taker has left before it."""
    overlap: int
    effect: str
    """`Trade`, or how the trade is prevented."""

    @property
    def cost(self) -> int:
        return notional(self.maker.price, self.overlap)


def meetings(account: int, prevention: str, quantity: int, makers: Iterable[Order]) -> Iterator[Meeting]:
    """What becomes of a taker of this quantity."""
    for maker in makers:
        if quantity == 0:
            return
        same = maker.account == account and prevention != "None"
        meeting = Meeting(maker, quantity, min(quantity, maker.remaining), prevention if same else "Trade")
        yield meeting
        if meeting.effect in ("ExpireTaker", "ExpireBoth"):
            return
        if meeting.effect != "ExpireMaker":
            quantity -= meeting.overlap


def afford(account: int, prevention: str, budget: int, step: int, makers: list[Order]) -> tuple[int, int, bool]:
    """Of a market order by budget: what the book has in all, the quantity, and whether the book ends before the budget.

    The quantity is the largest multiple of the step whose fills the budget pays, each with as much more at its price
    as makes a multiple whole.
    """
    stops = ("ExpireTaker", "ExpireBoth")
    supply = sum(m.overlap for m in meetings(account, prevention, LARGEST, makers) if m.effect != "ExpireMaker")
    without_end = [replace(last, account=-1, quantity=LARGEST, executed=0, prevented=0) for last in makers[-1:]]

    def pays(quantity: int) -> bool:
        taken = paid = 0
        for m in meetings(account, prevention, quantity, makers + without_end):
            # What a taker loses where it is stopped, it would have bought there.
            used = m.rest if m.effect in stops else m.overlap if m.effect != "ExpireMaker" else 0
            whole = -(-(taken + max(used, 1)) // step) * step
            if paid >= budget or paid + notional(m.maker.price, whole - taken) > budget:
                return False
            paid, taken = paid + notional(m.maker.price, used), taken + used
        return True

    wanted = step * largest(LARGEST // step, lambda times: pays(times * step)) if makers else 0
    stopped = any(m.effect in stops for m in meetings(account, prevention, wanted, makers))
    if makers and (wanted <= supply or stopped):
        return supply, wanted, False
    return supply, supply // step * step, True


def common_step(filters: dict[str, Any]) -> int:
    """What a budget's quantity is a multiple of, so that it breaks neither filter of lots."""
    return lcm(filters["lot"]["step"] or 1, filters["market_lot"]["step"] or 1)


def may_rest(order: dict[str, Any]) -> bool:
    """Whether some of it may stay on the book."""
    return (order["kind"], order["life"]) in [("LimitMaker", "Gtc"), ("Limit", "Gtc")]


def allowed(bits: int) -> list[str]:
    """The prevention modes of a market."""
    modes = ["", "None", "ExpireTaker", "ExpireMaker", "ExpireBoth", "Decrement"]
    return [mode for bit, mode in enumerate(modes) if bits >> bit & 1 and mode]


def largest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest number up to `most` for which something holds that holds for all smaller ones."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low


def check_range(reason: str, value: int, rule: dict[str, int], step: str) -> None:
    """Minimum, maximum and step, each off at 0."""
    refuse(reason, value < rule["min"], rule["min"])
    refuse(reason, rule["max"] and value > rule["max"], rule["max"])
    refuse(reason, rule[step] and value % rule[step], rule[step])
