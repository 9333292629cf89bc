"""HTTP listeners: granian's embedded server on the running loop, over sockets that we bind ourselves."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

log = logging.getLogger(__name__)

BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one listener puts up with."""

    header_bytes: int = 64 * 1024
    """Request line and headers; granian's least is 8 KiB. A signed query of a big order list fits well."""
    header_seconds: float = 10.0
    """How long a client may take to send them."""
    connections: int = 4096
    """Open at the same time."""
    stop_seconds: float = 3.0
    """How long requests under way may still take when stopping."""


class Application(Protocol):
    """An RSGI application (granian's documentation, `docs/spec/RSGI.md`)."""

    def __rsgi__(self, scope: Any, protocol: Any) -> Awaitable[None]:
        """Answers one request."""
        ...


class Body(Protocol):
    """What `read_body` needs of granian's request."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in pieces."""
        ...


async def read_body(headers: Any, protocol: Body, limit: int) -> bytes | None:
    """A request's body; None when it is longer than `limit` bytes (answer 413 and close) or will never be whole."""
    try:
        return await _read_body(headers, protocol, limit)
    except Exception as error:
        from granian import rsgi  # loaded long ago by the listener

        if isinstance(error, rsgi.ProtocolClosed):  # type: ignore[attr-defined]
            return None
        raise


async def _read_body(headers: Any, protocol: Body, limit: int) -> bytes | None:
    length = headers.get("content-length")
    if length is not None:
        return await protocol() if length.isdecimal() and int(length) <= limit else None
    pieces: list[bytes] = []
    size = 0
    async for piece in protocol:
        size += len(piece)
        if size > limit:
            return None
        pieces.append(piece)
    return b"".join(pieces)


class HttpListener:
    """One HTTP address. `failed` is called when the server dies without having been stopped."""

    def __init__(
        self, application: Application, limits: HttpLimits | None = None, *, failed: Callable[[str], None] | None = None
    ) -> None:
        self._application = application
        self._limits = limits or HttpLimits()
        self._failed = failed or log.critical
        self._server: Any = None
        self._task: asyncio.Task[None] | None = None
        self._path: Path | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens on TCP; port 0 is any free one. Returns the port; OSError when it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((host, port))
            bound: int = listening.getsockname()[1]
            self._serve(listening)
        except BaseException:
            listening.close()
            raise
        return bound

    async def start_unix(self, path: Path) -> None:
        """Listens on a socket file that only its owner may open; OSError when another process listens there."""
        _remove_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # from its first moment on nobody else may connect
        try:
            listening.bind(str(path))
            self._path = path
            self._serve(listening)
        except BaseException:
            listening.close()
            raise
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Accepts nothing more, and gives requests under way `stop_seconds`."""
        if self._task is None:
            return
        self._server.stop()
        done, _ = await asyncio.wait({self._task}, timeout=self._limits.stop_seconds)
        if not done:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)
        self._task = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _serve(self, listening: socket.socket) -> None:
        listening.listen(BACKLOG)
        listening.setblocking(False)
        self._server = _server(self._application, listening, self._limits)
        self._task = asyncio.get_running_loop().create_task(self._server.serve())
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or self._server.interrupt_signal:
            return
        self._failed(f"the HTTP server ended by itself: {task.exception() or 'its worker died'}")


def _remove_stale(path: Path) -> None:
    """Removes the socket file of a process that is no more."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(f"{path} is in the way: it is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(f"another process listens on {path}")


def _server(application: Application, listening: socket.socket, limits: HttpLimits) -> Any:
    """Granian binds with SO_REUSEPORT, so two processes could share a port unnoticed: it gets our socket instead.

    Imported here because granian takes a while to import. Its logs go to the root logger, errors only.
    """
    from granian import _granian, http
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import embed

    class Server(embed.Server):
        def _init_shared_socket(self) -> None:
            self._ssp: Any = None
            unix = listening.family == socket.AF_UNIX
            self._shd: Any = _granian.SocketHolder(listening.detach(), unix, BACKLOG)  # type: ignore[call-arg]

    return Server(
        application,
        interface=Interfaces.RSGI,
        websockets=False,
        backlog=BACKLOG,
        backpressure=limits.connections,
        http1_settings=http.HTTP1Settings(
            header_read_timeout=int(limits.header_seconds * 1000), max_buffer_size=max(8192, limits.header_bytes)
        ),
        http2_settings=http.HTTP2Settings(max_headers_size=limits.header_bytes),
        log_level=LogLevels.error,
        # incremental: handlers that the application has set up stay as they are
        log_dictconfig={
            "incremental": True,
            "formatters": {},
            "handlers": {},
            "loggers": {"_granian": {"propagate": True}},
        },
    )
