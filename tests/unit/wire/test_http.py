"""HTTP listeners over real sockets."""

import asyncio
import logging
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agio.wire.http import HttpLimits, HttpListener, read_body

REQUEST = b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers with method, path and query; reads bodies of up to 100 bytes."""

    def __init__(self) -> None:
        self.slow = asyncio.Event()

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.path == "/slow":
            self.slow.set()
            await asyncio.sleep(0.3)
        body = await read_body(scope.headers, protocol, 100)
        if body is None:
            protocol.response_empty(413, [("connection", "close")])
        else:
            text = f"{scope.method} {scope.path} {scope.query_string} ".encode()
            protocol.response_bytes(200, [("content-type", "text/plain")], text + body)


@pytest.fixture
async def app() -> App:
    return App()


@pytest.fixture
async def listener(app: App) -> AsyncIterator[HttpListener]:
    listener = HttpListener(app, HttpLimits(header_bytes=8192, header_seconds=0.3))
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
    assert await ask(port, REQUEST) == (200, b"GET /a b=1 ")


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
    assert [await ask(port, REQUEST) for port in ports] == [(200, b"GET /a b=1 ")] * 2
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
        (b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200),
        (b"transfer-encoding: chunked\r\n\r\n" + (b"40\r\n" + b"x" * 64 + b"\r\n") * 2 + b"0\r\n\r\n", 413),
        (b"\r\n", 200),
    ],
)
async def test_bodies_have_a_limit(listener: HttpListener, body: bytes, status: int) -> None:
    port = await listener.start("127.0.0.1", 0)
    got, text = await ask(port, b"POST / HTTP/1.1\r\nHost: x\r\n" + body)
    assert got == status
    assert status == 413 or text.endswith((b"abc", b"x" * 100, b"  "))


async def test_headers_have_a_limit(listener: HttpListener) -> None:
    port = await listener.start("127.0.0.1", 0)
    status, _ = await ask(port, b"GET / HTTP/1.1\r\nHost: x\r\nbig: " + b"x" * 20_000 + b"\r\n\r\n")
    assert status == 431


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


async def test_stopping_is_no_failure_and_is_quick_with_idle_connections(app: App) -> None:
    failures: list[str] = []
    listener = HttpListener(app, failed=failures.append)
    port = await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await answer(reader)
    async with asyncio.timeout(1):
        await listener.stop()
        await listener.stop()
        assert await reader.read() == b""
    writer.close()
    assert failures == []


async def test_the_applications_own_logging_stays(listener: HttpListener, capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        await listener.start("127.0.0.1", 0)
        assert handler in root.handlers
        assert not logging.getLogger("_granian").handlers
    finally:
        root.removeHandler(handler)
    assert capsys.readouterr().out == ""


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
