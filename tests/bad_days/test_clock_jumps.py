"""A wall clock that jumps while the exchange is at work."""

import time
from pathlib import Path

from agio.cli.admin_client import Admin
from tests.bad_days.client import Client, until
from tests.bad_days.faults import Faults
from tests.cli.agio import BECAUSE, read, told
from tests.exchange import Exchange, running

HOUR = 3600


def server_hours(exchange: Exchange) -> int:
    """By how many hours the exchange's time is ahead of the test's."""
    now: int = Admin(exchange.folder).get("/clock")["time"]
    return round((now / 1e6 - time.time()) / HOUR)


def test_it_is_refused_until_an_operator_confirms_it(tmp_path: Path, faults: Faults) -> None:
    with running(tmp_path / "data", program="serve", environment=faults.environment) as exchange:
        faults.set("clock", str(HOUR))
        assert until(5, lambda: read(exchange.folder, "clock", "show")["jump"] is not None)
        assert until(3, lambda: "agio clock confirm" in exchange.errors.read_text())
        assert server_hours(exchange) == 0
        assert "has jumped by +3600" in told(exchange.folder, "clock", "show")
        told(exchange.folder, "clock", "confirm", *BECAUSE)
        assert server_hours(exchange) == 1
        assert read(exchange.folder, "clock", "show")["jump"] is None
        assert until(3, lambda: "agree again" in exchange.errors.read_text())


def test_dev_follows_it_forward_and_says_so(tmp_path: Path, faults: Faults) -> None:
    """A laptop that slept."""
    with running(tmp_path / "data", "--liquidity", "none", environment=faults.environment) as exchange:
        faults.set("clock", str(HOUR))
        assert until(5, lambda: server_hours(exchange) == 1)
        assert until(3, lambda: "the log's clock has followed it" in exchange.errors.read_text())
        client = Client(exchange.rest, exchange.user, skew_ms=HOUR * 1000)
        assert client.place().status == 200


def test_dev_does_not_follow_it_back(tmp_path: Path, faults: Faults) -> None:
    with running(tmp_path / "data", "--liquidity", "none", environment=faults.environment) as exchange:
        faults.set("clock", str(-HOUR))
        assert until(5, lambda: "jumped by -3600" in exchange.errors.read_text())
        assert server_hours(exchange) == 0
        assert Client(exchange.rest, exchange.user).place().status == 200
