"""The WebSocket libraries that the clients out there are built on, each with its defaults: compression, heartbeats."""

import asyncio
import json

import aiohttp
import websockets

from tests.unit.streams.fakes import Trade, World

SUBSCRIBE = json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1})


async def test_aiohttp(world: World) -> None:
    """Under ccxt, hummingbot and the official connector."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{world.port}/ws/0", compress=15, heartbeat=0.02) as socket,
    ):
        await socket.send_str(SUBSCRIBE)
        assert await socket.receive_json() == {"result": None, "id": 1}
        await asyncio.sleep(0.05)
        world.events(Trade(0, 1))
        assert (await socket.receive_json())["t"] == 1
        assert not socket.closed
    assert socket.close_code == 1000


async def test_websockets(world: World) -> None:
    """Under python-binance."""
    async with websockets.connect(f"ws://127.0.0.1:{world.port}/ws/btcusdt@trade") as socket:
        await (await socket.ping())
        world.events(Trade(0, 1))
        assert json.loads(await socket.recv())["t"] == 1
    assert socket.close_code == 1000
