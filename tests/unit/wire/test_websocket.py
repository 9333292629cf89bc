"""The WebSocket listener over real sockets, with a client that misbehaves on purpose and a clock set by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from agio.domain.errors import ApiError
from agio.ports import Connection
from agio.wire.connection import JOINED
from agio.wire.limits import Limits
from agio.wire.websocket import Listener, broadcast
from tests.unit.wire.raw import dial, frame


class Room:
    """Echoes; paths other than /ws are unknown."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.opened_paths: list[tuple[str, str]] = []
        self.heard: list[bytes] = []
        self.held: list[int] = []
        self.ended = 0

    def opened(self, connection: Connection, path: str, query: str) -> bool:
        if path == "/broken":
            raise ValueError("secret")
        if path == "/banned":
            raise ApiError(-1003, "Way too much", 418)
        if not path.startswith("/ws"):
            return False
        self.opened_paths.append((path, query))
        self.connections.append(connection)
        return True

    def received(self, connection: Connection, message: bytes) -> None:
        self.heard.append(message)
        if message == b"fail":
            raise ValueError("a bug")
        if message == b"list":
            self.held.append(len(b"".join(connection.pending)))  # type: ignore[attr-defined]
            message = b"x" * 1_000_000
        connection.send(message)

    def closed(self, connection: Connection) -> None:
        self.ended += 1


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    def __init__(self) -> None:
        self.room = Room()
        self.clock = Clock()
        self.listeners: list[Listener] = []

    async def listen(self, limits: Limits | None = None, proxies: frozenset[str] = frozenset()) -> tuple[Listener, int]:
        listener = Listener(self.room, limits or Limits(close_grace=0.2), clock=self.clock, proxies=proxies)
        self.listeners.append(listener)
        return listener, await listener.start("127.0.0.1", 0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    for listener in world.listeners:
        await listener.stop()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_messages_go_both_ways(world: World) -> None:
    _, port = await world.listen()
    async with dial(port, "/ws/a?timeUnit=x") as client:
        assert client.status == 101
        client.text("hello")
        assert await client.message() == b"hello"
    await until(lambda: world.room.ended == 1)
    assert world.room.opened_paths == [("/ws/a", "timeUnit=x")]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 100_000])
async def test_every_length_of_a_frame(world: World, size: int) -> None:
    _, port = await world.listen()
    async with dial(port) as client:
        client.text("x" * size)
        assert await client.message() == b"x" * size


async def test_fragments_are_joined_and_may_be_interrupted_by_a_ping(world: World) -> None:
    _, port = await world.listen()
    async with dial(port) as client:
        client.write(frame(1, b"he", fin=False), frame(9, b"?"), frame(0, b"ll", fin=False), frame(0, b"o"))
        assert await client.receive() == (0x8A, b"?")
        assert await client.message() == b"hello"


BROKEN = {
    "an unmasked frame": ([frame(1, b"x", mask=False)], 1002),
    "an unknown opcode": ([frame(3, b"x")], 1002),
    "a compressed frame, never negotiated": ([frame(1, b"x", rsv=4)], 1002),
    "a fragmented ping": ([frame(9, b"x", fin=False)], 1002),
    "a ping too long": ([frame(9, b"x" * 126)], 1002),
    "a continuation of nothing": ([frame(0, b"x")], 1002),
    "a message inside a message": ([frame(1, b"x", fin=False), frame(1, b"y")], 1002),
    "a binary message": ([frame(2, b"x")], 1003),
    "no UTF-8": ([frame(1, b"\xff\xfe")], 1007),
    "no UTF-8 over two fragments": ([frame(1, b"\xc3", fin=False), frame(0, b"\x28")], 1007),
    "a frame too big": ([frame(1, b"x" * 1001)], 1009),
    "fragments that sum to too much": ([frame(1, b"x" * 600, fin=False), frame(0, b"x" * 600)], 1009),
    "a close with an invalid code": ([frame(8, b"\x00\x01")], 1002),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_broken_frames(world: World, case: str) -> None:
    frames, code = BROKEN[case]
    _, port = await world.listen(Limits(message_bytes=1000, close_grace=0.2))
    async with dial(port) as client:
        client.write(*frames)
        assert (await client.closed())[0] == code
        await client.ended()
    await until(lambda: world.room.ended == 1)
    assert world.room.heard == []


async def test_too_many_fragments(world: World) -> None:
    _, port = await world.listen(Limits(messages_per_second=None, fragments=3, close_grace=0.2))
    async with dial(port) as client:
        client.write(frame(1, b"x", fin=False), *[frame(0, b"", fin=False)] * 3)
        assert (await client.closed())[0] == 1009


async def test_a_close_is_answered(world: World) -> None:
    _, port = await world.listen()
    async with dial(port) as client:
        client.write(frame(8, b"\x03\xe8bye"))
        assert await client.closed() == (1000, "")
        await client.ended()
    await until(lambda: world.room.ended == 1)


async def test_a_room_that_fails(world: World, caplog: pytest.LogCaptureFixture) -> None:
    listener, port = await world.listen()
    async with dial(port) as client:
        client.text("fail")
        assert await client.closed() == (1011, "internal error")
    async with dial(port, "/broken") as client:
        assert client.status == 500
        assert b"secret" not in await client.reader.read(1000)
    assert listener.counters["failed"] == 2
    assert "a bug" in caplog.text


async def test_an_unknown_path_is_404(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port, "/nothing") as client:
        assert client.status == 404
    assert not listener.open


async def test_a_room_says_why_it_refuses(world: World) -> None:
    """A client that comes too often must not take it for a path that is not there."""
    listener, port = await world.listen()
    async with dial(port, "/banned") as client:
        assert client.status == 418
        assert client.head.lower().count(b"content-type: application/json;charset=utf-8") == 1
        assert await client.reader.read(1000) == b'{"code":-1003,"msg":"Way too much"}'
    assert (listener.counters["refused"], listener.counters["failed"]) == (1, 0)
    assert not listener.open


async def test_no_upgrade(world: World) -> None:
    _, port = await world.listen()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()


async def test_a_handshake_that_fails_after_the_room_said_yes_leaves_nothing(world: World) -> None:
    listener, port = await world.listen()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    await until(lambda: world.room.ended == 1)
    assert not listener.open
    writer.close()


async def test_browsers_and_compression(world: World) -> None:
    _, port = await world.listen()
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    async with dial(port, headers=offer, connection="keep-alive, Upgrade") as client:
        assert client.status == 101
        assert b"extensions" not in client.head.lower()


async def test_a_flood_is_closed(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as client:
        client.write(*[frame(1, b"1")] * 3, frame(9, b"ping"), frame(10, b"pong"), frame(1, b"one too many"))
        assert await client.closed() == (1008, "Too many requests")
    assert listener.counters["flooding"] == 1
    assert len(world.room.heard) == 3


async def test_five_messages_in_each_second_are_no_flood(world: World) -> None:
    _, port = await world.listen()
    async with dial(port) as client:
        for _ in range(3):
            client.write(*[frame(1, b"1")] * 5)
            for _ in range(5):
                await client.message()
            world.clock.now += 1


async def test_pings_every_20_seconds_and_an_echo_keeps_alive(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as client:
        for _ in range(10):
            world.clock.now += 19
            listener.sweep()
            assert await client.quiet(0.01)
            world.clock.now += 1
            listener.sweep()
            first, payload = await client.receive()
            assert first == 0x89
            client.write(frame(10, payload))
            await until(lambda: not listener.open or next(iter(listener.open))._heard == world.clock.now)
        assert listener.counters["silent"] == 0


async def test_unsolicited_pongs_do_not_keep_alive(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as client:
        for _ in range(3):
            world.clock.now += 20
            client.write(frame(10), frame(10, b"invented"))
            await asyncio.sleep(0.01)
            listener.sweep()
        assert await client.closed() == (1008, "Pong timeout")
    assert listener.counters["silent"] == 1


async def test_the_other_heartbeat(world: World) -> None:
    """Three minutes and ten, as Binance's futures have it."""
    listener, port = await world.listen(Limits(ping_interval=180, pong_timeout=600, close_grace=0.2))
    async with dial(port) as client:
        pings = 0
        for _ in range(599):
            world.clock.now += 1
            listener.sweep()
        while not await client.quiet(0.02):
            pings += 1
        assert pings == 3
        world.clock.now += 1
        listener.sweep()
        assert (await client.closed())[0] == 1008


async def test_a_day_is_the_longest_life(world: World) -> None:
    listener, port = await world.listen(Limits(ping_interval=1e9, pong_timeout=1e9, close_grace=0.2))
    async with dial(port) as client:
        world.clock.now += 24 * 3600 - 1
        listener.sweep()
        assert await client.quiet(0.02)
        world.clock.now += 1
        listener.sweep()
        assert (await client.closed())[0] == 1001


async def test_a_peer_that_never_answers_a_close_is_cut_off(world: World) -> None:
    listener, port = await world.listen(Limits(close_grace=0.05))
    async with dial(port) as client:
        await until(lambda: listener.open)
        world.room.connections[0].close(1008, "go")
        await client.ended()
    await until(lambda: not listener.open)


async def test_at_most_so_many_connections(world: World) -> None:
    listener, port = await world.listen(Limits(connections=2, close_grace=0.2))
    async with dial(port) as first, dial(port) as second:
        assert (first.status, second.status) == (101, 101)
        async with dial(port) as third:
            assert third.status == 503
    await until(lambda: not listener.open)
    async with dial(port) as again:
        assert again.status == 101


async def test_at_most_so_many_attempts_of_an_address(world: World) -> None:
    _, port = await world.listen(Limits(connects=3, close_grace=0.2), proxies=frozenset({"127.0.0.1"}))

    async def attempt(headers: str) -> int:
        async with dial(port, headers=headers) as client:
            return client.status

    mine = "X-Forwarded-For: 6.6.6.6, 10.0.0.1\r\n"
    assert [await attempt(mine) for _ in range(4)] == [101, 101, 101, 429]
    assert await attempt("X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n") == 101
    assert await attempt("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 10.0.0.1\r\n") == 429, "in a line of its own"
    assert world.room.connections[0].remote == "10.0.0.1"
    world.clock.now += 300
    assert await attempt(mine) == 101


async def test_a_header_of_a_stranger_is_not_believed(world: World) -> None:
    _, port = await world.listen()
    async with dial(port, headers="X-Forwarded-For: 10.0.0.1\r\n"):
        await until(lambda: world.room.connections)
    assert world.room.connections[0].remote == "127.0.0.1"


async def test_a_broadcast_reaches_all_in_order_and_in_one_write(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as one, dial(port) as two:
        await until(lambda: len(listener.open) == 2)
        for number in range(1000):
            broadcast(b"%d" % number, world.room.connections)
        for client in (one, two):
            assert [await client.message() for _ in range(1000)] == [b"%d" % n for n in range(1000)]


async def test_a_burst_within_one_tick_is_bounded(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as client:
        await until(lambda: listener.open)
        (connection,) = listener.open
        most = 0
        for number in range(5000):
            connection.send(b"%d" % number) if number % 2 else broadcast(b"%d" % number, [connection])
            most = max(most, len(connection.pending))
        assert most == JOINED
        assert [await client.message() for _ in range(5000)] == [b"%d" % n for n in range(5000)]


async def test_a_slow_reader_is_dropped_and_the_others_stay(world: World) -> None:
    limit = 1 << 20
    listener, port = await world.listen(Limits(buffer_bytes=limit, close_grace=0.2))
    async with dial(port) as slow, dial(port) as quick:
        await until(lambda: len(listener.open) == 2)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        payload = b"x" * 65536
        most = 0
        for _ in range(400):
            broadcast(payload, world.room.connections)
            assert len(await quick.message()) == len(payload)
            most = max([most, *(connection.waiting() for connection in listener.open)])
        assert listener.counters["slow"] == 1
        assert limit < most <= limit + 2 * len(payload)
        assert len(listener.open) == 1


async def test_large_answers_are_not_piled_up_within_a_tick(world: World) -> None:
    """Each is a question of thirty bytes, and a packet has room for thousands."""
    listener, port = await world.listen(Limits(messages_per_second=None, close_grace=0.2))
    async with dial(port) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        client.text("small")
        client.write(frame(1, b"list") * 200)
        await until(lambda: listener.counters["slow"] == 1)
    assert world.room.heard[0] == b"small"
    assert len(world.room.held) < 50, "and what nobody reads is no longer made"
    assert max(world.room.held) < 1_000


async def test_all_slow_readers_together_have_a_limit(world: World) -> None:
    listener, port = await world.listen(Limits(buffer_bytes=1 << 30, total_buffer_bytes=1 << 20, close_grace=0.2))
    async with dial(port) as slow, dial(port):
        await until(lambda: len(listener.open) == 2)
        slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
        for _ in range(40):
            world.room.connections[0].send(b"x" * (1 << 20))
            await asyncio.sleep(0)
        listener.sweep()
        await until(lambda: len(listener.open) == 1)
        assert listener.counters["slow"] == 1


async def test_stop_announces_and_closes(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as client, dial(port) as rude:
        await until(lambda: len(listener.open) == 2)
        listener.announce(lambda _: b"soon")
        stopping = asyncio.create_task(listener.stop())
        assert await client.message() == b"soon"
        assert await client.closed() == (1001, "server shutdown")
        client.write(frame(8, b"\x03\xe9"))
        await stopping
        await rude.ended()
    assert world.room.ended == 2
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_taken_port_is_refused(world: World) -> None:
    _, port = await world.listen()
    with pytest.raises(OSError, match="in use"):
        await Listener(world.room).start("127.0.0.1", port)


async def test_nothing_is_sent_after_close(world: World) -> None:
    listener, port = await world.listen()
    async with dial(port) as client:
        await until(lambda: listener.open)
        connection = world.room.connections[0]
        connection.send(b"last")
        connection.close(1000, "done")
        connection.send(b"never")
        assert await client.message() == b"last"
        assert await client.closed() == (1000, "done")
