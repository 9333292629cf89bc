"""SIGTERM under load: everybody is told, nothing acknowledged is lost, and it is gone within five seconds."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agio.shard import log
from tests.bad_days.client import Client, until
from tests.bad_days.load import Told, judge, placing, raise_limits
from tests.exchange import Exchange, running
from tests.unit.wire.raw import Client as Reader
from tests.unit.wire.raw import dial

QUIET = ("--liquidity", "none")
SECONDS = 5
Begin = Callable[..., Exchange]


@asynccontextmanager
async def listening(exchange: Exchange) -> AsyncIterator[list[Reader]]:
    """One connection to each WebSocket listener."""
    ws_api, streams = urlsplit(exchange.ws_api), urlsplit(exchange.streams)
    async with (
        dial(ws_api.port or 0, ws_api.path) as asking,
        dial(streams.port or 0, "/ws/btcusdt@depth@100ms") as watching,
    ):
        yield [asking, watching]


async def last_words(reader: Reader) -> tuple[list[str], int]:
    """The names of all events until the close frame, and its code."""
    events: list[str] = []
    while True:
        first, payload = await reader.receive(SECONDS)
        if first == 0x88:
            return events, int.from_bytes(payload[:2])
        told = json.loads(payload)
        events.append(told.get("event", told).get("e"))


async def stop_under_load(exchange: Exchange, number: signal.Signals) -> tuple[Told, float]:
    """Places orders, sends the signal, and hears the end. What was told, and how long the end took."""
    async with listening(exchange) as readers:
        with placing(exchange) as told:
            assert await asyncio.to_thread(until, 10, lambda: len(told.placed) > 500)
            began = time.monotonic()
            exchange.process.send_signal(number)
            for reader in readers:
                events, code = await last_words(reader)
                assert events[-1] == "serverShutdown"
                assert code == 1001
            assert await asyncio.to_thread(exchange.process.wait, SECONDS) == 0
            return told, time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_under_load(begin: Begin, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "data"
    exchange = begin(folder, *QUIET)
    raise_limits(exchange)
    told, seconds = await stop_under_load(exchange, number)
    assert seconds < SECONDS
    assert {status for status, _ in told.answers} == {503}, "who asked meanwhile was told so, and nothing else"
    assert {code for _, code in told.answers} == {-1016}
    assert "Traceback" not in exchange.errors.read_text()
    whole = log.verify(str(folder / "log"))
    assert (whole["damage"], whole["torn"], whole["snapshots"]) == ([], None, 1)
    with running(folder, *QUIET) as again:
        judge(again, told)


def test_a_second_signal_changes_nothing(begin: Begin, tmp_path: Path) -> None:
    exchange = begin(tmp_path / "data", *QUIET)
    assert Client(exchange.rest, exchange.user).place().status == 200
    for _ in range(3):
        os.kill(exchange.process.pid, signal.SIGTERM)
    assert exchange.process.wait(SECONDS) == 0
    assert not (tmp_path / "data" / "admin.sock").exists()
