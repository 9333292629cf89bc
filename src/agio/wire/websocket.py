"""A WebSocket listener on picows: admission, heartbeats, lifetimes, and connections for a room."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec
from picows import WSAutoPingStrategy, WSUpgradeRequest, WSUpgradeResponse, WSUpgradeResponseWithListener

# Not in picows' own stubs. `ws_create_server` would do, but tells a handshake neither its peer nor its end.
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from agio.domain.errors import ApiError
from agio.wire import address, frames
from agio.wire.connection import JOINED, WebSocket
from agio.wire.limits import BACKLOG, Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agio.ports import Connection, SocketRoom

log = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
COUNTERS = (
    "accepted", "refused", "closed",  # handshakes, and connections that ended
    "received", "sent", "sent_bytes",  # messages; pings and pongs count as sent
    "slow", "silent", "flooding", "broken",  # connections that we ended, and why
    "failed",  # errors of our own
)  # fmt: skip
_SILENT = logging.getLogger("agio.wire.picows")
"""picows reports each client's mistake as an error; we count them instead, and log what our own rooms get wrong."""
_SILENT.setLevel(logging.CRITICAL + 1)


def broadcast(payload: bytes, connections: Iterable[Any]) -> None:
    """Queues one text message for many connections of listeners; the frame is built once and shared."""
    frame = frames.text(payload)
    for connection in connections:  # `WebSocket.queue`, without the call: this is the innermost loop of all
        pending = connection.pending
        if not pending:
            connection.listener.mark(connection)
        elif len(pending) >= JOINED:
            connection.flush()
        pending.append(frame)


class Listener:
    """One listening address and the connections that came through it, all for one room.

    `clock` is monotonic, in seconds. Counters are plain ints in `counters`, for whoever exports them.
    """

    def __init__(
        self,
        room: SocketRoom,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        proxies: frozenset[str] = frozenset(),
    ) -> None:
        self.room = room
        self.limits = limits or Limits()
        self.clock = clock
        self.counters = dict.fromkeys(COUNTERS, 0)
        self.open: set[WebSocket] = set()
        self._proxies = proxies
        self._admission = address.ConnectLimit(self.limits.connects, self.limits.connects_window, clock)
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._empty = asyncio.Event()
        self.sockets: set[_Protocol] = set()
        self._dirty: list[WebSocket] = []

    async def start(self, host: str, port: int) -> int:
        """Listens; port 0 is any free one. Returns the port; OSError when it is taken."""
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(lambda: _Protocol(self), host, port, backlog=BACKLOG)
        self._tick()
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def announce(self, message: Callable[[Connection], bytes]) -> None:
        """Sends each connection a message made for it, such as Binance's `serverShutdown`."""
        for connection in self.open:
            connection.send(message(connection))

    async def stop(self) -> None:
        """Accepts nothing more, closes every connection with 1001, and waits for at most `close_grace`."""
        self._stopping = True
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        for connection in list(self.open):
            connection.close(1001, "server shutdown")
        self.left()
        try:
            await asyncio.wait_for(self._empty.wait(), self.limits.close_grace)
        except TimeoutError:
            for socket in list(self.sockets):
                socket.abort()
            await self._empty.wait()

    def sweep(self) -> None:
        """Pings, and closes what is too old, silent or slow. Called once a second."""
        now = self.clock()
        waiting = []
        for connection in list(self.open):
            connection.check(now)
            waiting.append((connection.waiting(), connection))
        excess = sum(size for size, _ in waiting) - self.limits.total_buffer_bytes
        if excess > 0:
            self._drop_slowest(waiting, excess)

    def mark(self, connection: WebSocket) -> None:
        """Has the connection flushed when this tick of the loop is over."""
        if not self._dirty:
            self._loop.call_soon(self._flush)
        self._dirty.append(connection)

    def admit(self, socket: _Protocol, request: WSUpgradeRequest) -> WebSocket | WSUpgradeResponseWithListener | None:
        """Decides a handshake: a connection, a refusal, or None for 404."""
        forwarded = ",".join(request.headers.getall("X-Forwarded-For", []))  # some proxies add a line of their own
        peer = address.client(socket.peer, forwarded, self._proxies)
        if self._stopping or len(self.open) >= self.limits.connections:
            return self._refuse(503, b"no more connections here; try again later")
        if not self._admission.admits(peer):
            return self._refuse(429, b"too many connection attempts from this address; wait five minutes")
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return self._refuse(400, b"this is a WebSocket endpoint")
        _accept_connection_lists(request)
        connection = WebSocket(self, peer)
        path, _, query = request.path.decode("latin-1").partition("?")
        try:
            wanted = self.room.opened(connection, path, query)
        except ApiError as error:
            body = msgspec.json.encode({"code": error.code, "msg": error.message})
            return self._refuse(error.status, body, "application/json;charset=UTF-8")
        except Exception:
            self.counters["failed"] += 1
            log.exception("a handshake could not be handled")
            return self._refuse(500, b"internal error")
        if not wanted:
            self.counters["refused"] += 1
            return None
        self.counters["accepted"] += 1
        self.open.add(connection)
        return connection

    def gauges(self) -> dict[str, int]:
        """How much there is right now."""
        return {"connections": len(self.open), "waiting_bytes": sum(connection.waiting() for connection in self.open)}

    def left(self) -> None:
        """A socket is gone: when it was the last one, `stop` need not wait any more."""
        if self._stopping and not self.sockets:
            self._empty.set()

    def _refuse(self, status: int, why: bytes, kind: str = "text/plain") -> WSUpgradeResponseWithListener:
        self.counters["refused"] += 1
        response = WSUpgradeResponse.create_error_response(status, why, {"Content-Type": kind})
        return WSUpgradeResponseWithListener(response, None)

    def closed(self, connection: WebSocket) -> None:
        """The connection is gone, or its handshake failed after the room had opened it."""
        if connection in self.open:
            self.open.discard(connection)
            self.counters["closed"] += 1
            self.room.closed(connection)

    def _drop_slowest(self, waiting: list[tuple[int, WebSocket]], excess: int) -> None:
        for size, connection in sorted(waiting, key=lambda pair: pair[0], reverse=True):
            if excess <= 0:
                return
            excess -= size
            connection.drop("slow")

    def _flush(self) -> None:
        dirty, self._dirty = self._dirty, []
        for connection in dirty:
            connection.flush()

    def _tick(self) -> None:
        self._timer = self._loop.call_later(SWEEP_SECONDS, self._tick)
        self.sweep()


class _Protocol(WSProtocol):  # type: ignore[misc]
    """One TCP connection, from accept to end; picows does the handshake and the frames."""

    def __init__(self, listener: Listener) -> None:
        limits = listener.limits
        super().__init__(
            host_port=None,
            ws_path=None,
            is_client_side=False,
            ws_listener_factory=self._admit,
            logger=_SILENT,
            disconnect_on_exception=True,
            websocket_handshake_timeout=limits.handshake_timeout,
            enable_auto_ping=False,  # `sweep` does it, and `WebSocket` counts pings as messages
            auto_ping_idle_timeout=0,
            auto_ping_reply_timeout=0,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
            enable_auto_pong=False,
            max_frame_size=limits.message_bytes,
            extra_headers=None,
            read_buffer_init_size=2048,
        )
        self._listener = listener
        self._connection: WebSocket | None = None
        self.peer = ""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.peer = (transport.get_extra_info("peername") or ("",))[0]
        sockets = self._listener.sockets
        super().connection_made(transport)
        sockets.add(self)
        if len(sockets) > self._listener.limits.sockets:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.sockets.discard(self)
        super().connection_lost(exc)
        if self._connection is not None:
            self._listener.closed(self._connection)
        self._listener.left()

    def abort(self) -> None:
        """Ends the connection without ceremony."""
        self._transport.abort()

    def _admit(self, request: WSUpgradeRequest) -> WebSocket | WSUpgradeResponseWithListener | None:
        decision = self._listener.admit(self, request)
        if isinstance(decision, WebSocket):
            self._connection = decision
        return decision


def _accept_connection_lists(request: WSUpgradeRequest) -> None:
    """Browsers send `Connection: keep-alive, Upgrade` (RFC 9110, section 7.6.1); picows wants the one word."""
    options = {part.strip().lower() for part in ",".join(request.headers.getall("Connection", [])).split(",")}
    if "upgrade" in options:
        request.headers["Connection"] = "Upgrade"
