"""The harness's own eyes: each fault that a crash could leave is seen."""

from typing import Any

import pytest

from tests.crash.ledger import Ledger, Order, Row

TERMS = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "1.0", "origQty": "2.0"}


def row(number: int, name: str, status: str = "NEW", executed: str = "0", **others: Any) -> Row:
    return {**TERMS, "orderId": number, "clientOrderId": name, "status": status, "executedQty": executed, **others}


def ledger() -> Ledger:
    """`a` rests, `b` was cancelled, `c` was refused, `d` never answered."""
    orders = {name: Order("alice", name, TERMS) for name in "abcd"}
    orders["a"].known = row(1, "a")
    orders["b"].known = row(2, "b", "CANCELED")
    orders["b"].cancel_sent = True
    orders["c"].refused = True
    return Ledger(orders)


A, B = row(1, "a"), row(2, "b", "CANCELED")


@pytest.mark.parametrize(
    "rows",
    [
        [A, B],
        [A, B, row(3, "d")],
        [row(1, "a", "FILLED", "2.0"), B, row(3, "d", "EXPIRED_IN_MATCH")],
    ],
)
def test_what_may_be(rows: list[Row]) -> None:
    assert not list(ledger().judge({"alice": rows}, 1))


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([B], "lost"),
        ([A], "lost"),
        ([A, B, row(3, "c")], "came up though refused"),
        ([A, B, A], "doubled"),
        ([A, B, row(3, "x")], "invented"),
        ([A, row(2, "b")], "went back"),
        ([A, row(2, "b", "CANCELED", "1.0")], "traded after its end"),
        ([row(1, "a", "CANCELED"), B], "cancelled by nobody"),
        ([row(1, "a", origQty="3.0"), B], "other terms"),
        ([row(5, "a"), B], "another number"),
        ([A, B, row(2, "d")], "given 2 times"),
        ([A, B, row(4, "d")], "no order between 2 and 4"),
    ],
)
def test_what_may_not_be(rows: list[Row], fault: str) -> None:
    assert any(fault in said for said in ledger().judge({"alice": rows}, 1))


def test_what_was_not_there_does_not_come_back() -> None:
    known = ledger()
    assert not list(known.judge({"alice": [A, B]}, 1))
    assert any("gone before" in said for said in known.judge({"alice": [A, B, row(3, "d")]}, 1))


def trade(number: int, order: int, buys: bool, quantity: str = "2.0") -> Row:
    return {"id": number, "orderId": order, "isBuyer": buys, "price": "1.0", "qty": quantity}


@pytest.mark.parametrize(
    ("buyer", "seller", "fault"),
    [
        ([trade(1, 1, True)], [trade(1, 9, False)], ""),
        ([], [], "trade 1 has 0 buyers"),
        ([trade(1, 1, True)], [], "0 sellers"),
        ([trade(1, 1, True)] * 2, [trade(1, 9, False)], "2 buyers"),
        ([trade(1, 1, True, "1.0")], [trade(1, 9, False, "1.0")], "was told as"),
        ([trade(1, 2, True)], [trade(1, 9, False)], "its trades sum to"),
        ([trade(3, 1, True)], [trade(3, 9, False)], "no trade between 1 and 3"),
    ],
)
def test_trades(buyer: list[Row], seller: list[Row], fault: str) -> None:
    known = Ledger({"a": Order("alice", "a", TERMS, row(1, "a", "FILLED", "2.0"))})
    known.trades[1] = {"price": "1.0", "quantity": "2.0"}
    said = list(known.judge_trades({"alice": buyer, "bob": seller}))
    assert any(fault in one for one in said) if fault else not said
