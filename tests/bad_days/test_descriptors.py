"""Clients that open connections without end, on a machine that grants few descriptors."""

import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import tests.exchange
from tests.bad_days.client import Client
from tests.exchange import Exchange

GRANTED = 1024
NEEDED = 100
"""What the log, its snapshots and the databases may need beyond what is open."""


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="absent: folder /proc/self/fd")
def test_connections_never_take_the_descriptors_that_the_log_needs(
    begin: Callable[..., Exchange], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one for its next segment the log ends, and the exchange with it."""
    few = tmp_path / "few"
    few.write_text(f'#!/bin/sh\nulimit -n {GRANTED} && exec "{tests.exchange.AGIO}" "$@"\n')
    few.chmod(0o700)
    monkeypatch.setattr(tests.exchange, "AGIO", few)
    exchange = begin(tmp_path / "data", "--liquidity", "none")
    client = Client(exchange.rest, exchange.user)
    assert client.place().status == 200
    with ExitStack() as held:
        for address in (exchange.rest, exchange.streams, exchange.ws_api):
            url = urlsplit(address)
            for number in range(GRANTED // 2):
                with suppress(OSError):
                    one = socket.create_connection(
                        (url.hostname, url.port), timeout=5, source_address=(f"127.0.0.{number % 200 + 20}", 0)
                    )
                    held.enter_context(one)
        for _ in range(5):
            assert client.place().status == 200, "who was there before is served"
        assert len(list(Path(f"/proc/{exchange.process.pid}/fd").iterdir())) <= GRANTED - NEEDED
    assert exchange.stop() == 0
