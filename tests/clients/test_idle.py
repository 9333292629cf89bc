"""A client may pause: its connections are kept for longer than a request may take to be sent."""

import asyncio
import http.client
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import ccxt
import ccxt.async_support
import pytest_asyncio
import requests
from binance import AsyncClient, Client
from binance_sdk_spot.rest_api.models import NewOrderSideEnum, NewOrderTimeInForceEnum, NewOrderTypeEnum
from binance_sdk_spot.spot import ConfigurationRestAPI, Spot

from agio.wire.http import HttpLimits
from tests.clients import test_python_binance as python_binance
from tests.clients.ccxt_here import SYMBOL, client
from tests.clients.people import Person

LONGER = HttpLimits().request_seconds + 1
FAR = {"symbol": "BTCUSDT", "quantity": "0.001", "price": "40000"}
TYPED = {
    "side": NewOrderSideEnum.BUY,
    "type": NewOrderTypeEnum.LIMIT,
    "time_in_force": NewOrderTimeInForceEnum.GTC,
}
Placing = Callable[[], Awaitable[Any]]


def in_thread(place: Callable[..., Any], *arguments: Any, **fields: Any) -> Placing:
    return lambda: asyncio.to_thread(place, *arguments, **fields)


@pytest_asyncio.fixture
async def clients(person: Person) -> AsyncIterator[dict[str, Placing]]:
    """How each client places an order far from the market."""
    async with AsyncExitStack() as stack:
        both = [client(kind, person) for kind in (ccxt.binance, ccxt.async_support.binance)]
        stack.push_async_callback(both[1].close)
        await both[1].load_markets()
        await asyncio.to_thread(both[0].load_markets)
        limit = (SYMBOL, "limit", "buy", 0.001, 40_000)
        plain = python_binance.here(Client, person.exchange)(person.api_key, person.secret)
        async_kind = python_binance.here(AsyncClient, person.exchange)
        waiting = await async_kind.create(person.api_key, person.secret)
        stack.push_async_callback(waiting.close_connection)
        config = ConfigurationRestAPI(
            base_path=person.exchange.rest, api_key=person.api_key, api_secret=person.secret, retries=0
        )
        sdk = Spot(config_rest_api=config).rest_api
        yield {
            "ccxt": in_thread(both[0].create_order, *limit),
            "ccxt.async_support": lambda: both[1].create_order(*limit),
            "python-binance": in_thread(plain.order_limit_buy, **FAR),
            "python-binance, async": lambda: waiting.order_limit_buy(**FAR),
            "binance-sdk-spot": in_thread(sdk.new_order, symbol="BTCUSDT", quantity=0.001, price=40_000.0, **TYPED),
        }


async def test_orders_after_a_pause(person: Person, clients: dict[str, Placing]) -> None:
    plain = http.client.HTTPConnection(urlsplit(person.exchange.rest).netloc)
    with requests.Session() as session:
        for place in clients.values():
            await place()
        assert session.get(f"{person.exchange.rest}/api/v3/ping").status_code == 200
        plain.request("GET", "/api/v3/ping")
        plain.getresponse().read()
        kept = plain.sock

        await asyncio.sleep(LONGER)

        assert plain.sock is kept
        plain.request("GET", "/api/v3/ping")
        assert plain.getresponse().read() == b"{}"
        for place in clients.values():
            await place()
        assert session.get(f"{person.exchange.rest}/api/v3/ping").status_code == 200
    plain.close()
    opened = python_binance.here(Client, person.exchange)(person.api_key, person.secret).get_open_orders()
    assert len(opened) == 2 * len(clients)
