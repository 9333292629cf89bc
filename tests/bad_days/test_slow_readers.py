"""A client that subscribes and never reads: it is dropped, and those who read get everything."""

import asyncio
import json
import socket
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bad_days.client import Client, counted
from tests.bad_days.load import raise_limits
from tests.exchange import Exchange, running
from tests.unit.wire.raw import Client as Reader
from tests.unit.wire.raw import dial

PRICE = "30000.00"
FILLS = 6_000
"""As many executions as fill a reader's buffers: about 2.5 KB each to a listener of both users."""


def never_reads(port: int, target: str) -> socket.socket:
    """A subscriber with the smallest of buffers, which it does not empty."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    link.connect(("127.0.0.1", port))
    link.sendall(
        f"GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    return link


def trade(exchange: Exchange, done: threading.Event) -> None:
    """One maker's big order, and takers who eat it piece by piece."""
    raise_limits(exchange)
    seller = Client(exchange.rest, exchange.users[1], "127.0.2.1")
    buyers = [Client(exchange.rest, exchange.users[0], f"127.0.2.{i + 2}") for i in range(4)]
    assert seller.place(side="SELL", quantity="9", price=PRICE).status == 200

    def eat(buyer: Client) -> None:
        for _ in range(FILLS // len(buyers)):
            assert buyer.place(quantity="0.001", price=PRICE).body["status"] == "FILLED"

    threads = [threading.Thread(target=eat, args=(buyer,)) for buyer in buyers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()


async def trades_of(reader: Reader, done: threading.Event) -> list[int]:
    """All trade ids that come, until there are as many as were made."""
    found: list[int] = []
    while len(found) < FILLS:
        event: dict[str, Any] = json.loads(await reader.message())
        found.append(event["t"])
    assert done.wait(5)
    return found


async def test_who_never_reads_is_dropped_and_nobody_else_misses_anything(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--liquidity", "none") as exchange:
        port = urlsplit(exchange.streams).port or 0
        keys = [listen_key(exchange, number) for number in range(2)]
        slow = never_reads(port, f"/stream?streams={'/'.join([*keys, 'btcusdt@trade', 'btcusdt@bookTicker'])}")
        done = threading.Event()
        async with dial(port, "/ws/btcusdt@trade") as reader:
            trading = asyncio.create_task(asyncio.to_thread(trade, exchange, done))
            found = await asyncio.wait_for(trades_of(reader, done), 60)
            await trading
            assert found == list(range(found[0], found[0] + FILLS))
        assert is_gone(slow)
        assert counted(exchange, "agio_stream_slow_total") == 1


def listen_key(exchange: Exchange, user: int) -> str:
    key = exchange.users[user].api_key
    answer = Client(exchange.rest, exchange.users[user]).send("POST", "/api/v3/userDataStream", X_MBX_APIKEY=key)
    made: str = answer.body["listenKey"]
    return made


def is_gone(link: socket.socket) -> bool:
    """Whether the other side has ended it; reads what was on its way."""
    link.settimeout(5)
    try:
        while link.recv(1 << 20):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True
