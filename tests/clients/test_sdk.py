"""binance-sdk-spot, Binance's own: REST, WebSocket API and streams, each answer in its typed model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_spot.rest_api.models import NewOrderSideEnum, NewOrderTimeInForceEnum, NewOrderTypeEnum
from binance_sdk_spot.spot import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
    Spot,
)
from binance_sdk_spot.websocket_api.models import OrderPlaceSideEnum, OrderPlaceTimeInForceEnum, OrderPlaceTypeEnum

from tests.clients.people import Person

SYMBOL = "BTCUSDT"
SECONDS = 20
FAR = {
    "symbol": SYMBOL,
    "side": NewOrderSideEnum.BUY,
    "type": NewOrderTypeEnum.LIMIT,
    "time_in_force": NewOrderTimeInForceEnum.GTC,
    "quantity": 0.001,
    "price": 40_000.0,
}
FAR_WS = {
    **FAR,
    "side": OrderPlaceSideEnum.BUY,
    "type": OrderPlaceTypeEnum.LIMIT,
    "time_in_force": OrderPlaceTimeInForceEnum.GTC,
}
MARKET_WS = {"symbol": SYMBOL, "side": OrderPlaceSideEnum.BUY, "type": OrderPlaceTypeEnum.MARKET, "quantity": 0.001}


def rest(person: Person, **keys: str) -> Any:
    return Spot(config_rest_api=ConfigurationRestAPI(base_path=person.exchange.rest, **keys)).rest_api


@pytest.fixture(scope="module")
def trader(person: Person) -> Any:
    return rest(person, api_key=person.api_key, api_secret=person.secret)


def test_an_order_lives_and_is_cancelled(trader: Any) -> None:
    order = trader.new_order(**FAR).data()
    assert (order.status, order.price) == ("NEW", "40000.00000000")
    assert trader.get_order(SYMBOL, order_id=order.order_id).data().status == "NEW"
    assert [each.order_id for each in trader.get_open_orders(SYMBOL).data()] == [order.order_id]
    assert trader.delete_order(SYMBOL, order_id=order.order_id).data().status == "CANCELED"


def test_a_market_order_and_its_history(trader: Any) -> None:
    market = {"side": NewOrderSideEnum.BUY, "type": NewOrderTypeEnum.MARKET, "quantity": 0.001}
    order = trader.new_order(symbol=SYMBOL, **market).data()
    assert (order.status, order.fills[0].qty) == ("FILLED", "0.00100000")
    assert trader.all_orders(SYMBOL).data()[-1].order_id == order.order_id
    assert trader.my_trades(SYMBOL).data()[-1].order_id == order.order_id
    assert {each.asset for each in trader.get_account().data().balances} >= {"BTC", "USDT"}
    assert trader.rate_limit_order().data()[0].limit == 100


def test_market_data(trader: Any) -> None:
    assert trader.time().data().server_time > 0
    assert trader.exchange_info(symbol=SYMBOL).data().symbols[0].symbol == SYMBOL
    assert len(trader.depth(SYMBOL, limit=5).data().bids) == 5
    assert trader.klines(SYMBOL, "1m").data()
    assert trader.get_trades(SYMBOL).data()
    assert trader.agg_trades(SYMBOL).data()
    assert trader.ticker24hr(SYMBOL).data().actual_instance.symbol == SYMBOL
    assert trader.ticker_book_ticker(SYMBOL).data().actual_instance.bid_price
    assert trader.avg_price(SYMBOL).data().mins == 5


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_keys_whose_private_half_stays_here(person: Person, kind: str) -> None:
    api_key, private = person.key_of(kind)
    assert rest(person, api_key=api_key, private_key=private).get_account().data().can_trade


@pytest.mark.parametrize(
    ("ask", "code"),
    [
        (lambda trader: trader.new_order(**{**FAR, "quantity": 100.0}), -2010),
        (lambda trader: trader.new_order(**{**FAR, "price": 40_000.001}), -1013),
        (lambda trader: trader.get_order(SYMBOL, order_id=99_999_999), -2013),
        (lambda trader: trader.delete_order(SYMBOL, order_id=99_999_999), -2011),
        (lambda trader: trader.depth("NOPE"), -1121),
    ],
)
def test_errors_have_their_codes(trader: Any, ask: Callable[[Any], Any], code: int) -> None:
    with pytest.raises(BadRequestError) as raised:
        ask(trader)
    assert raised.value.status_code == code


def test_a_wrong_key_is_unauthorized(person: Person) -> None:
    with pytest.raises(UnauthorizedError):
        rest(person, api_key="x" * 64, api_secret=person.secret).get_account()


async def connect(person: Person, **keys: str) -> Any:
    configuration = ConfigurationWebSocketAPI(stream_url=person.exchange.ws_api, **keys)
    return await Spot(config_ws_api=configuration).websocket_api.create_connection()


@pytest_asyncio.fixture
async def session(person: Person) -> AsyncIterator[Any]:
    """A connection that has logged on with an Ed25519 key."""
    api_key, private = person.key_of("ed25519")
    connection = await connect(person, api_key=api_key, private_key=private)
    async with asyncio.timeout(SECONDS):
        assert (await connection.session_logon()).data().result.api_key == api_key
        yield connection
    await connection.close_connection()


async def test_orders_of_a_session(session: Any) -> None:
    order = (await session.order_place(**FAR_WS)).data().result
    assert order.status == "NEW"
    assert (await session.order_status(symbol=SYMBOL, order_id=order.order_id)).data().result.status == "NEW"
    assert len((await session.open_orders_status(symbol=SYMBOL)).data().result) == 1
    canceled = (await session.order_cancel(symbol=SYMBOL, order_id=order.order_id)).data().result
    assert canceled.status == "CANCELED"
    assert (await session.account_status()).data().result.can_trade
    assert (await session.depth(symbol=SYMBOL)).data().result.bids
    assert (await session.session_logout()).data().result.api_key is None


def events(handle: Any) -> list[str]:
    """Names of the user data events that the handle is told of, in a list that grows."""
    told: list[str] = []
    handle.stream.on("message", lambda event: told.append(type(event.actual_instance).__name__))
    return told


EXPECTED = ["ExecutionReport", "ExecutionReport", "OutboundAccountPosition"]


async def poll(told: list[str]) -> None:
    while len(told) < len(EXPECTED):
        await asyncio.sleep(0.01)
    assert told == EXPECTED


async def test_user_data_of_a_session(session: Any) -> None:
    told = events(await session.user_data_stream_subscribe())
    await session.order_place(**MARKET_WS)
    await poll(told)


async def test_user_data_by_signature(person: Person) -> None:
    connection = await connect(person, api_key=person.api_key, api_secret=person.secret)
    async with asyncio.timeout(SECONDS):
        told = events(await connection.user_data_stream_subscribe_signature())
        await connection.order_place(**MARKET_WS)
        await poll(told)
    await connection.close_connection()


async def test_streams(person: Person) -> None:
    configuration = ConfigurationWebSocketStreams(stream_url=person.exchange.streams)
    connection = await Spot(config_ws_streams=configuration).websocket_streams.create_connection()
    symbol = SYMBOL.lower()
    subscriptions = {
        "TradeResponse": connection.trade(symbol),
        "AggTradeResponse": connection.agg_trade(symbol),
        "KlineResponse": connection.kline(symbol, "1m"),
        "BookTickerResponse": connection.book_ticker(symbol),
        "DiffBookDepthResponse": connection.diff_book_depth(symbol),
        "PartialBookDepthResponse": connection.partial_book_depth(symbol, 5),
        "MiniTickerResponse": connection.mini_ticker(symbol),
        "TickerResponse": connection.ticker(symbol),
    }
    heard: set[str] = set()
    async with asyncio.timeout(SECONDS):
        for subscription in subscriptions.values():
            (await subscription).on("message", lambda message: heard.add(type(message).__name__))
        while heard < subscriptions.keys():
            await asyncio.sleep(0.05)
    await connection.close_connection()
    assert heard == set(subscriptions)
