"""The model against the examples of Binance's documents."""

from typing import Any

from tests.oracle.ledger import FEES, FIRST_CUSTOMER, Outcome
from tests.oracle.model import Exchange

BTC, USDT = 0, 1
ALICE, BOB = FIRST_CUSTOMER, FIRST_CUSTOMER + 1
COIN = 10**8
SECOND, DAY = 10**6, 86_400 * 10**6
NO_LOT = {"min": 0, "max": 0, "step": 0}
FILTERS = {
    "price": {"min": 0, "max": 0, "tick": 0},
    "lot": NO_LOT,
    "market_lot": NO_LOT,
    "notional": {
        "form": "Off", "min": 0, "min_to_market": False, "max": 0, "max_to_market": False, "minutes": 5,
    },
    "max_orders": 0,
    "prevention": "None",
    "preventions": 62,
}  # fmt: skip


def exchange(**rates: int) -> Exchange:
    made = Exchange()
    for name in ("BTC", "USDT"):
        made.list_asset(name, 8)
    made.list_market("BTCUSDT", BTC, USDT, FILTERS)
    for account in (ALICE, BOB):
        rights = {"trade": True, "withdraw": True, "deposit": True}
        limits = {"ten_seconds": 100, "day": 100, "open": 0}
        made.open_account(rights, rates.get("maker", 0), rates.get("taker", 0), limits)
        for asset in (BTC, USDT):
            made.deposit(account, asset, 10**6 * COIN)
    return made


def place(on: Exchange, account: int, side: str, quantity: int, price: int, now: int = 0, **more: Any) -> Outcome:
    order = {"account": account, "side": side, "quantity": quantity, "price": price, "market": 0, "kind": "Limit"}
    rest: dict[str, Any] = {"life": "Gtc", "budget": 0, "client_id": "", "prevention": None}
    unsigned = {"signed": {"key": 0, "sent": 0, "window": 0}, "strategy": None, "strategy_type": None}
    return on.apply({"Place": order | rest | unsigned | more}, now)


def ends(outcome: Outcome) -> dict[int, tuple[str, int]]:
    """Status and prevented quantity of each order that has changed."""
    orders = [execution["order"] for execution in outcome.executions]
    return {order["order"]: (order["status"], order["prevented"]) for order in orders}


def test_expire_maker_ends_all_makers_and_the_taker_rests() -> None:
    one = exchange()
    for quantity, price in ((120, 120), (130, 110), (810, 100)):
        place(one, ALICE, "Buy", quantity * COIN, price * COIN)
    told = place(one, ALICE, "Sell", 300 * COIN, 100 * COIN, prevention="ExpireMaker")
    gone = {n: ("ExpiredInMatch", quantity * COIN) for n, quantity in ((1, 120), (2, 130), (3, 810))}
    assert ends(told) == gone | {4: ("New", 0)}
    assert [*one.markets[0].open] == [4]


def test_expire_both_and_expire_taker_end_the_taker() -> None:
    one = exchange()
    place(one, ALICE, "Buy", COIN, COIN)
    told = place(one, ALICE, "Sell", 3 * COIN, COIN, prevention="ExpireTaker")
    assert ends(told) == {2: ("ExpiredInMatch", 3 * COIN)}
    told = place(one, ALICE, "Sell", 3 * COIN, COIN, prevention="ExpireBoth")
    assert ends(told) == {1: ("ExpiredInMatch", COIN), 3: ("ExpiredInMatch", 3 * COIN)}


def test_decrement_takes_the_overlap_off_both() -> None:
    one = exchange()
    place(one, ALICE, "Buy", 6 * COIN, 2 * COIN)
    told = place(one, ALICE, "Sell", 2 * COIN, 2 * COIN, prevention="Decrement")
    assert ends(told) == {1: ("New", 2 * COIN), 2: ("ExpiredInMatch", 2 * COIN)}


def test_a_market_order_whose_maker_is_ended_expires_for_want_of_liquidity() -> None:
    one = exchange()
    place(one, ALICE, "Buy", COIN, COIN)
    told = place(one, ALICE, "Sell", COIN, 0, kind="Market", prevention="ExpireMaker")
    assert ends(told) == {1: ("ExpiredInMatch", COIN), 2: ("Expired", 0)}


def test_first_fills_take_one_off_as_a_taker_and_five_as_a_maker() -> None:
    one = exchange()
    counts = []
    place(one, BOB, "Sell", 10 * COIN, 9 * COIN)
    for price in (1, 9):  # Binance's example 1: A rests, B takes
        place(one, ALICE, "Buy", COIN, price * COIN)
        counts.append(one.count(ALICE, "ten_seconds"))
    for _ in range(3):  # example 2: C, D and E rest, then A is filled in part, then wholly
        place(one, ALICE, "Buy", COIN, COIN // 2)
    for _ in range(2):
        counts.append(one.count(ALICE, "ten_seconds"))
        place(one, BOB, "Sell", COIN // 2, COIN)
    assert [*counts, one.count(ALICE, "ten_seconds")] == [1, 1, 4, 0, 0]


def test_fills_of_yesterdays_orders_lower_todays_count() -> None:
    one = exchange()
    for _ in range(5):
        place(one, ALICE, "Buy", COIN, 2 * COIN)
    for _ in range(10):
        place(one, ALICE, "Buy", COIN, COIN, now=DAY)
    place(one, BOB, "Sell", COIN, 2 * COIN, now=DAY + SECOND)
    assert one.count(ALICE, "day") == 5


def test_commission_is_the_rate_of_what_is_received() -> None:
    one = exchange(taker=60)  # 0.0000006, as of Binance's example; the maker pays nothing
    place(one, BOB, "Buy", 49_975_000, 35_000 * COIN)
    place(one, ALICE, "Sell", 49_975_000, 0, kind="Market")
    assert one.accounts[FEES].total == {BTC: 0, USDT: 1_049_475}
