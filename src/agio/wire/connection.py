"""One WebSocket: its frames in, its messages out, its heartbeat, its end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from agio.wire import frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from agio.wire.websocket import Listener

log = logging.getLogger(__name__)

JOINED = 256
"""Frames that are joined into one write at most, so that a burst within one tick stays bounded."""
LARGE = 64 * 1024
"""Bytes of a message that is written at once: hundreds of them, asked for in one packet, would be a gigabyte."""
OUTSTANDING_PINGS = 8


class WebSocket(WSListener):
    """An `agio.ports.Connection`. Messages of one tick of the loop leave in one write, in order."""

    __slots__ = (
        "_closing",
        "_fragments",
        "_heard",
        "_held",
        "_opened",
        "_pinged",
        "_pings",
        "_second",
        "_spent",
        "_transport",
        "listener",
        "pending",
        "remote",
        "state",
    )  # fmt: skip

    def __init__(self, listener: Listener, remote: str) -> None:
        self.remote = remote
        self.state: dict[str, Any] = {}
        self.listener = listener
        self._transport: WSTransport | None = None
        self.pending: list[bytes] = []
        self._closing = False
        self._fragments: list[bytes] | None = None
        self._held = 0
        now = listener.clock()
        self._opened = self._pinged = self._heard = now
        self._pings: deque[bytes] = deque(maxlen=OUTSTANDING_PINGS)
        self._second = 0
        self._spent = 0

    # --- out ---

    def send(self, payload: bytes) -> None:
        """Queues one text message; a reader too slow is dropped."""
        self.queue(frames.text(payload))
        if len(payload) >= LARGE:
            self.flush()

    def queue(self, frame: bytes) -> None:
        """Queues a frame built by `agio.wire.frames`, which may be shared with other connections."""
        pending = self.pending
        if not pending:
            self.listener.mark(self)
        elif len(pending) >= JOINED:
            self.flush()
        pending.append(frame)

    def flush(self) -> None:
        """Writes what is queued, unless too much waits already."""
        pending = self.pending
        if not pending or self._closing or self._transport is None:
            pending.clear()
            return
        count = len(pending)
        data = pending[0] if count == 1 else b"".join(pending)
        pending.clear()
        transport = self._transport.underlying_transport
        if transport.get_write_buffer_size() > self.listener.limits.buffer_bytes:
            self.drop("slow")
            return
        transport.write(data)
        counters = self.listener.counters
        counters["sent"] += count
        counters["sent_bytes"] += len(data)

    def waiting(self) -> int:
        """Bytes that the peer has not taken yet."""
        return 0 if self._transport is None else self._transport.underlying_transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Sends what is queued and a close frame; the peer has `close_grace` to answer it."""
        if self._closing:
            return
        self.flush()
        self._closing = True
        if self._transport is not None and not self._transport.is_disconnected:
            self._transport.send_close(WSCloseCode(code), reason.encode())
            loop = asyncio.get_running_loop()
            loop.call_later(self.listener.limits.close_grace, self._transport.disconnect, False)

    def drop(self, why: str) -> None:
        """Ends the connection at once: a close frame would only wait behind what is not read."""
        self.listener.counters[why] += 1
        self._closing = True
        self.pending.clear()
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # --- heartbeat ---

    def check(self, now: float) -> None:
        """Pings when it is time to, and ends what is too old or silent."""
        limits = self.listener.limits
        if self._closing or self._transport is None:
            return
        if now - self._opened >= limits.lifetime:
            self.close(1001, "connection reached its maximum age")
        elif now - self._heard >= limits.pong_timeout:
            self.listener.counters["silent"] += 1
            self.close(1008, "Pong timeout")
        elif now - self._pinged >= limits.ping_interval:
            self._pinged = now
            payload = b"%d" % int(now * 1000)
            self._pings.append(payload)
            self.queue(frames.encode(frames.PING, payload))

    # --- in, called by picows ---

    def on_ws_connected(self, transport: WSTransport) -> None:
        """The handshake is answered."""
        self._transport = transport
        if self.pending:
            self.listener.mark(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """The connection is gone."""
        self._closing = True
        self.listener.closed(self)

    def pause_writing(self) -> None:
        """Nothing: `flush` looks at the buffer itself."""

    def resume_writing(self) -> None:
        """Nothing."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """One frame; picows has checked its header, its mask and its length."""
        if frame.msg_type == WSMsgType.CLOSE:
            self._closed_by_peer(transport, frame)
        elif self._closing:
            return
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._violation(1002, "no extension was negotiated")
        elif not self._may_send():
            self.listener.counters["flooding"] += 1
            self.close(1008, "Too many requests")
        else:
            self._frames[frame.msg_type](self, frame)

    def _may_send(self) -> bool:
        limit = self.listener.limits.messages_per_second
        second = int(self.listener.clock())
        if second != self._second:
            self._second, self._spent = second, 0
        self._spent += 1
        return limit is None or self._spent <= limit

    def _closed_by_peer(self, transport: WSTransport, frame: WSFrame) -> None:
        if not transport.is_close_frame_sent:
            self.flush()
            self._closing = True
            transport.send_close(frame.get_close_code() if frame.payload_size else WSCloseCode.OK)
        transport.disconnect()

    def _violation(self, code: int, reason: str) -> None:
        self.listener.counters["broken"] += 1
        self.close(code, reason)

    def _text(self, frame: WSFrame) -> None:
        if self._fragments is not None:
            self._violation(1002, "a new message inside a fragmented one")
        elif frame.fin:
            self._message(frame.get_payload_as_bytes())
        else:
            self._fragments = [frame.get_payload_as_bytes()]
            self._held = frame.payload_size

    def _binary(self, frame: WSFrame) -> None:
        self._violation(1003, "text messages only")

    def _continuation(self, frame: WSFrame) -> None:
        limits = self.listener.limits
        fragments = self._fragments
        if fragments is None:
            self._violation(1002, "nothing to continue")
            return
        fragments.append(frame.get_payload_as_bytes())
        self._held += frame.payload_size
        if self._held > limits.message_bytes or len(fragments) > limits.fragments:
            self._fragments = None
            self._violation(1009, "message too big")
        elif frame.fin:
            self._fragments = None
            self._message(b"".join(fragments))

    def _ping(self, frame: WSFrame) -> None:
        self.queue(frames.encode(frames.PONG, frame.get_payload_as_bytes()))

    def _pong(self, frame: WSFrame) -> None:
        if frame.get_payload_as_bytes() in self._pings:
            self._pings.clear()
            self._heard = self.listener.clock()

    def _message(self, message: bytes) -> None:
        self.listener.counters["received"] += 1
        if not _is_utf8(message):
            self._violation(1007, "not UTF-8")
            return
        try:
            self.listener.room.received(self, message)
        except Exception:
            self.listener.counters["failed"] += 1
            log.exception("a message could not be handled")
            self.close(1011, "internal error")

    _frames: ClassVar[dict[WSMsgType, Callable[[WebSocket, WSFrame], None]]] = {
        WSMsgType.TEXT: _text,
        WSMsgType.BINARY: _binary,
        WSMsgType.CONTINUATION: _continuation,
        WSMsgType.PING: _ping,
        WSMsgType.PONG: _pong,
    }


def _is_utf8(message: bytes) -> bool:
    if message.isascii():
        return True
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
