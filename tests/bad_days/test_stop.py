"""SIGTERM under load: everybody is told, nothing acknowledged is lost, and it is gone within five seconds."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from agio.bootstrap import STOP_SECONDS
from agio.shard import log
from tests.bad_days.client import Client, counted, until
from tests.bad_days.faults import Faults
from tests.bad_days.load import LOST, Told, judge, placing, raise_limits
from tests.exchange import AGIO, Exchange, first_line, running
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


def listen_key(exchange: Exchange) -> str:
    """The demo user's listen key, made when there is none."""
    client = Client(exchange.rest, exchange.user)
    answer = client.send("POST", "/api/v3/userDataStream", X_MBX_APIKEY=exchange.user.api_key)
    return str(answer.body["listenKey"])


@pytest.fixture
def heard() -> Iterator[None]:
    """A hangup is heard by what starts now, also where it is not by these tests, as under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_stop_under_load(begin: Begin, tmp_path: Path, number: signal.Signals) -> None:
    folder = tmp_path / "data"
    exchange = begin(folder, *QUIET)
    raise_limits(exchange)
    key = listen_key(exchange)
    told, seconds = await stop_under_load(exchange, number)
    assert seconds < SECONDS
    assert {status for status, _ in told.answers} == {503}, "who asked meanwhile was told so, and nothing else"
    assert {code for _, code in told.answers} == {-1016}
    assert "Traceback" not in exchange.errors.read_text()
    whole = log.verify(str(folder / "log"))
    assert (whole["damage"], whole["torn"], whole["snapshots"]) == ([], None, 1)
    with running(folder, *QUIET) as again:
        judge(again, told)
        assert listen_key(again) == key, "whoever connects to it again would wait in vain"


def test_a_disk_that_does_not_answer_is_not_waited_for(begin: Begin, tmp_path: Path, faults: Faults) -> None:
    """A request is under way when the time to stop is over: it is cut off untold, and the log is whole."""
    folder = tmp_path / "data"
    exchange = begin(folder, *QUIET, environment=faults.environment)
    before = Client(exchange.rest, exchange.user).place().body["orderId"]
    faults.set("hang")
    told: list[object] = []
    asking = threading.Thread(target=lambda: told.append(outcome(exchange)))
    asking.start()
    assert until(5, lambda: counted(exchange, "agio_shard_under_way") == 1)
    began = time.monotonic()
    exchange.process.send_signal(signal.SIGTERM)
    assert exchange.process.wait(SECONDS + 1) == 0
    assert STOP_SECONDS <= time.monotonic() - began < SECONDS
    asking.join(SECONDS)
    assert told in (["cut off"], [(408, -1007)]), "nobody knows what became of it, so nobody said that it was placed"
    assert "was cut off: the log is whole" in exchange.errors.read_text()
    faults.clear("hang")
    assert log.verify(str(folder / "log"))["damage"] == []
    with running(folder, *QUIET, environment=faults.environment) as again:
        orders = [order["orderId"] for order in Client(again.rest, again.user).open_orders()]
        assert orders in ([before], [before, before + 1])


def outcome(exchange: Exchange) -> object:
    """What a client hears of an order: status and code, or nothing at all."""
    try:
        answer = Client(exchange.rest, exchange.user).place()
    except LOST:
        return "cut off"
    return answer.status, answer.code


def test_who_never_ends_a_request_is_not_waited_for(begin: Begin, tmp_path: Path) -> None:
    exchange = begin(tmp_path / "data", *QUIET)
    where = urlsplit(exchange.rest)
    head = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nsymbol=BTC"
    with socket.create_connection((where.hostname, where.port), timeout=SECONDS) as link:
        link.sendall(head)
        time.sleep(0.2)
        exchange.process.send_signal(signal.SIGTERM)
        assert exchange.process.wait(SECONDS) == 0
        assert b"HTTP/1.1 200" not in link.recv(1000)
    assert log.verify(str(exchange.folder / "log"))["damage"] == []


def test_a_second_signal_changes_nothing(begin: Begin, tmp_path: Path) -> None:
    exchange = begin(tmp_path / "data", *QUIET)
    assert Client(exchange.rest, exchange.user).place().status == 200
    for _ in range(3):
        os.kill(exchange.process.pid, signal.SIGTERM)
    assert exchange.process.wait(SECONDS) == 0
    assert not (tmp_path / "data" / "admin.sock").exists()


def hears_its_end(process: int) -> bool:
    """Whether a process handles SIGTERM already."""
    status = Path(f"/proc/{process}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> signal.SIGTERM - 1 & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_takes_long_is_ended_as_well(tmp_path: Path, faults: Faults, number: signal.Signals) -> None:
    """Reading a long log, or a disk that hangs: nobody was answered yet, so nobody has to be told."""
    folder = tmp_path / "data"
    with running(folder, *QUIET, environment=faults.environment) as exchange:
        before = Client(exchange.rest, exchange.user).place().body["orderId"]
    faults.set("hang")
    command: list[str | Path] = [AGIO, "dev", "--port-base", "0", "--data", folder, *QUIET]
    starting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **faults.environment})
    try:
        assert until(30, lambda: hears_its_end(starting.pid))
        time.sleep(1)  # on to the log, which hangs
        assert starting.poll() is None
        starting.send_signal(number)
        assert starting.wait(SECONDS) == 0
    finally:
        starting.kill()
    assert starting.stderr is not None
    assert "ended before it was ready" in starting.stderr.read()
    faults.clear("hang")
    with running(folder, *QUIET, environment=faults.environment) as again:
        assert [order["orderId"] for order in Client(again.rest, again.user).open_orders()] == [before]


def test_a_closed_terminal_does_not_end_what_nohup_started(tmp_path: Path) -> None:
    command: list[str | Path] = [
        "nohup",
        AGIO,
        "dev",
        "--json",
        "--port-base",
        "0",
        "--data",
        tmp_path / "data",
        *QUIET,
    ]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    try:
        assert first_line(started, 20).startswith(b"{")
        started.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            started.wait(1)
        started.send_signal(signal.SIGTERM)
        assert started.wait(SECONDS) == 0
    finally:
        started.kill()
