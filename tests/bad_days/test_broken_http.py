"""Bytes on a socket that are no HTTP, or not yet: they end their own connection and nobody else's."""

import socket
import time
from urllib.parse import urlsplit

import pytest

from tests.bad_days.client import Client
from tests.exchange import Exchange

GOOD = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"


def talk(rest: str, *parts: bytes, patience: float = 3) -> bytes:
    """Says `parts` and reads until the other side ends or has nothing more to say."""
    where = urlsplit(rest)
    with socket.create_connection((where.hostname, where.port), timeout=patience) as link:
        for part in parts:
            link.sendall(part)
        heard = b""
        try:
            while chunk := link.recv(65536):
                heard += chunk
        except (TimeoutError, ConnectionError):
            pass
        return heard


@pytest.mark.parametrize(
    "said",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
        b"GET\r\n\r\n",
        b"GET /api/v3/ping\r\n\r\n",
        b"BREW /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v3/ping HTTP/9.9\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nBad\x00Name: 1\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 7\r\n\r\nabcdefg",
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)) * 40,
    ],
)
def test_what_is_no_http_is_refused(venue: Exchange, client: Client, said: bytes) -> None:
    heard = talk(venue.rest, said)
    assert heard == b"" or heard.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), heard[:200]


def test_no_request_is_smuggled_behind_another(venue: Exchange, client: Client) -> None:
    """Given two lengths, a proxy and we could disagree where a request ends."""
    smuggled = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n"
    heard = talk(venue.rest, head % (5 + len(smuggled)) + b"0\r\n\r\n" + smuggled, patience=1)
    assert b"HTTP/1.1 4" in heard
    assert heard.count(b"serverTime") <= 1


def test_a_body_that_grows_without_end_is_cut_off(venue: Exchange, client: Client) -> None:
    head = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"4000\r\n" + b"a" * 0x4000 + b"\r\n"
    heard = talk(venue.rest, head, *[chunk] * 5, patience=2)
    assert heard.startswith(b"HTTP/1.1 413"), heard[:100]


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(venue: Exchange, client: Client) -> None:
    where = urlsplit(venue.rest)
    for half in (b"", GOOD[:20], b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nsymbol=BTC"):
        for _ in range(20):
            socket.create_connection((where.hostname, where.port)).sendall(half)
    assert client.open_orders() == []


def test_many_requests_in_one_packet_are_all_answered(venue: Exchange, client: Client) -> None:
    heard = talk(venue.rest, GOOD * 50, patience=1)
    assert heard.count(b"HTTP/1.1 200") == 50


def test_who_never_finishes_a_request_is_sent_away(venue: Exchange, client: Client) -> None:
    """A hundred clients that drip headers hold up nobody, and are gone after the time that headers may take."""
    where = urlsplit(venue.rest)
    slow = [socket.create_connection((where.hostname, where.port), timeout=15) for _ in range(100)]
    for link in slow:
        link.sendall(GOOD[:30])
    began = time.monotonic()
    assert client.send("GET", "/api/v3/ping").status == 200
    assert time.monotonic() - began < 1
    for link in slow:
        heard = link.recv(1000)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 4")
        link.close()
    assert time.monotonic() - began < 14
