"""Disks that fail: nothing that was acknowledged is lost, nothing is doubled, and it goes on by itself."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

from agio.cli.admin_client import Admin
from agio.shard import log
from tests.bad_days.client import Client, counted, monitored, until
from tests.bad_days.faults import FakeDisk, Faults, SmallDisk
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


def test_a_disk_that_is_away_for_a_while_is_waited_for(tmp_path: Path, faults: Faults) -> None:
    """A new beginning that fails, too, is not the last."""
    with running(tmp_path / "data", *QUIET, environment=faults.environment) as exchange:
        before = Client(exchange.rest, exchange.user).place().body["orderId"]
        faults.set("dead")
        assert Client(exchange.rest, exchange.user).place().code == -1007
        assert until(20, lambda: exchange.errors.read_text().count("beginning anew") == 2)
        faults.clear("dead")
        again = json.loads(first_line(exchange.process, 30))
        assert again["rest"] == exchange.rest
        orders = [order["orderId"] for order in Client(exchange.rest, exchange.user).open_orders()]
        assert before in orders


def test_who_waits_for_a_disk_can_be_ended(begin: Callable[..., Exchange], tmp_path: Path, faults: Faults) -> None:
    exchange = begin(tmp_path / "data", *QUIET, environment=faults.environment)
    faults.set("dead")
    assert Client(exchange.rest, exchange.user).place().code == -1007
    assert until(30, lambda: "beginning anew in 4 s" in exchange.errors.read_text())
    exchange.process.send_signal(signal.SIGTERM)
    assert exchange.process.wait(3) == -signal.SIGTERM


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


def test_history_waits_for_room_on_a_disk_that_is_full_to_the_last_byte(disk: SmallDisk | FakeDisk) -> None:
    with running(disk.folder, *QUIET, environment=disk.environment) as exchange:
        client = Client(exchange.rest, exchange.user)
        first, second = client.place().body["orderId"], client.place().body["orderId"]
        assert all_orders(client) == {first: "NEW", second: "NEW"}
        disk.fill()
        assert until(5, lambda: standing(exchange)[1] == "cancels-only")
        assert client.place().code == -1008
        assert client.cancel(first).body["status"] == "CANCELED", "the log has room of its own"
        assert until(5, lambda: standing(exchange) == (503, "cancels-only", "waiting"))
        assert counted(exchange, "agio_projection_waiting") == 1
        assert client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").code == -1007, "never old data"
        assert [order["orderId"] for order in client.open_orders()] == [second]
        disk.clear()
        assert until(5, lambda: standing(exchange) == (200, "running", "running"))
        assert all_orders(client) == {first: "CANCELED", second: "NEW"}
        assert client.place().status == 200
        said = exchange.errors.read_text()
        assert "the database is full, locked or away" in said
        assert "history goes on" in said
        assert "beginning anew" not in said


def all_orders(client: Client) -> dict[int, str]:
    """Each order of the past and its status."""
    answer = client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT")
    return {order["orderId"]: order["status"] for order in answer.body}


def standing(exchange: Exchange) -> tuple[int, str, str]:
    """What `/ready` says: its status, the exchange's state, and that of its history."""
    status, page = monitored(exchange, "/ready")
    told = json.loads(page)
    return status, told["state"], told["history"]
