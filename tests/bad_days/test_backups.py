"""What the guide says to back up, restored elsewhere; and what was restored wrongly, refused before it costs."""

import shutil
import subprocess
from pathlib import Path

import pytest

from agio.shard import log
from tests.bad_days.client import Client
from tests.bad_days.load import judge, placing, raise_limits
from tests.bad_days.test_start import QUIET, refusal
from tests.cli.agio import BECAUSE, agio, read, told
from tests.exchange import User, running


@pytest.fixture
def key(tmp_path: Path) -> dict[str, str]:
    return {"AGIO_MASTER_KEY_FILE": str(tmp_path / "master.key")}


def back_up(folder: Path, to: Path) -> None:
    """As the guide has it, while the exchange runs: users and keys first, so that the log knows all of them."""
    to.mkdir()
    for name in ("identity.db", "log"):
        subprocess.run(["cp", "-r", folder / name, to], check=True)


@pytest.fixture
def two_logs(tmp_path: Path, key: dict[str, str]) -> tuple[Path, Path]:
    """A folder, and a copy from before the last orders and the last user."""
    folder, older = tmp_path / "data", tmp_path / "older"
    with running(folder, *QUIET, environment=key) as exchange:
        Client(exchange.rest, exchange.user).place()
        back_up(folder, older)
        Client(exchange.rest, exchange.user).place()
        told(folder, "user", "add", "carol", *BECAUSE)
    return folder, older


def test_a_backup_of_a_running_exchange_trades_on_elsewhere(tmp_path: Path, key: dict[str, str]) -> None:
    copy = tmp_path / "copy"
    with running(tmp_path / "data", *QUIET, environment=key) as exchange:
        raise_limits(exchange)
        told(exchange.folder, "user", "add", "carol", *BECAUSE)
        made = read(exchange.folder, "key", "add", "carol", "--permissions", "read,trade", *BECAUSE)
        with placing(exchange) as before:
            while len(before.placed) < 300:
                pass
            acknowledged = dict(before.placed)
            back_up(exchange.folder, copy)
    assert read(copy, "verify")["damage"] == []
    assert read(copy, "doctor")["identity"] == {"users": 3, "keys": 3, "problem": None}
    before.unknown |= before.placed.keys() - acknowledged.keys()
    before.placed = acknowledged
    with running(copy, *QUIET, environment=key) as again:
        judge(again, before)
        assert Client(again.rest, again.user).place().status == 200
        carol = Client(again.rest, User("carol", made["api_key"], made["secret"]))
        assert carol.signed("GET", "/api/v3/account").status == 200


def test_an_older_log_under_newer_history_is_refused(two_logs: tuple[Path, Path], key: dict[str, str]) -> None:
    """Orders of the same numbers would never come into history, which has them already."""
    folder, older = two_logs
    shutil.rmtree(folder / "log")
    shutil.copytree(older / "log", folder / "log")
    said = refusal(folder, key)
    assert "the log has lost its end, or is an older one" in said
    assert agio(folder, "rebuild").returncode == 0
    assert "user 'carol' has account" in refusal(folder, key)
    shutil.copy(older / "identity.db", folder)
    with running(folder, *QUIET, environment=key) as again:
        client = Client(again.rest, again.user)
        number = client.place().body["orderId"]
        history = client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body
        assert [order["orderId"] for order in history] == [number - 1, number]


def test_a_lost_log_is_not_replaced_by_a_new_one(two_logs: tuple[Path, Path], key: dict[str, str]) -> None:
    """A disk that was not mounted: a new log knows no keys, and every one of them would be revoked."""
    folder, _ = two_logs
    (folder / "log").rename(folder.with_name("unmounted"))
    (folder / "projection.db").unlink()
    assert "Is its disk mounted?" in refusal(folder, key)
    (folder / "log").rmdir()
    folder.with_name("unmounted").rename(folder / "log")
    with running(folder, *QUIET, environment=key) as again:
        assert Client(again.rest, again.user).signed("GET", "/api/v3/account").status == 200


def test_damaged_history_is_told_and_made_anew(two_logs: tuple[Path, Path], key: dict[str, str]) -> None:
    folder, _ = two_logs
    path = folder / "projection.db"
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * (path.stat().st_size - 4096))
    assert "run `agio rebuild`" in refusal(folder, key)
    told(folder, "rebuild")
    with running(folder, *QUIET, environment=key) as again:
        client = Client(again.rest, again.user)
        assert len(client.signed("GET", "/api/v3/allOrders", symbol="BTCUSDT").body) == 2
    assert log.verify(str(folder / "log"))["damage"] == []
