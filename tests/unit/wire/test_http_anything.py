"""Any bytes in any pieces: what a connection makes of them, without sockets and without a loop."""

import os
import re
import time
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agio.wire.http import HttpLimits, HttpListener
from agio.wire.http_connection import HttpConnection, HttpRequest

LIMITS = HttpLimits(header_bytes=2000, body_bytes=200)
LATER = 1_000.0
EXAMPLES = settings(max_examples=int(os.environ.get("AGIO_EXAMPLES", "150")), deadline=None)


class Wire:
    """A transport that keeps what was written, and says what was done to it."""

    def __init__(self) -> None:
        self.sent = b""
        self.reading = True
        self.over = False

    def write(self, data: bytes) -> None:
        assert not self.over, "an answer behind the end"
        self.sent += data

    def write_eof(self) -> None:
        self.over = True

    close = abort = write_eof

    def can_write_eof(self) -> bool:
        return True

    def get_extra_info(self, _: str) -> Any:
        return ("192.0.2.1", 1)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading


class Client:
    """One connection. The application answers at once, or when the test says so."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.served: list[tuple[bytes, bytes, bytes]] = []
        self.refused: list[int] = []
        self.open: list[HttpRequest] = []
        self.wire = Wire()
        listener = SimpleNamespace(
            time=0.0, date=b"", limits=LIMITS, application=self, admit=lambda _: True, forget=lambda _: None
        )
        self.connection = HttpConnection(cast("HttpListener", listener))
        self.connection.connection_made(cast("Any", self.wire))

    def serve(self, request: HttpRequest) -> None:
        assert not self.open, "two requests are with the application"
        self.served.append((request.method, request.target, request.body))
        self._take(request)

    def refuse(self, request: HttpRequest, status: int) -> None:
        self.refused.append(status)
        self._take(request, status)

    def _take(self, request: HttpRequest, status: int = 200) -> None:
        if self.at_once:
            request.respond(status, b"", request.target)
        else:
            self.open.append(request)

    def answer(self) -> None:
        request = self.open.pop(0)
        request.respond(200, b"", request.target)

    def feed(self, data: bytes) -> None:
        """As a socket does: nothing comes while nobody reads."""
        while not self.wire.reading and self.open:
            self.answer()
        if data and not self.wire.over:
            self.connection.data_received(data)

    def settle(self) -> None:
        while self.open:
            self.answer()

    def answers(self) -> list[bytes]:
        """The bodies of all answers; fails when what was written is no sequence of answers."""
        bodies, rest = [], self.wire.sent.replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        while rest:
            head, end, rest = rest.partition(b"\r\n\r\n")
            assert end
            assert head.startswith(b"HTTP/1.1 ")
            length = int(re.findall(rb"content-length: (\d+)", head)[0])
            bodies.append(rest[:length])
            rest = rest[length:]
        return bodies


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)


def chunked(body: bytes, size: int) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, tuple[bytes, bytes, bytes]]:
    """A lawful request, and what an application should see of it."""
    method = draw(st.sampled_from([b"GET", b"POST", b"DELETE", b"PUT"]))
    target = b"/" + draw(st.text("abc/%20?=&", max_size=20)).encode()
    head = b"%b %b HTTP/1.1\r\nHost: x\r\n" % (method, target)
    for name, value in draw(st.lists(st.tuples(st.sampled_from(["X-A", "x-b"]), st.text("ab c:;", max_size=8)))):
        head += f"{name}: {value}\r\n".encode()
    body = draw(st.binary(max_size=60)) if method != b"GET" else b""
    if draw(st.booleans()) and body:
        return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, draw(st.integers(1, 20))), (
            method,
            target,
            body,
        )
    length = b"Content-Length: %d\r\n" % len(body) if body or draw(st.booleans()) else b""
    return head + length + b"\r\n" + body, (method, target, body)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@EXAMPLES
@given(st.lists(requests(), max_size=6), st.lists(st.integers(0, 10**6), max_size=30), st.booleans())
def test_requests_are_the_same_however_they_are_cut(
    sent: list[tuple[bytes, tuple[bytes, bytes, bytes]]], cuts: list[int], at_once: bool
) -> None:
    client = Client(at_once=at_once)
    for piece in pieces(b"".join(data for data, _ in sent), cuts):
        client.feed(piece)
    client.settle()
    assert client.served == [seen for _, seen in sent]
    assert client.answers() == [target for _, (_, target, _) in sent], "each its own answer, in order"
    assert not client.refused
    assert not client.wire.over


SCRAPS = [
    b"GET / HTTP/1.1\r\n",
    b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\n",
    b"POST / HTTP/1.1\r\n",
    b"HEAD / HTTP/1.0\r\n",
    b"CONNECT x:1 HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01",
    b"Host: x\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 0\r\n",
    b"content-length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: Upgrade\r\nUpgrade: h2c\r\n",
    b"Expect: 100-continue\r\n",
    b" folded\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"5\r\n",
    b"hello",
    b"0\r\n\r\n",
    b"0\r\nContent-Length: 7\r\n\r\n",
    b"FFFFFFFFFFFFFFFFF\r\n",
    b"x" * 300,
    b"A: " + b"y" * 1500 + b"\r\n",
]


@EXAMPLES
@given(
    st.lists(st.one_of(st.sampled_from(SCRAPS), st.sampled_from(SCRAPS), st.binary(max_size=12)), max_size=25),
    st.lists(st.integers(0, 10**6), max_size=8),
    st.booleans(),
    st.booleans(),
)
def test_any_bytes_are_answered_or_the_connection_ends(
    scraps: list[bytes], cuts: list[int], at_once: bool, ends: bool
) -> None:
    client = Client(at_once=at_once)
    for piece in pieces(b"".join(scraps), cuts):
        client.feed(piece)
    if ends and not client.wire.over and client.connection.eof_received() is False:
        client.wire.over = True
        client.connection.connection_lost(None)
    client.settle()
    assert len(client.answers()) == len(client.served) + len(client.refused)
    assert len(client.refused) <= 1, "nothing is read behind what was refused"
    assert client.wire.over or client.wire.reading, "a connection that neither reads nor ends"
    for _ in range(3):
        client.connection.check(LATER)
        client.settle()
    assert client.wire.over, "an unfinished request is given up in the end"


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("at_once", [True, False])
def test_an_application_that_raises_leaves_nobody_waiting(
    at: int, at_once: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(at_once=at_once)
    serve = client.serve

    def fail_sometimes(request: HttpRequest) -> None:
        if len(client.served) == at:
            raise RuntimeError("broken")
        serve(request)

    monkeypatch.setattr(client, "serve", fail_sometimes)
    client.feed(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 4)
    client.settle()
    assert client.wire.over
    assert client.answers() == [b"/a"] * at
    assert "RuntimeError: broken" in caplog.text


def test_a_request_that_is_never_answered_does_not_keep_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(at_once=False)
    client.feed(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
    over = []
    for now in (LIMITS.answer_seconds, LATER):
        client.connection.check(now)
        over.append(client.wire.over)
    assert over == [False, True]
    assert "not answered in 60 s" in caplog.text


@pytest.mark.parametrize(("start", "endless"), [(b"0\r\n", b"%x:\r\n"), (b"1;", b"%x")], ids=["trailers", "extension"])
def test_what_comes_with_a_body_is_bounded(start: bytes, endless: bytes) -> None:
    client = Client()
    client.feed(POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + start)
    sent = 0
    while not client.wire.over:
        piece = endless % sent
        client.feed(piece)
        sent += len(piece)
        assert sent < 2 * (LIMITS.header_bytes + 8 * LIMITS.body_bytes), "it goes on without end"
    assert client.refused == [413]


def test_chunks_of_one_byte_are_lawful() -> None:
    client = Client()
    client.feed(POST + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(LIMITS.body_bytes):
        client.feed(b"1\r\nx\r\n")
    client.feed(b"0\r\n\r\n")
    assert client.served == [(b"POST", b"/", b"x" * LIMITS.body_bytes)]


def test_a_head_in_many_pieces_costs_no_more_than_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else 65 KB, a header in each packet, would keep the loop busy for seconds."""
    monkeypatch.setitem(globals(), "LIMITS", HttpLimits(headers=8_001))
    client = Client()
    client.feed(b"GET / HTTP/1.1\r\n")
    begin = time.process_time()
    for number in range(8_000):
        client.feed(b"%x:\r\n" % number)
    assert time.process_time() - begin < 1, "it takes 20 ms"
    client.feed(b"\r\n")
    assert client.served == [(b"GET", b"/", b"")]


REFUSED = {
    "two lengths": POST + b"Content-Length: 0\r\n" + LENGTH + b"\r\n",
    "the same length twice": POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n",
    "a signed length": POST + b"Content-Length: +0\r\n\r\n",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a length in hex": POST + b"Content-Length: 0x0\r\n\r\n",
    "a length with a gap": POST + b"Content-Length: 0 0\r\n\r\n",
    "a length beyond 64 bits": POST + b"Content-Length: 18446744073709551616\r\n\r\n",
    "length and chunks": POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "an unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks that are not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a control character in the coding": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a folded line": POST + b"X: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded length": POST + b"Content-Length:\r\n 0\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\nHost: x\n\n",
    "a bare line feed in the headers": POST + b"X: a\nContent-Length: 0\r\n\r\n",
    "a bare line feed at the end": POST + b"Content-Length: 0\r\n\n",
    "a bare carriage return": POST + b"X: a\rContent-Length: 0\r\n\r\n",
    "a zero byte": POST + b"X: a\x00b\r\n\r\n",
    "a chunk size in words": POST + b"Transfer-Encoding: chunked\r\n\r\nzero\r\n\r\n",
    "a chunk size with 0x": POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "a signed chunk size": POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    "a chunk size beyond 64 bits": POST + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
    "a chunk without its end": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n",
    "a chunk size that ends in a bare line feed": POST + b"Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
    "a space in a name": POST + b"Content Length: 0\r\n\r\n",
    "no name": POST + b": 0\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
    "an unknown version": b"GET / HTTP/1.9\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_two_readings_of_one_request_are_refused(request_bytes: bytes, step: int) -> None:
    """What a proxy before us might end elsewhere must not smuggle a request behind it."""
    client = Client()
    data = request_bytes + HIDDEN
    for at in range(0, len(data), step):
        client.feed(data[at : at + step])
    assert client.refused == [400]
    assert client.wire.over
    assert b"/hidden" not in [target for _, target, _ in client.served]
