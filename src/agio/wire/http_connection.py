"""One HTTP/1.1 connection: bytes in, requests out one after the other, answers back in their order.

llhttp reads the bytes (through httptools); what stands here is when to read, how long to wait, and how to answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    from agio.wire.http import HttpListener

log = logging.getLogger(__name__)

VERSIONS = ("1.1", "1.0")
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
CHUNKED = 8
"""How many bytes a byte of a body may take: six in a chunk of its own. More are extensions and trailers without end."""
CLOSE = b"connection: close\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HttpRequest(msgspec.Struct, eq=False):
    """One request, whole. It is answered once, by `respond`, now or later."""

    connection: HttpConnection
    peer: str
    """The address of the other end, without its port; empty on a socket file."""
    method: bytes
    target: bytes
    """What stands between method and version, still percent-encoded."""
    headers: dict[bytes, bytes]
    """By name in lower case; of several with one name the last."""
    body: bytes
    is_last: bool = False
    """Whether the connection is closed after the answer."""
    refusal: int = 0
    """The status to answer when this is no request that an application may see."""

    __repr__ = object.__repr__  # a struct's own would tell keys and signatures to whatever logs it

    def respond(self, status: int, headers: bytes, body: bytes, *, close: bool = False) -> None:
        """Answers. `headers` is a block of lines that each end in CR LF; length and date are added."""
        if close:
            self.is_last = True
        if self.is_last:
            headers += CLOSE
        connection = self.connection
        length = _length(len(body))
        if self.method == b"HEAD":
            body = b""
        connection.answer(self, b"".join((STATUS_LINES[status], connection.listener.date, headers, length, body)))


@lru_cache(4096)
def _length(size: int) -> bytes:
    """The end of a head; most answers are as long as others were."""
    return b"content-length: %d\r\n\r\n" % size


class HttpConnection(asyncio.Protocol):
    """What asyncio calls for one client. At most one of its requests is with the application at a time."""

    __slots__ = (
        "_answering",
        "_begun",
        "_body",
        "_ended",
        "_fed",
        "_head",
        "_headers",
        "_parser",
        "_serving",
        "_since",
        "_stuck",
        "_target",
        "_told",
        "_transport",
        "_waiting",
        "listener",
        "on_header",
        "on_url",
        "peer",
    )  # fmt: skip

    def __init__(self, listener: HttpListener) -> None:
        self.listener = listener
        self.peer = ""
        self._transport: asyncio.Transport | None = None
        self._target: list[bytes] = []
        self.on_url = self._target.append
        self._headers: dict[bytes, bytes] = {}
        self.on_header = self._headers.__setitem__
        self._head: dict[bytes, bytes] = {}
        """The headers by name in lower case, once the head is whole; what comes behind the body is not among them."""
        self._body = b""
        self._fed = 0
        """Bytes of all that came since the last whole request."""
        self._begun = self._told = self._ended = self._serving = self._stuck = False
        self._answering: HttpRequest | None = None
        """The one that is with the application."""
        self._waiting: deque[HttpRequest] = deque()
        """Those that came before their predecessor was answered."""
        self._since = listener.time
        """When the present state began: idle, reading, or waiting for the peer to take what was written."""
        self._parser = HttpRequestParser(self)

    # --- from asyncio ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Unless too many are open."""
        self._transport = cast("asyncio.Transport", transport)
        name = transport.get_extra_info("peername")
        self.peer = name[0] if isinstance(name, tuple) else ""
        if not self.listener.admit(self):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Whatever is still answered goes nowhere."""
        self._transport = None
        self._ended = True
        self._waiting.clear()
        self.listener.forget(self)

    def data_received(self, data: bytes) -> None:
        """Feeds the parser."""
        if self._ended:
            return
        if not self._begun:
            self._begun = True
            self._since = self.listener.time
        self._fed += len(data)
        rest: bytes | memoryview = data
        while rest and not self._ended:
            try:
                self._parser.feed_data(rest)
                break
            except HttpParserUpgrade as upgrade:  # who asks for another protocol is answered in this one
                self._parser = HttpRequestParser(self)
                rest = memoryview(rest)[upgrade.args[0] :]
            except HttpParserError:
                self._refuse(400)
        if self._begun or self._target:  # the second: behind a request that was whole
            self._begun = True
            self._look_at_part()

    def _look_at_part(self) -> None:
        """Refuses what can only become too long; asks, once it is its turn, for a body that waits for a word."""
        if self._ended:
            return
        limits, head = self.listener.limits, self._head
        if head:
            self._headers.clear()  # of trailers, which nobody asks for
        if len(self._headers) > limits.headers or (self._fed > limits.header_bytes and not self._body):
            self._refuse(431)
        elif self._fed > limits.header_bytes + CHUNKED * limits.body_bytes:
            self._refuse(413)
        elif head and not self._told:
            length = head.get(b"content-length", b"").lstrip(b"0")  # Python reads no number of 5,000 zeros
            if length.isdigit() and int(length) > limits.body_bytes:
                self._refuse(413)
            elif self._answering is None and not self._waiting:  # else `answer` looks again
                self._told = True
                if b"expect" in head and self._parser.get_http_version() == "1.1" and self._transport is not None:
                    self._transport.write(CONTINUE)

    def eof_received(self) -> bool:
        """A client that has said all may still read its answers."""
        if self._answering is None:
            return False
        self._ended = True
        (self._waiting[-1] if self._waiting else self._answering).is_last = True
        return True

    def pause_writing(self) -> None:
        """The peer does not read: nothing more is answered until it does."""
        self._stuck = True
        self._since = self.listener.time
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It has read."""
        self._stuck = False
        self._since = self.listener.time
        self._serve()
        self._read_on()

    # --- from the parser; target and headers are put away without a call of ours ---

    def on_headers_complete(self) -> None:
        """The head is whole; its names are put into lower case once, however many pieces the request comes in."""
        if len(self._headers) > self.listener.limits.headers:
            self._refuse(431)
        else:
            head = self._head
            for name, value in self._headers.items():
                head[name.lower()] = value.strip(b" \t")  # llhttp leaves what stands behind it (RFC 9110, 5.5)
            if len(head) != len(self._headers):  # a name in two spellings: which of them came last nobody knows
                self._refuse(400)
            self._headers.clear()

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if len(self._body) + len(piece) > self.listener.limits.body_bytes:
            self._refuse(413)
        else:
            self._body += piece

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self._ended or (self._fed > self.listener.limits.header_bytes and self._is_heavy()):
            return
        target = self._target
        url = target[0] if len(target) == 1 else b"".join(target)
        request = HttpRequest(self, self.peer, self._parser.get_method(), url, self._head, self._body)
        if not self._parser.should_keep_alive():
            request.is_last = True
            if self._parser.get_http_version() not in VERSIONS:
                request.refusal = 400
        self._head = {}
        self._headers.clear()
        target.clear()
        self._body = b""
        self._fed = 0
        self._begun = self._told = False
        if self._answering is None and not self._waiting and not self._stuck and not request.refusal:
            self._hand_over(request)
        else:
            self._push(request)

    def _is_heavy(self) -> bool:
        """Whether the head that has just been read was too long; many short requests may come in one piece, too."""
        size = sum(map(len, self._target)) + sum(len(name) + len(value) + 4 for name, value in self._head.items())
        if size > self.listener.limits.header_bytes:
            self._refuse(431)
        return self._ended

    # --- one after the other ---

    def _refuse(self, status: int) -> None:
        """Answers what is no good request, when its turn comes, and reads no further."""
        if self._ended:
            return
        request = HttpRequest(self, self.peer, b"", b"", {}, b"", is_last=True, refusal=status)
        self._headers.clear()
        self._push(request)
        self._ended = True

    def _push(self, request: HttpRequest) -> None:
        self._waiting.append(request)
        if self._answering is None:
            self._serve()
        elif len(self._waiting) == 1 and self._transport is not None:
            self._transport.pause_reading()

    def _serve(self) -> None:
        """A loop rather than recursion: a packet may hold thousands of requests that are answered at once."""
        if self._serving:
            return
        self._serving = True
        waiting = self._waiting
        while waiting and self._answering is None and not self._stuck:
            self._hand_over(waiting.popleft())
        self._serving = False
        self._read_on()

    def _hand_over(self, request: HttpRequest) -> None:
        """To the application. One that raises, though it promised not to, answers nothing: nobody must wait for it."""
        application = self.listener.application
        self._answering = request
        try:
            if request.refusal:
                application.refuse(request, request.refusal)
            else:
                application.serve(request)
        except Exception:
            log.exception("a request was not answered; its connection is closed")
            self.abort()

    def _read_on(self) -> None:
        """Reads again once nothing waits that has been read already."""
        transport = self._transport
        if transport is not None and not self._waiting and not self._stuck and not transport.is_reading():
            transport.resume_reading()

    def answer(self, request: HttpRequest, answer: bytes) -> None:
        """Writes the answer to the request that is under way, and goes on to the next."""
        transport = self._transport
        if transport is None or request is not self._answering:
            return
        transport.write(answer)
        self._answering = None
        self._since = self.listener.time
        if request.is_last:
            self._linger(transport)
        elif self._waiting:
            self._serve()
        elif self._begun:
            self._look_at_part()

    def _linger(self, transport: asyncio.Transport) -> None:
        """Ends our side; were the other closed with bytes unread, the peer might lose the answer with them."""
        self._waiting.clear()
        self._ended = self._begun = True
        if transport.can_write_eof():
            transport.write_eof()
            self._read_on()
        else:
            transport.close()

    # --- from the listener ---

    def waiting(self) -> int:
        """Bytes that a peer who does not read has not taken yet."""
        return self._transport.get_write_buffer_size() if self._stuck and self._transport is not None else 0

    def check(self, now: float) -> None:
        """Ends what takes too long."""
        limits = self.listener.limits
        waited = now - self._since
        if self._stuck or (self._ended and self._answering is None):
            if waited > limits.take_seconds:
                self.abort()
        elif self._answering is None:
            if self._begun and waited > limits.request_seconds:
                self._refuse(408)
            elif not self._begun and waited > limits.idle_seconds:
                self.abort()
        elif waited > limits.answer_seconds:
            log.error("a request was not answered in %d s; its connection is closed", limits.answer_seconds)
            self.abort()

    def finish(self) -> None:
        """Ends the connection after the answer that is under way."""
        self._ended = True
        if self._answering is not None:
            self._answering.is_last = True
            self._waiting.clear()
        elif self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._ended = True
        if self._transport is not None:
            self._transport.abort()
