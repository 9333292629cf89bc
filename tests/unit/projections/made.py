"""Rows as a shard would hand them over, made by hand: a small market where every order meets the one before."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from agio.domain.history import AggregateRow, MovementRow, OrderRow, PostingRow, TradeRow
from agio.domain.intervals import MINUTE
from agio.projections.rows import ABSENT, MINUTES, TABLES
from agio.projections.schema import stored

START = 1_700_000_000_000_000
"""µs; the minute it lies in opens 20 s earlier."""
SECOND = 1_000_000
UNIT = 10**8


@dataclass
class MadeRows:
    first: int
    last: int
    time: int
    orders: list[tuple[Any, ...]] = field(default_factory=list)
    trades: list[tuple[Any, ...]] = field(default_factory=list)
    aggregates: list[tuple[Any, ...]] = field(default_factory=list)
    movements: list[tuple[Any, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(getattr(self, table)) for table in TABLES)

    def values(self, table: str) -> tuple[Any, ...]:
        return flat(minutes(self.trades) if table == MINUTES else getattr(self, table))


def minutes(rows: Iterable[Any]) -> Iterator[tuple[int, ...]]:
    """A minute's trades of one market, as a shard sums them up."""
    by_minute: dict[tuple[int, int], list[TradeRow]] = {}
    for row in map(TradeRow._make, rows):
        by_minute.setdefault((row.market, row.time - row.time % MINUTE), []).append(row)
    for (market, opened), found in by_minute.items():
        prices, taken = [row.price for row in found], [row for row in found if not row.buyer_is_maker]
        yield (
            market, opened, prices[0], max(prices), min(prices), prices[-1], sum(row.quantity for row in found),
            sum(row.notional for row in found), len(found), sum(row.quantity for row in taken),
            sum(row.notional for row in taken), found[0].trade, found[-1].trade,
        )  # fmt: skip


def flat(rows: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """As statements take them."""
    return tuple(ABSENT if value is None else stored(value) for value in chain.from_iterable(rows))


def order(number: int, *, account: int = 1000, market: int = 0, client_id: str = "", **other: Any) -> OrderRow:
    plain: dict[str, Any] = {
        "market": market, "order": number, "account": account, "client_id": client_id or f"c{number}", "side": 1,
        "kind": 1, "life": 1, "price": 60_000 * UNIT, "quantity": UNIT, "budget": 0, "executed": 0, "notional": 0,
        "prevented": 0, "status": 1, "expiry": 0, "prevention": 1, "prevented_match": None, "strategy": None,
        "strategy_type": None, "on_book": True, "opened": START + number * SECOND, "updated": START + number * SECOND,
    }  # fmt: skip
    return OrderRow(**(plain | other))


def trade(number: int, *, market: int = 0, time: int | None = None, **other: Any) -> TradeRow:
    plain: dict[str, Any] = {
        "market": market, "trade": number, "aggregate": number, "price": 60_000 * UNIT, "quantity": UNIT,
        "notional": 60_000 * UNIT, "buy_order": 2 * number + 1, "sell_order": 2 * number + 2, "buyer": 1000,
        "seller": 1001, "buyer_is_maker": True, "time": START + number * SECOND if time is None else time,
        "buy_commission": 10, "buy_commission_asset": 0, "sell_commission": 20, "sell_commission_asset": 1,
        "sequence": number + 1,
    }  # fmt: skip
    return TradeRow(**(plain | other))


def aggregate(of: TradeRow) -> AggregateRow:
    return AggregateRow(of.market, of.aggregate, of.price, of.quantity, of.trade, of.trade, of.buyer_is_maker, of.time)


def movement(sequence: int, *, line: int = 0, account: int = 1000, asset: int = 0, delta: int = UNIT) -> MovementRow:
    return MovementRow(sequence, line, account, asset, delta, 3, START + sequence * SECOND)


def postings(of: TradeRow) -> list[PostingRow]:
    """The ledger's lines of a trade."""
    base, quote = of.buy_commission_asset, of.sell_commission_asset
    moves = (
        (of.buyer, quote, -of.notional, 1), (of.seller, base, -of.quantity, 1), (of.buyer, base, of.quantity, 1),
        (of.buyer, base, -of.buy_commission, 2), (1, base, of.buy_commission, 2), (of.seller, quote, of.notional, 1),
        (of.seller, quote, -of.sell_commission, 2), (1, quote, of.sell_commission, 2),
    )  # fmt: skip
    return [
        PostingRow(of.sequence, line, account, asset, delta, cause, of.market, of.trade, of.time)
        for line, (account, asset, delta, cause) in enumerate(moves)
        if delta
    ]


def history(commands: int, seed: int = 1, *, step: int = SECOND) -> Iterator[MadeRows]:
    """One `MadeRows` a command, `step` µs apart: a maker, then a taker who fills it, in one of three markets."""
    chance = random.Random(seed)
    orders, trades = [0, 0, 0], [0, 0, 0]
    resting: list[OrderRow | None] = [None, None, None]
    for sequence in range(1, commands + 1):
        time = START + sequence * step
        market = chance.randrange(3)
        orders[market] += 1
        number, account = orders[market], 1000 + chance.randrange(4)
        rows = MadeRows(sequence, sequence, time)
        maker = resting[market]
        if maker is None:
            price = (100 + chance.randrange(10)) * UNIT
            quantity = chance.randrange(1, 5) * UNIT
            new = order(
                number, market=market, account=account, side=chance.randrange(1, 3), price=price, quantity=quantity,
                opened=time, updated=time,
            )  # fmt: skip
            resting[market] = new
            rows.orders.append(new)
        else:
            resting[market] = None
            _fill(rows, maker, number, account, trades[market], time)
            trades[market] += 1
        yield rows


def _fill(rows: MadeRows, maker: OrderRow, number: int, account: int, trade_id: int, time: int) -> None:
    notional = maker.price * maker.quantity // UNIT
    buys = maker.side == 1
    done: dict[str, Any] = {"executed": maker.quantity, "notional": notional, "status": 3, "updated": time}
    taker = order(
        number, market=maker.market, account=account, side=3 - maker.side, price=maker.price, quantity=maker.quantity,
        opened=time, on_book=False, **done,
    )  # fmt: skip
    made = trade(
        trade_id, market=maker.market, time=time, price=maker.price, quantity=maker.quantity, notional=notional,
        buy_order=maker.order if buys else number, sell_order=number if buys else maker.order,
        buyer=maker.account if buys else account, seller=account if buys else maker.account, buyer_is_maker=buys,
    )  # fmt: skip
    rows.orders += [taker, maker._replace(on_book=False, **done)]
    rows.trades.append(made)
    rows.aggregates.append(aggregate(made))
