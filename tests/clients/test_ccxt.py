"""ccxt, synchronous and asynchronous, over REST."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import ccxt
import ccxt.async_support
import pytest
import pytest_asyncio

from tests.clients.ccxt_here import SYMBOL, client
from tests.clients.people import Person

FAR = 40_000
"""A price at which nothing trades."""
ABOVE = 70_000
"""A limit that takes what it finds."""


@pytest.fixture(scope="module")
def trader(person: Person) -> Any:
    made = client(ccxt.binance, person)
    made.load_markets()
    return made


def test_markets_are_what_a_bot_needs(trader: Any) -> None:
    market = trader.market(SYMBOL)
    assert (market["active"], market["spot"], market["swap"]) == (True, True, False)
    assert market["precision"] == {"amount": 1e-05, "price": 0.01, "base": 1e-08, "quote": 1e-08}
    assert market["limits"]["cost"]["min"] == 5
    assert {"BTC", "ETH", "USDT"} <= set(trader.currencies)
    assert trader.fetch_trading_fee(SYMBOL)["taker"] == 0.001
    assert trader.fetch_status()["status"] == "ok"


def test_a_limit_order_lives_and_is_cancelled(trader: Any) -> None:
    order = trader.create_order(SYMBOL, "limit", "buy", 0.001, FAR)
    assert (order["status"], order["filled"], order["remaining"]) == ("open", 0, 0.001)
    assert trader.fetch_order(order["id"], SYMBOL)["status"] == "open"
    assert [each["id"] for each in trader.fetch_open_orders(SYMBOL)] == [order["id"]]
    assert trader.fetch_balance()["USDT"]["used"] == 40
    assert trader.cancel_order(order["id"], SYMBOL)["status"] == "canceled"
    assert trader.fetch_order(order["id"], SYMBOL)["status"] == "canceled"
    assert trader.fetch_balance()["USDT"]["used"] == 0


@pytest.mark.parametrize(
    ("price", "params", "status", "filled"),
    [
        (ABOVE, {}, "closed", 0.001),
        (ABOVE, {"timeInForce": "IOC"}, "closed", 0.001),
        (ABOVE, {"timeInForce": "FOK"}, "closed", 0.001),
        (FAR, {"timeInForce": "IOC"}, "expired", 0),
        (FAR, {"timeInForce": "FOK"}, "expired", 0),
        (FAR, {"postOnly": True}, "open", 0),
    ],
)
def test_limit_orders(trader: Any, price: float, params: dict[str, Any], status: str, filled: float) -> None:
    order = trader.create_order(SYMBOL, "limit", "buy", 0.001, price, params)
    assert (order["status"], order["filled"]) == (status, filled)
    if status == "open":
        assert order["postOnly"]
        assert [each["id"] for each in trader.cancel_all_orders(SYMBOL)] == [order["id"]]


def test_market_orders(trader: Any) -> None:
    bought = trader.create_order(SYMBOL, "market", "buy", 0.002)
    assert (bought["status"], bought["filled"]) == ("closed", 0.002)
    assert bought["fee"] == {"currency": "BTC", "cost": 0.000002}
    spent = trader.create_market_buy_order_with_cost(SYMBOL, 100)
    assert spent["status"] == "closed"
    assert 98 < spent["cost"] <= 100
    sold = trader.create_order(SYMBOL, "market", "sell", 0.001)
    assert sold["fee"]["currency"] == "USDT"


def test_history(trader: Any) -> None:
    order = trader.create_order(SYMBOL, "market", "buy", 0.001)
    trade = trader.fetch_my_trades(SYMBOL)[-1]
    assert (trade["order"], trade["side"], trade["amount"]) == (order["id"], "buy", 0.001)
    assert trade["takerOrMaker"] == "taker"
    assert trader.fetch_orders(SYMBOL)[-1]["id"] == order["id"]
    assert trader.fetch_closed_orders(SYMBOL)[-1]["id"] == order["id"]
    assert [each["id"] for each in trader.fetch_order_trades(order["id"], SYMBOL)] == [trade["id"]]
    # Bots page backwards by what they were told: of a window that ends with a fill's millisecond the fill is part.
    until = {"until": trade["timestamp"]}
    assert trade in trader.fetch_my_trades(SYMBOL, since=trade["timestamp"], params=until)
    assert order["id"] in [each["id"] for each in trader.fetch_orders(SYMBOL, params={"until": order["timestamp"]})]
    assert int(trade["id"]) in [each["info"]["l"] for each in trader.fetch_trades(SYMBOL, params=until)]


def test_market_data(trader: Any) -> None:
    book = trader.fetch_order_book(SYMBOL, 5)
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert book["bids"][0][0] < book["asks"][0][0]
    trader.create_order(SYMBOL, "market", "buy", 0.001)
    last = trader.fetch_trades(SYMBOL)[-1]
    assert last["price"] > 0
    ticker = trader.fetch_ticker(SYMBOL)
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert SYMBOL in trader.fetch_tickers()
    assert trader.fetch_bids_asks([SYMBOL])[SYMBOL]["bid"] > 0
    assert trader.fetch_last_prices()[SYMBOL]["price"] > 0
    candles = trader.fetch_ohlcv(SYMBOL, "1m")
    _, opened, high, low, closed, _ = candles[-1]
    assert low <= min(opened, closed) <= max(opened, closed) <= high
    volume = sum(candle[5] for candle in candles[-2:])  # the minute may have turned since the order
    assert volume > 0
    assert trader.fetch_ohlcv(SYMBOL, "1d")[-1][5] >= volume


def order(price: float, amount: float, kind: str = "limit", **params: Any) -> Callable[[Any], Any]:
    return lambda trader: trader.create_order(SYMBOL, kind, "buy", amount, price, params)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (order(FAR, 100), ccxt.InsufficientFunds),
        (order(ABOVE, 0.001, postOnly=True), ccxt.OrderImmediatelyFillable),
        (order(FAR, 9_001), ccxt.InvalidOrder),
        (order(2_000_000, 0.001), ccxt.InvalidOrder),
        (lambda trader: trader.fetch_order("99999999", SYMBOL), ccxt.OrderNotFound),
        (lambda trader: trader.cancel_order("99999999", SYMBOL), ccxt.OrderNotFound),
        (lambda trader: trader.cancel_all_orders(SYMBOL), ccxt.OrderNotFound),
        (lambda trader: trader.public_get_depth({"symbol": "NOPE"}), ccxt.BadSymbol),
        (lambda trader: trader.private_get_account({"timestamp": 1_600_000_000_000}), ccxt.InvalidNonce),
        (lambda trader: trader.private_get_account({"timestamp": 4_000_000_000_000}), ccxt.InvalidNonce),
        (lambda trader: trader.private_get_account({"recvWindow": 60_001}), ccxt.BadRequest),
    ],
)
def test_errors_have_their_types(trader: Any, ask: Callable[[Any], Any], error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        ask(trader)
    assert raised.type is error


@pytest.mark.parametrize("wrong", ["apiKey", "secret"])
def test_wrong_keys(person: Person, wrong: str) -> None:
    stranger = client(ccxt.binance, person, **{wrong: "x" * 64})
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()


def place_until_refused(trader: Any) -> None:
    for _ in range(4):  # two ten-second windows may be met
        trader.create_order(SYMBOL, "limit", "buy", 0.001, FAR)


def test_too_many_orders(trader: Any, person: Person) -> None:
    """A 429 is this to ccxt, whatever its code."""
    person.limit(ten_seconds=1)
    with pytest.raises(ccxt.DDoSProtection, match="-1015"):
        place_until_refused(trader)
    person.limit()
    with contextlib.suppress(ccxt.OrderNotFound):
        trader.cancel_all_orders(SYMBOL)


@pytest_asyncio.fixture
async def waiter(person: Person) -> AsyncIterator[Any]:
    made = client(ccxt.async_support.binance, person)
    yield made
    await made.close()


async def test_orders_at_once(waiter: Any) -> None:
    await waiter.load_markets()
    prices = range(FAR, FAR + 10)
    orders = await asyncio.gather(*(waiter.create_order(SYMBOL, "limit", "buy", 0.001, price) for price in prices))
    assert {each["id"] for each in await waiter.fetch_open_orders(SYMBOL)} == {each["id"] for each in orders}
    assert len(await waiter.cancel_all_orders(SYMBOL)) == len(prices)
    with pytest.raises(ccxt.InsufficientFunds):
        await waiter.create_order(SYMBOL, "limit", "buy", 100, FAR)
