"""HTTP listeners on the running loop, over sockets that we bind ourselves."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol

from agio.wire.http_connection import HttpConnection
from agio.wire.limits import BACKLOG

if TYPE_CHECKING:
    from pathlib import Path

    from agio.wire.http_connection import HttpRequest

LOOK = 1.0
"""Seconds between two looks at what takes too long; shorter when a limit is."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one listener puts up with."""

    header_bytes: int = 64 * 1024
    """Request line and headers. A signed query of a big order list fits well."""
    headers: int = 100
    """Of different names; of one name sent often only the last is kept. Proxies add a dozen to a client's ten."""
    body_bytes: int = 64 * 1024
    request_seconds: float = 10.0
    """How long a client may take to send a request, from its first byte to its last."""
    idle_seconds: float = 120.0
    """How long a connection is kept on which nothing is asked."""
    answer_seconds: float = 60.0
    """After which a request counts as forgotten by the application, whose own deadlines are shorter."""
    take_seconds: float = 30.0
    """How long a client may take to read an answer."""
    total_buffer_bytes: int = 256 << 20
    """What may wait for all who do not read; beyond it the largest are dropped."""
    connections: int = 4096
    """Open at the same time."""
    stop_seconds: float = 3.0
    """How long requests under way may still take when stopping."""


class Application(Protocol):
    """What answers requests. Neither method raises; each leads to one `respond`, now or later."""

    def serve(self, request: HttpRequest) -> None:
        """Answers one request."""
        ...

    def refuse(self, request: HttpRequest, status: int) -> None:
        """Answers what HTTP itself refuses: broken (400), slow (408) or too long (413, 431). The connection ends."""
        ...


class HttpListener:
    """One HTTP address."""

    def __init__(self, application: Application, limits: HttpLimits | None = None) -> None:
        self.application = application
        self.limits = limits or HttpLimits()
        self.time = 0.0
        """The loop's, as of the last look: near enough for limits of seconds, and it costs nothing."""
        self.date = b""
        """The Date header line."""
        self._connections: set[HttpConnection] = set()
        self._all_gone = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._path: Path | None = None

    async def start(self, host: str, port: int) -> int:
        """Listens on TCP; port 0 is any free one. Returns the port; OSError when it is taken."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # as asyncio's own servers, those of WebSockets: `::` is no IPv4 address
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listening.bind((host, port))
            bound: int = listening.getsockname()[1]
            await self._listen(listening)
        except BaseException:
            listening.close()
            raise
        return bound

    async def start_unix(self, path: Path) -> None:
        """Listens on a socket file that only its owner may open; OSError when another process listens there."""
        _remove_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            before = os.umask(0o177)  # from its first moment on nobody else may connect
            try:
                listening.bind(str(path))
            finally:
                os.umask(before)  # at once: it is the whole process's, and others make files and folders meanwhile
            self._path = path
            await self._listen(listening)
        except BaseException:
            listening.close()
            raise

    async def stop(self) -> None:
        """Accepts nothing more, and gives requests under way `stop_seconds`."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in tuple(self._connections):
            connection.finish()
        if self._connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_gone.wait(), self.limits.stop_seconds)
        for connection in tuple(self._connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def gauges(self) -> dict[str, float]:
        """For metrics."""
        return {"connections": len(self._connections)}

    async def _listen(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._look(loop)
        create = loop.create_unix_server if listening.family == socket.AF_UNIX else loop.create_server
        self._server = await create(lambda: HttpConnection(self), sock=listening, backlog=BACKLOG)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = self.time = loop.time()
        self.date = f"date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in tuple(self._connections):
            connection.check(now)
        self._drop_largest()
        limits = self.limits
        shortest = min(limits.request_seconds, limits.idle_seconds, limits.take_seconds)
        self._timer = loop.call_later(min(LOOK, shortest / 4), self._look, loop)

    def _drop_largest(self) -> None:
        waiting = [(size, connection) for connection in self._connections if (size := connection.waiting())]
        excess = sum(size for size, _ in waiting) - self.limits.total_buffer_bytes
        for size, connection in sorted(waiting, key=lambda pair: pair[0], reverse=True) if excess > 0 else ():
            if excess > 0:
                excess -= size
                connection.abort()

    # --- from connections ---

    def admit(self, connection: HttpConnection) -> bool:
        """Whether one more may be open."""
        if len(self._connections) >= self.limits.connections:
            return False
        self._connections.add(connection)
        return True

    def forget(self, connection: HttpConnection) -> None:
        """It is closed."""
        self._connections.discard(connection)
        if self._server is None and not self._connections:
            self._all_gone.set()


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
