"""Disks that fail: nothing that was acknowledged is lost, nothing is doubled, and it goes on by itself."""

import json
from collections.abc import Callable
from pathlib import Path

from agio.cli.admin_client import Admin
from agio.shard import log
from tests.bad_days.client import Client, until
from tests.bad_days.faults import Faults
from tests.bad_days.load import judge, placing, raise_limits
from tests.exchange import Exchange, first_line, running

QUIET = ("--liquidity", "none")


def test_a_failed_sync_loses_nothing_and_it_begins_anew_by_itself(tmp_path: Path, faults: Faults) -> None:
    with running(tmp_path / "data", *QUIET, environment=faults.environment) as exchange:
        raise_limits(exchange)
        with placing(exchange) as told:
            assert until(10, lambda: len(told.placed) > 300)
            faults.set("sync")
            again = json.loads(first_line(exchange.process, 20))
        assert again["rest"] == exchange.rest, "clients find it where it was"
        assert [user["api_key"] for user in again["users"]] == [user.api_key for user in exchange.users]
        assert told.answers[408, -1007], "who was not answered was told that nobody knows"
        assert "beginning anew" in exchange.errors.read_text()
        judge(exchange, told)
        assert Client(exchange.rest, exchange.user).place().status == 200
    assert log.verify(str(tmp_path / "data" / "log"))["damage"] == []


def test_under_a_supervisor_it_ends_and_asks_to_be_started(
    begin: Callable[..., Exchange], tmp_path: Path, faults: Faults
) -> None:
    supervised = {**faults.environment, "AGIO_SUPERVISED": "1"}
    exchange = begin(tmp_path / "data", *QUIET, environment=supervised)
    client = Client(exchange.rest, exchange.user)
    before = client.place()
    faults.set("sync")
    lost = client.place()
    assert (lost.status, lost.code) == (408, -1007)
    assert exchange.process.wait(10) == 75
    assert "Input/output error" in exchange.errors.read_text()
    with running(tmp_path / "data", *QUIET, environment=supervised) as again:
        assert before.body["orderId"] in {order["orderId"] for order in Client(again.rest, again.user).open_orders()}


def test_a_full_disk_takes_cancels_only_and_recovers_by_itself(tmp_path: Path, faults: Faults) -> None:
    with running(tmp_path / "data", *QUIET, environment=faults.environment) as exchange:
        client = Client(exchange.rest, exchange.user)
        first, second = client.place().body["orderId"], client.place().body["orderId"]
        admin = Admin(exchange.folder)
        faults.set("full")
        assert until(5, lambda: admin.get("/state")["state"] == "cancels-only")
        refused = client.place()
        assert (refused.status, refused.code) == (503, -1008)
        assert client.cancel(first).body["status"] == "CANCELED"
        assert [order["orderId"] for order in client.open_orders()] == [second]
        assert client.send("GET", "/api/v3/depth?symbol=BTCUSDT").status == 200
        faults.clear("full")
        assert until(5, lambda: client.place().status == 200)
        assert len(client.open_orders()) == 2
