"""Fan-out: messages a second that one process sends to 500 subscribers, and what a fill costs when nobody listens.

    .venv/bin/python -m benches.streams

The readers are another process. Every byte is counted on their side, so a message that was lost fails the run.
"""

from __future__ import annotations

import asyncio
import select
import socket
import subprocess
import sys
import time
from types import SimpleNamespace
from typing import Any, NamedTuple

import uvloop

SUBSCRIBERS = 500
SECONDS = 2.0
BATCHES = (1, 10, 50)
"""Events of one tick, as durable batches bring them: the busier the exchange, the more."""
PAYLOAD = b'{"e":"trade","x":"' + b"x" * 280 + b'"}'
FRAME = 4 + len(PAYLOAD)
WAITING = 1 << 18
"""The publisher waits for readers that are so many bytes behind."""
STREAM = "btcusdt@trade"
ORDERS, ROUNDS = 200, 20
"""Of the loop's cost: orders that are answered at once, and how often, of which the least counts."""


class Trade(NamedTuple):
    """An event that is encoded already: the encoder has its own bench."""

    market: int

    def json(self, _: bool) -> bytes:
        """The payload."""
        return PAYLOAD


def read(port: int) -> None:
    """The other process: subscribes, and counts what comes until the server hangs up."""
    poll = select.epoll()
    sockets: dict[int, socket.socket] = {}
    for _ in range(SUBSCRIBERS):
        client = socket.create_connection(("127.0.0.1", port))
        client.sendall(
            f"GET /ws/{STREAM} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        sockets[client.fileno()] = client
        poll.register(client, select.EPOLLIN)
    print("ready", flush=True)
    counts = dict.fromkeys(sockets, 0)
    buffer = bytearray(1 << 20)
    while sockets:
        for descriptor, _ in poll.poll():
            size = sockets[descriptor].recv_into(buffer)
            counts[descriptor] += size
            if not size:
                poll.unregister(descriptor)
                sockets.pop(descriptor).close()
    print(*set(counts.values()), flush=True)


def streams() -> tuple[Any, Any]:
    """Market data and its listener, with nothing behind them."""
    from agio.streams.market import MarketData
    from agio.streams.market.inputs import Codec
    from agio.streams.room import Room
    from agio.wire.limits import Limits
    from agio.wire.websocket import Listener

    market = SimpleNamespace(id=0, symbol="BTCUSDT")
    catalogue: Any = SimpleNamespace(current=SimpleNamespace(markets=(market,), by_symbol={"BTCUSDT": market}))
    shard: Any = SimpleNamespace(now=lambda: 0, want=lambda *_: None, unwant=lambda *_: None)
    nothing: Any = type("Nothing", (), {})
    aggregate, level, top, changed = (type(name, (), {}) for name in ("Aggregate", "Level", "Top", "CatalogChanged"))
    codec = Codec(Trade, aggregate, level, top, changed, nothing, ())
    data = MarketData(shard, catalogue, nothing, codec)
    return data, Listener(Room((data,), shard.now), Limits(connects=SUBSCRIBERS, close_grace=0.5))


async def publish(data: Any, listener: Any, size: int) -> tuple[int, float, float]:
    """Messages sent to each, and the seconds and CPU seconds that it took until the kernel had them all."""
    batch = [Trade(0)] * size
    probe = next(iter(listener.open))
    sent, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < SECONDS:
        data(batch)
        sent += size
        await asyncio.sleep(0)
        while probe.waiting() > WAITING:  # noqa: ASYNC110
            await asyncio.sleep(0.0005)
    while any(connection.waiting() for connection in listener.open):  # noqa: ASYNC110
        await asyncio.sleep(0.0005)
    return sent, time.perf_counter() - began, time.process_time() - cpu


async def unheard() -> tuple[float, float]:
    """µs of the loop for an order that rests, and for one that fills it, answers included; nobody listens."""
    from agio.projections.spot.statistics import MarketsStatistics
    from agio.services.markets.catalogue import LiveCatalogue
    from agio.streams.codec import CODEC, USER_EVENT
    from agio.streams.market import MarketData
    from agio.streams.user import UserData
    from benches.shard_rows import Crowd, venue

    async with venue(Crowd(2, 1)) as market:
        shard = market.shard
        catalogue = LiveCatalogue(shard.catalog, CODEC.catalog_changed)
        statistics = MarketsStatistics(shard.now)
        data = MarketData(shard, catalogue, statistics, CODEC)
        for sink in (catalogue, statistics, data, UserData(shard, USER_EVENT)):
            shard.add_sink(sink)
        resting, crossing = [
            min([await _answered(market.place(market.plan(side, ORDERS), side)) for _ in range(ROUNDS)])
            for side in ("SELL", "BUY")
        ]
        assert statistics.day(0).trades == ORDERS * ROUNDS
    return resting, crossing


async def _answered(answers: list[Any]) -> float:
    """µs of CPU an order, once the shard has done its part."""
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251  the loop itself has nothing else to do
    began = time.thread_time()
    for answer in answers:
        await answer
    return (time.thread_time() - began) / len(answers) * 1e6


async def main() -> None:
    """Runs both and prints a line each."""
    data, listener = streams()
    resting, crossing = await unheard()
    port = await listener.start("127.0.0.1", 0)
    reader = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "benches.streams", str(port)], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None
    assert await asyncio.to_thread(reader.stdout.readline) == "ready\n"
    sent = 0
    print(f"nobody listens: {resting:.1f} µs of the loop for an order that rests, {crossing:.1f} for one that fills it")
    print(f"{SUBSCRIBERS} subscribers, {len(PAYLOAD)} bytes, one process")
    for size in BATCHES:
        count, seconds, cpu = await publish(data, listener, size)
        sent += count
        each = count * SUBSCRIBERS
        print(f"{size:3} events a tick: {each / seconds:,.0f} messages a second, {each / cpu:,.0f} a CPU second")
    await listener.stop()
    counts = await asyncio.to_thread(reader.stdout.readline)
    farewell = 4 + len("server shutdown")
    assert counts == f"{sent * FRAME + farewell}\n", f"readers got {counts.strip()} bytes of {sent * FRAME + farewell}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        read(int(sys.argv[1]))
    else:
        uvloop.run(main())
