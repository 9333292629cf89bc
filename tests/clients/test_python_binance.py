"""python-binance: Client, AsyncClient, sockets and the depth cache."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from binance import AsyncClient, BinanceAPIException, BinanceSocketManager, Client, DepthCacheManager

from tests.clients.people import Person
from tests.exchange import Exchange

SYMBOL = "BTCUSDT"
FAR = {"symbol": SYMBOL, "quantity": "0.001", "price": "40000"}
SECONDS = 20


def here(kind: Any, exchange: Exchange) -> Any:
    """The client's class, told where this exchange is."""
    addresses = {
        "API_URL": f"{exchange.rest}/api",
        "MARGIN_API_URL": f"{exchange.rest}/sapi",
        "WS_API_URL": exchange.ws_api,
    }
    return type(kind.__name__, (kind,), addresses)


@pytest.fixture(scope="module")
def trader(person: Person) -> Any:
    return here(Client, person.exchange)(person.api_key, person.secret)


def test_an_order_lives_and_is_cancelled(trader: Any) -> None:
    order = trader.order_limit_buy(**FAR)
    assert order["status"] == "NEW"
    assert trader.get_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "NEW"
    assert [each["orderId"] for each in trader.get_open_orders(symbol=SYMBOL)] == [order["orderId"]]
    assert trader.get_asset_balance("USDT")["locked"] == "40.00000000"
    assert trader.cancel_order(symbol=SYMBOL, orderId=order["orderId"])["status"] == "CANCELED"
    trader.order_limit_buy(**FAR)
    assert [each["status"] for each in trader.cancel_all_open_orders(symbol=SYMBOL)] == ["CANCELED"]


def test_orders_that_trade(trader: Any) -> None:
    bought = trader.order_market_buy(symbol=SYMBOL, quantity="0.002")
    assert (bought["status"], bought["executedQty"]) == ("FILLED", "0.00200000")
    assert bought["fills"][0]["commissionAsset"] == "BTC"
    sold = trader.order_market_sell(symbol=SYMBOL, quoteOrderQty="50")
    assert sold["status"] == "FILLED"
    taken = trader.order_limit_buy(**{**FAR, "price": "70000", "timeInForce": "IOC"})
    assert taken["status"] == "FILLED"
    assert trader.get_all_orders(symbol=SYMBOL)[-1]["orderId"] == taken["orderId"]
    assert trader.get_my_trades(symbol=SYMBOL)[-1]["orderId"] == taken["orderId"]
    assert trader.create_test_order(**FAR, side="BUY", type="LIMIT", timeInForce="GTC") == {}


def test_market_data(trader: Any) -> None:
    trader.order_market_buy(symbol=SYMBOL, quantity="0.001")
    assert trader.get_symbol_info(SYMBOL)["status"] == "TRADING"
    assert trader.get_system_status() == {"status": 0, "msg": "normal"}
    assert {each["symbol"] for each in trader.get_all_tickers()} >= {SYMBOL, "ETHBTC"}
    assert trader.get_orderbook_ticker(symbol=SYMBOL)["bidPrice"] < trader.get_ticker(symbol=SYMBOL)["highPrice"]
    assert len(trader.get_order_book(symbol=SYMBOL, limit=5)["asks"]) == 5
    assert trader.get_recent_trades(symbol=SYMBOL)
    assert trader.get_aggregate_trades(symbol=SYMBOL)
    assert trader.get_historical_klines(SYMBOL, "1m", "1 hour ago UTC")[-1][5] > "0"
    assert float(trader.get_avg_price(symbol=SYMBOL)["price"]) > 0


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_keys_whose_private_half_stays_here(person: Person, kind: str) -> None:
    api_key, private = person.key_of(kind)
    assert here(Client, person.exchange)(api_key, private_key=private).get_account()["canTrade"]


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda trader: trader.order_limit_buy(**{**FAR, "quantity": "100"}), -2010),
        (lambda trader: trader.order_limit_buy(**{**FAR, "quantity": "0.0000001"}), -1013),
        (lambda trader: trader.get_order(symbol=SYMBOL, orderId=99_999_999), -2013),
        (lambda trader: trader.cancel_order(symbol=SYMBOL, orderId=99_999_999), -2011),
        (lambda trader: trader.get_ticker(symbol="NOPE"), -1121),
    ],
)
def test_errors_have_their_codes(trader: Any, ask: Callable[[Any], Any], code: int) -> None:
    with pytest.raises(BinanceAPIException) as raised:
        ask(trader)
    assert (raised.value.code, raised.value.status_code) == (code, 400)


@pytest_asyncio.fixture
async def client(person: Person) -> AsyncIterator[Any]:
    made = await here(AsyncClient, person.exchange).create(person.api_key, person.secret)
    async with asyncio.timeout(SECONDS):
        yield made
    closing = asyncio.create_task(made.close_connection())
    if made.ws_api.ws is not None:
        # It listens for up to ten seconds before it looks whether to end, unless it hears something.
        await made.ws_api.ws.send('{"id": "bye", "method": "ping"}')
    await closing


@pytest.fixture
def sockets(client: Any, person: Person) -> Any:
    manager = BinanceSocketManager(client)
    manager.STREAM_URL = f"{person.exchange.streams}/"
    return manager


async def first(socket: Any) -> Any:
    async with socket as stream:
        return await stream.recv()


async def test_streams(sockets: Any) -> None:
    messages = await asyncio.gather(
        first(sockets.trade_socket(SYMBOL)),
        first(sockets.aggtrade_socket(SYMBOL)),
        first(sockets.depth_socket(SYMBOL)),
        first(sockets.kline_socket(SYMBOL)),
        first(sockets.symbol_miniticker_socket(SYMBOL)),
        first(sockets.symbol_ticker_socket(SYMBOL)),
    )
    kinds = ["trade", "aggTrade", "depthUpdate", "kline", "24hrMiniTicker", "24hrTicker"]
    assert [message["e"] for message in messages] == kinds
    assert (await first(sockets.miniticker_socket()))[0]["e"] == "24hrMiniTicker"
    partial = await first(sockets.depth_socket(SYMBOL, depth="5"))
    assert len(partial["bids"]) == 5
    combined = await first(sockets.multiplex_socket([f"{SYMBOL.lower()}@bookTicker"]))
    assert combined["stream"] == "btcusdt@bookTicker"


async def test_the_user_socket(sockets: Any, client: Any) -> None:
    async with sockets.user_socket() as stream:
        await client.order_market_buy(symbol=SYMBOL, quantity="0.001")
        told = [await stream.recv() for _ in range(3)]
    assert [message["e"] for message in told] == ["executionReport", "executionReport", "outboundAccountPosition"]
    assert [message.get("X") for message in told] == ["NEW", "FILLED", None]


async def test_the_depth_cache(sockets: Any, client: Any) -> None:
    async with DepthCacheManager(client, SYMBOL, bm=sockets) as cache:
        for _ in range(3):
            book = await cache.recv()
            assert book.get_bids()[0][0] < book.get_asks()[0][0]


async def test_orders_over_the_socket(client: Any) -> None:
    order = await client.ws_create_order(**FAR, side="BUY", type="LIMIT", timeInForce="GTC")
    assert order["status"] == "NEW"
    canceled = await client.ws_cancel_order(symbol=SYMBOL, orderId=order["orderId"])
    assert canceled["status"] == "CANCELED"
    assert (await client.ws_get_account())["canTrade"]
    with pytest.raises(BinanceAPIException):
        await client.ws_create_order(**{**FAR, "quantity": "100"}, side="BUY", type="LIMIT", timeInForce="GTC")
