"""What is watched beside the load: the one depth subscriber that is part of every figure, and how far history is."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benches.processes import Exchange

POLL = 0.004
"""Seconds between two looks at the position of the projection."""


@contextmanager
def depth(exchange: Exchange) -> Iterator[list[int]]:
    """Listens to `btcusdt@depth@100ms`; yields a list whose only item counts the bytes that came."""
    host, port = str(exchange.ready["streams"]).removeprefix("ws://").split(":")
    client = socket.create_connection((host, int(port)))
    client.sendall(
        b"GET /ws/btcusdt@depth@100ms HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 101")
    count = [0]

    def read() -> None:
        while chunk := client.recv(1 << 16):
            count[0] += len(chunk)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        client.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        client.close()


class Counts(NamedTuple):
    """What history has of the bench's orders."""

    orders: int
    trades: int


def counted(exchange: Exchange, orders: int, patience: float = 30.0) -> Counts:
    """Rows in SQL, once there are so many orders; what there is, when patience ends."""
    with _database(exchange.folder) as database:
        until = time.monotonic() + patience
        while (found := _count(database, "orders")) < orders and time.monotonic() < until:
            time.sleep(0.05)
        return Counts(found, _count(database, "trades"))


def _count(database: sqlite3.Connection, table: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@contextmanager
def watch_lag(exchange: Exchange) -> Iterator[list[float]]:
    """Collects, for every command that is projected meanwhile, the ms from the log's time until SQL shows it.

    Seen from outside: positions are polled, and the commands between two positions lie evenly between their times. The
    first step is left out: it began before the load did.
    """
    lags: list[float] = []
    ended = threading.Event()

    def look() -> None:
        with _database(exchange.folder) as database:
            start = sequence, then = _position(database)
            while not ended.wait(POLL):
                reached, until = _position(database)
                now = time.time() * 1e6
                count = reached - sequence
                if (sequence, then) != start:
                    lags.extend((now - then - (until - then) * (i + 1) / count) / 1e3 for i in range(count))
                sequence, then = reached, until

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield lags
    finally:
        time.sleep(0.5)
        ended.set()
        thread.join(5)


@contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    database = sqlite3.connect(f"file:{folder / 'projection.db'}?mode=ro", uri=True, timeout=5)
    try:
        yield database
    finally:
        database.close()


def _position(database: sqlite3.Connection) -> tuple[int, int]:
    found = database.execute("SELECT sequence, time FROM positions").fetchone()
    return int(found[0]), int(found[1])
