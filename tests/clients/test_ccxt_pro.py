"""ccxt.pro: streams, user data, and orders over the WebSocket API."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ccxt
import ccxt.pro
import pytest
import pytest_asyncio

from tests.clients.ccxt_here import SYMBOL, client
from tests.clients.people import Person

FAR = 40_000
SECONDS = 20
BOOK_SECONDS = 4


@pytest_asyncio.fixture
async def watcher(person: Person) -> AsyncIterator[Any]:
    made = client(ccxt.pro.binance, person)
    await made.load_markets()
    async with asyncio.timeout(SECONDS):
        yield made
    await made.close()


async def test_an_order_book_follows_the_market(watcher: Any) -> None:
    """When an update is missing, ccxt reports a checksum error and throws the book away."""
    clock = asyncio.get_running_loop().time
    until, updates, tops = clock() + BOOK_SECONDS, set(), 0
    while clock() < until:
        book = await watcher.watch_order_book(SYMBOL)
        updates.add(book["nonce"])
        if book["bids"] and book["asks"]:  # another test's order may have taken a whole side
            assert book["bids"][0][0] < book["asks"][0][0]
            tops += 1
    assert tops
    assert len(updates) > 2
    asked = await watcher.fetch_order_book(SYMBOL)
    while book["nonce"] < asked["nonce"]:
        book = await watcher.watch_order_book(SYMBOL)
    if book["nonce"] == asked["nonce"]:
        assert book["bids"][:10] == asked["bids"][:10]


async def test_market_data(watcher: Any) -> None:
    trades, ticker, candles, tops = await asyncio.gather(
        watcher.watch_trades(SYMBOL),
        watcher.watch_ticker(SYMBOL),
        watcher.watch_ohlcv(SYMBOL, "1m"),
        watcher.watch_bids_asks([SYMBOL]),
    )
    assert trades[-1]["symbol"] == SYMBOL
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    _, _, high, low, closed, _ = candles[-1]
    assert low <= closed <= high
    while None in (tops[SYMBOL]["bid"], tops[SYMBOL]["ask"]):  # another test's order took a whole side
        tops = await watcher.watch_bids_asks([SYMBOL])
    assert tops[SYMBOL]["bid"] < tops[SYMBOL]["ask"]


async def test_user_data(watcher: Any) -> None:
    orders = asyncio.create_task(watcher.watch_orders(SYMBOL))
    balance = asyncio.create_task(watcher.watch_balance())
    await asyncio.sleep(1)  # subscribed
    placed = await watcher.create_order(SYMBOL, "limit", "buy", 0.001, FAR)
    assert (await orders)[-1]["id"] == placed["id"]
    assert (await balance)["USDT"]["used"] == 40
    canceled = asyncio.create_task(watcher.watch_orders(SYMBOL))
    await asyncio.sleep(0)
    await watcher.cancel_order(placed["id"], SYMBOL)
    assert (await canceled)[-1]["status"] == "canceled"
    fills = asyncio.create_task(watcher.watch_my_trades(SYMBOL))
    await asyncio.sleep(0)
    bought = await watcher.create_order(SYMBOL, "market", "buy", 0.001)
    assert (await fills)[-1]["order"] == bought["id"]


async def test_orders_over_the_socket(watcher: Any) -> None:
    order = await watcher.create_order_ws(SYMBOL, "limit", "buy", 0.001, FAR)
    assert order["status"] == "open"
    assert (await watcher.fetch_order_ws(order["id"], SYMBOL))["id"] == order["id"]
    assert [each["id"] for each in await watcher.fetch_open_orders_ws(SYMBOL)] == [order["id"]]
    assert (await watcher.cancel_order_ws(order["id"], SYMBOL))["status"] == "canceled"
    bought = await watcher.create_order_ws(SYMBOL, "market", "buy", 0.001)
    assert bought["status"] == "closed"
    assert (await watcher.fetch_my_trades_ws(SYMBOL))[-1]["order"] == bought["id"]
    balances = (await watcher.fetch_balance_ws())["info"]["balances"]  # ccxt takes none of them over
    assert {balance["asset"] for balance in balances} >= {"BTC", "USDT"}
    with pytest.raises(ccxt.InsufficientFunds):
        await watcher.create_order_ws(SYMBOL, "limit", "buy", 100, FAR)
    with pytest.raises(ccxt.OrderNotFound):
        await watcher.cancel_order_ws("99999999", SYMBOL)
