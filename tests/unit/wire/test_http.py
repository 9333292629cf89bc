"""HTTP listeners over real sockets."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from agio.wire.http import HttpLimits, HttpListener
from agio.wire.http_connection import HttpRequest

REQUEST = b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n"
LIMITS = HttpLimits(header_bytes=8192, body_bytes=100, request_seconds=0.3, idle_seconds=0.8, take_seconds=0.5)


class App:
    """Answers with method, target and body; `/slow` after a while."""

    def __init__(self) -> None:
        self.slow = asyncio.Event()
        self.served: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}
        """Of the last request."""

    def serve(self, request: HttpRequest) -> None:
        self.served.append(request.target)
        self.headers = request.headers
        if request.target.startswith(b"/slow"):
            self.slow.set()
            asyncio.get_running_loop().call_later(0.3, self._answer, request)
        else:
            self._answer(request)

    def refuse(self, request: HttpRequest, status: int) -> None:
        request.respond(status, b"", b"")

    @staticmethod
    def _answer(request: HttpRequest) -> None:
        text = b"%b %b %b" % (request.method, request.target, request.body)
        request.respond(200, b"content-type: text/plain\r\n", text * (20_000 if request.target == b"/large" else 1))


@pytest.fixture
async def app() -> App:
    return App()


@pytest.fixture
async def listener(app: App) -> AsyncIterator[HttpListener]:
    listener = HttpListener(app, LIMITS)
    yield listener
    await listener.stop()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
        return int(head.split()[1]), await reader.readexactly(length)


async def ask(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await answer(reader)
    finally:
        writer.close()


async def test_any_free_port_is_told(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    assert await ask(port, REQUEST) == (200, b"GET /a?b=1 ")


async def test_a_taken_port_is_refused(listener: HttpListener, app: App) -> None:
    """Two processes must never share a port, as SO_REUSEPORT would let them."""
    port = await listener.start("127.0.0.1", 0)
    with pytest.raises(OSError, match="in use"):
        await HttpListener(app).start("127.0.0.1", port)


async def test_a_client_that_goes_away_within_its_body_is_no_error(
    listener: HttpListener, caplog: pytest.LogCaptureFixture
) -> None:
    port = await listener.start("127.0.0.1", 0)
    for head in (b"Content-Length: 50", b"Transfer-Encoding: chunked"):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"\r\n\r\n7\r\nhalf")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()
    await asyncio.sleep(0.2)
    assert (await ask(port, REQUEST))[0] == 200
    assert not caplog.records


async def test_several_listeners_in_one_loop(listener: HttpListener, app: App) -> None:
    other = HttpListener(app)
    ports = [await listener.start("127.0.0.1", 0), await other.start("127.0.0.1", 0)]
    assert [await ask(port, REQUEST) for port in ports] == [(200, b"GET /a?b=1 ")] * 2
    await other.stop()
    assert (await ask(ports[0], REQUEST))[0] == 200


async def test_a_connection_is_kept(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(REQUEST)
        assert (await answer(reader))[0] == 200
    writer.close()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"content-length: 3\r\n\r\nabc", 200),
        (b"content-length: 100\r\n\r\n" + b"x" * 100, 200),
        (b"content-length: 101\r\n\r\n" + b"x" * 101, 413),
        (b"content-length: 99999999999\r\n\r\nx", 413),
        (b"content-length: " + b"0" * 5000 + b"3\r\n\r\nabc", 200),
        (b"content-length: " + b"0" * 5000 + b"101\r\n\r\nx", 413),
        (b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
        (b"transfer-encoding: chunked\r\n\r\n" + (b"40\r\n" + b"x" * 64 + b"\r\n") * 2 + b"0\r\n\r\n", 413),
        (b"\r\n", 200),
    ],
)
async def test_bodies_have_a_limit(listener: HttpListener, body: bytes, status: int) -> None:
    port = await listener.start("127.0.0.1", 0)
    got, text = await ask(port, b"POST / HTTP/1.1\r\nHost: x\r\n" + body)
    assert got == status
    assert status == 413 or text in (b"POST / abc", b"POST / " + b"x" * 100, b"POST / ")


async def test_headers_have_a_limit(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    status, _ = await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\nbig: " + b"x" * 20_000 + b"\r\n\r\n")
    assert status == 431


@pytest.mark.parametrize(
    ("names", "end", "status"),
    [(99, b"\r\n", 200), (100, b"\r\n", 431), (101, b"", 431), (1600, b"", 431)],
    ids=["as many as may be", "one more", "two more, and no end", "many"],
)
async def test_names_of_headers_are_counted(listener: HttpListener, names: int, end: bytes, status: int) -> None:
    """64 KiB of tiny ones would take twenty times as much memory. A head that is too long already needs no end."""
    port = await listener.start("127.0.0.1", 0)
    small = b"".join(b"%x:\r\n" % number for number in range(names))
    assert (await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + small + end))[0] == status


async def test_a_header_may_be_repeated(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    assert (await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: 1\r\n" * 300 + b"\r\n"))[0] == 200


async def test_white_space_around_a_header_does_not_belong_to_it(listener: HttpListener, app: App) -> None:
    """Such as that behind a key which somebody has copied."""
    port = await listener.start("127.0.0.1", 0)
    assert (await ask(port, b"GET / HTTP/1.1\r\nHost:x\r\nX-MBX-APIKEY: \t key 1 \t\r\nEmpty: \r\n\r\n"))[0] == 200
    assert app.headers == {b"host": b"x", b"x-mbx-apikey": b"key 1", b"empty": b""}


async def test_a_header_in_two_spellings_is_refused(listener: HttpListener) -> None:
    """A client could have its own X-Forwarded-For taken for that of a proxy which adds one in another spelling."""
    port = await listener.start("127.0.0.1", 0)
    forged = b"X-Forwarded-For: forged\r\nx-forwarded-for: forged\r\nX-Forwarded-For: true\r\n\r\n"
    assert (await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + forged))[0] == 400


async def test_slow_headers_are_cut_off(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n")
    async with asyncio.timeout(5):
        await reader.read()
    writer.close()


async def test_stopping_answers_what_is_under_way(listener: HttpListener, app: App) -> None:
    port = await listener.start("127.0.0.1", 0)
    asked = asyncio.create_task(ask(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
    await app.slow.wait()
    await listener.stop()
    assert (await asked)[0] == 200
    with pytest.raises(ConnectionRefusedError):
        await ask(port, REQUEST)


async def test_stopping_is_quick_with_idle_connections(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await answer(reader)
    async with asyncio.timeout(1):
        await listener.stop()
        await listener.stop()
        assert await reader.read() == b""
    writer.close()


async def test_idle_connections_are_kept_longer_than_a_request_may_take(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(REQUEST)
        assert (await answer(reader))[0] == 200
        await asyncio.sleep(0.5)
    async with asyncio.timeout(2):
        assert await reader.read() == b"", "idle for too long in the end"
    writer.close()


@pytest.mark.parametrize("drip", [b"x", b"x: 1\r\n"])
async def test_dripping_does_not_buy_time(listener: HttpListener, drip: bytes) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\n")
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not reader.at_eof() and loop.time() - began < 3:
        with suppress(ConnectionError):
            writer.write(drip)
            await writer.drain()
        with suppress(TimeoutError):
            await asyncio.wait_for(reader.read(1000), 0.05)
    writer.close()
    assert loop.time() - began < 1.5


async def test_pipelined_requests_are_answered_in_order(listener: HttpListener, app: App) -> None:
    """The second waits for the first, whose answer takes a while; many at once need no deep stack."""
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    targets = [b"/slow", *(b"/%d" % number for number in range(3000)), b"/slow2", b"/last"]
    writer.write(b"".join(b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n" % target for target in targets))
    for target in targets:
        assert await answer(reader) == (200, b"GET %b " % target)
    assert app.served == targets
    writer.close()


async def test_a_broken_request_behind_a_slow_one(listener: HttpListener, app: App) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\nno http at all\r\n\r\n" + REQUEST)
    assert (await answer(reader))[0] == 200
    assert (await answer(reader))[0] == 400
    assert await reader.read() == b""
    assert app.served == [b"/slow"]
    writer.close()


async def test_a_request_in_pieces_of_one_byte(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for byte in b"POST /abc?d=e HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nxyz":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    assert await answer(reader) == (200, b"POST /abc?d=e xyz")
    writer.close()


async def test_who_asks_whether_to_send_is_told_to(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASKING)
    assert await reader.readuntil(b"\r\n\r\n") == CONTINUE
    writer.write(b"abc")
    assert await answer(reader) == (200, b"POST / abc")
    writer.close()


ASKING = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize("before", [b"GET /slow", b"GET /quick"])
@pytest.mark.parametrize("pieces", [1, 2])
async def test_to_go_on_is_told_behind_earlier_answers(listener: HttpListener, before: bytes, pieces: int) -> None:
    """A 100 before the answer to the request in front would be taken for that one's (RFC 9110, section 15.2)."""
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    first = before + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    for piece in (first + ASKING,) if pieces == 1 else (first, ASKING):
        writer.write(piece)
        await asyncio.sleep(0.05)
    assert await answer(reader) == (200, before + b" ")
    assert await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1) == CONTINUE
    writer.write(b"abc" + REQUEST)
    assert await answer(reader) == (200, b"POST / abc")
    assert (await answer(reader))[0] == 200
    writer.close()


async def test_an_older_client_is_not_told_to_go_on(listener: HttpListener) -> None:
    """It would take the 100 for its answer (RFC 9110, section 10.1.1)."""
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(ASKING.replace(b"HTTP/1.1", b"HTTP/1.0"))
    await asyncio.sleep(0.05)
    writer.write(b"abc")
    assert await answer(reader) == (200, b"POST / abc")
    writer.close()


async def test_what_begins_behind_a_whole_request_has_its_time(listener: HttpListener) -> None:
    """And no more: a part that came in one piece with a request before it is no idle connection."""
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST + b"GET /half HTTP/1.1\r\n")
    assert (await answer(reader))[0] == 200
    assert (await answer(reader))[0] == 408
    writer.close()


async def test_another_protocol_is_declined_by_going_on(listener: HttpListener) -> None:
    """Java's client offers HTTP/2 with its first request."""
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    offer = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    for many in (1, 1, 2500):
        writer.write(offer * many)
        for _ in range(many):
            assert (await answer(reader))[0] == 200
    writer.write(REQUEST)
    assert (await answer(reader))[0] == 200
    writer.close()


@pytest.mark.parametrize("end", [b"HTTP/1.1\r\nConnection: close\r\n", b"HTTP/1.0\r\n"])
async def test_the_client_may_ask_to_close(listener: HttpListener, end: bytes) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /a " + end + b"Host: x\r\n\r\n")
    assert await answer(reader) == (200, b"GET /a ")
    assert await reader.read() == b""
    writer.close()


async def test_a_client_that_says_no_more_still_hears(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
    writer.write_eof()
    assert (await answer(reader))[0] == 200
    assert await reader.read() == b""
    writer.close()


async def test_pipelined_requests_before_the_end_are_answered(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" + REQUEST * 3)
    writer.write_eof()
    for _ in range(4):
        assert (await answer(reader))[0] == 200
    assert await reader.read() == b""
    writer.close()


async def test_head_has_a_length_and_no_body(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" + REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"content-length: 8\r\n" in head
    assert (await answer(reader))[0] == 200
    writer.close()


async def test_a_client_that_does_not_read_is_dropped(app: App) -> None:
    listener = HttpListener(app, LIMITS)
    port = await listener.start("127.0.0.1", 0)
    _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    large = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 10_000
    held = 0
    async with asyncio.timeout(5):
        while listener.gauges()["connections"] or not held:
            if held < 1_000_000:
                writer.write(large)
            held = max(held, writer.transport.get_write_buffer_size())
            await asyncio.sleep(0.001)
    assert held >= 1_000_000, "what cannot be answered is not read either"
    assert len(app.served) < 100, "no answer is made that nobody takes"
    writer.close()
    await listener.stop()


@pytest.mark.parametrize(("most", "left"), [(10_000, 0), (10_000_000, 2)])
async def test_all_who_do_not_read_together_have_a_limit(app: App, most: int, left: int) -> None:
    """Each holds an answer, and there may be thousands of them."""
    limits = HttpLimits(total_buffer_bytes=most)
    listener = HttpListener(app, limits)
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
    for one in slow:
        one.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
    async with asyncio.timeout(10):
        while len(app.served) < 4 or listener.gauges()["connections"] > 1 + left:
            await asyncio.sleep(0.01)
    await asyncio.sleep(1.2)  # one more look
    assert listener.gauges()["connections"] == 1 + left
    writer.write(REQUEST)
    assert (await answer(reader))[0] == 200, "who reads is not meant"
    writer.close()
    for one in slow:
        one.close()
    await listener.stop()


async def test_connections_are_bounded(app: App) -> None:
    listener = HttpListener(app, HttpLimits(connections=2))
    port = await listener.start("127.0.0.1", 0)
    kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    for reader, writer in kept:
        writer.write(REQUEST)
        assert (await answer(reader))[0] == 200
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await ask(port, REQUEST)
    kept[0][1].close()
    async with asyncio.timeout(1):
        while listener.gauges()["connections"] > 1:
            await asyncio.sleep(0.01)
    assert (await ask(port, REQUEST))[0] == 200
    kept[1][1].close()
    await listener.stop()


async def test_a_socket_file_is_its_owners_only(listener: HttpListener, app: App, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    await listener.start_unix(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(REQUEST)
    assert (await answer(reader))[0] == 200
    writer.close()
    with pytest.raises(OSError, match="another process listens"):
        await HttpListener(app).start_unix(path)
    await listener.stop()
    assert not path.exists()


async def test_a_stale_socket_file_is_replaced(listener: HttpListener, tmp_path: Path) -> None:
    import socket

    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    await listener.start_unix(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_in_the_way_is_not_removed(listener: HttpListener, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="in the way"):
        await listener.start_unix(path)
    assert path.read_text() == "precious"
