"""Starts that must be refused, each with words that say what is wrong and what to do."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from agio.shard import log
from tests.bad_days.client import Client
from tests.bad_days.faults import Faults
from tests.cli.agio import BECAUSE, agio, read, told
from tests.exchange import AGIO, Exchange, running

QUIET = ("--liquidity", "none")
ORDERS = 40


def refusal(folder: Path, environment: dict[str, str] | None = None) -> str:
    """What a start says that ends at once, by itself, without a traceback."""
    command: list[str | Path] = [AGIO, "dev", "--json", "--port-base", "0", "--data", folder, *QUIET]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, env={**os.environ, **(environment or {})}
    )
    assert done.returncode == 1, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr


@pytest.fixture
def killed(begin: Callable[..., Exchange], tmp_path: Path) -> tuple[Exchange, list[int]]:
    """An exchange that was killed, and so has no snapshot; and the numbers of the orders that were open."""
    exchange = begin(tmp_path / "data", *QUIET)
    client = Client(exchange.rest, exchange.user)
    numbers = [client.place().body["orderId"] for _ in range(ORDERS)]
    exchange.process.send_signal(signal.SIGKILL)
    exchange.process.wait()
    return exchange, numbers


def segment(exchange: Exchange) -> Path:
    """The log's only segment that holds something."""
    (found,) = [path for path in (exchange.folder / "log").glob("*.seg") if path.read_bytes().strip(b"\0")]
    return found


def written(path: Path) -> int:
    """Where the written part of a segment ends."""
    return len(path.read_bytes().rstrip(b"\0"))


def change(path: Path, offset: int, *, to: bytes | None = None) -> None:
    """Flips a bit, or writes bytes."""
    with path.open("r+b") as file:
        file.seek(offset)
        new = to if to is not None else bytes([file.read(1)[0] ^ 1])
        file.seek(offset)
        file.write(new)


def test_a_second_process_on_the_same_folder_goes_and_the_first_stays(venue: Exchange, client: Client) -> None:
    said = refusal(venue.folder)
    assert f"in use by process {venue.process.pid}" in said
    assert "stop that process, or choose another data folder" in said


def test_a_damaged_segment_is_refused_with_its_place(killed: tuple[Exchange, list[int]]) -> None:
    exchange, _ = killed
    path = segment(exchange)
    change(path, written(path) // 2)
    before = path.read_bytes()
    said = refusal(exchange.folder)
    assert f"the log is damaged: {path.name} at byte " in said
    assert "sequence" in said
    assert "restore the file from a backup or a replica" in said
    assert path.read_bytes() == before, "what is left is evidence"
    checked = agio(exchange.folder, "verify")
    assert checked.returncode == 1
    assert f"DAMAGED: the log is damaged: {path.name}" in checked.stdout


def test_a_torn_tail_is_dropped_and_said(killed: tuple[Exchange, list[int]]) -> None:
    """A power cut in the middle of the last write: that frame was never acknowledged, all before it was."""
    exchange, numbers = killed
    path = segment(exchange)
    change(path, written(path) - 12, to=bytes(12))
    # It was acknowledged here, so that history may have it already, unlike after a power cut.
    for name in ("projection.db", "projection.db-wal", "projection.db-shm"):
        (exchange.folder / name).unlink(missing_ok=True)
    with running(exchange.folder, *QUIET) as again:
        found = {order["orderId"] for order in Client(again.rest, again.user).open_orders()}
        assert found == set(numbers[:-1])
        assert "a torn tail was dropped" in again.errors.read_text()
        assert Client(again.rest, again.user).place().body["orderId"] == numbers[-1]
    assert log.verify(str(exchange.folder / "log"))["damage"] == []


@pytest.fixture
def sealed(tmp_path: Path) -> tuple[Path, Path]:
    """A data folder with keys in it, and the master key that they are sealed with."""
    key = tmp_path / "master.key"
    with running(tmp_path / "data", *QUIET, environment={"AGIO_MASTER_KEY_FILE": str(key)}):
        pass
    return tmp_path / "data", key


def test_another_master_key_is_refused(sealed: tuple[Path, Path]) -> None:
    folder, key = sealed
    right = key.read_text()
    key.write_text("0" * 64)
    named = {"AGIO_MASTER_KEY_FILE": str(key)}
    assert "the master key is not the one" in refusal(folder, named)
    key.write_text("abc")
    assert "is damaged" in refusal(folder, named)
    key.chmod(0o644)
    assert f"chmod 600 {key}" in refusal(folder, named)
    key.unlink()
    assert "Put it back from its backup" in refusal(folder, named)
    assert not key.exists(), "a new one would open nothing"
    key.write_text(right)
    key.chmod(0o600)
    with running(folder, *QUIET, environment=named) as again:
        assert Client(again.rest, again.user).signed("GET", "/api/v3/account").status == 200


def test_a_lost_master_key_costs_keys_but_no_money(sealed: tuple[Path, Path]) -> None:
    """The way out that the runbook tells."""
    folder, key = sealed
    named = {"AGIO_MASTER_KEY_FILE": str(key)}
    with running(folder, program="serve", environment=named):
        old = str(read(folder, "user", "list")[0]["account"])
    key.unlink()
    (folder / "identity.db").rename(folder / "identity.old")
    with running(folder, program="serve", environment=named):
        assert agio(folder, "account", "show", "alice").returncode == 1, "nobody is known any more"
        assert "1000000.00000000" in told(folder, "account", "show", old)
        told(folder, "user", "add", "alice", *BECAUSE)
        told(folder, "account", "withdraw", old, "USDT", "1000000", *BECAUSE)
        told(folder, "account", "deposit", "alice", "USDT", "1000000", *BECAUSE)
        assert "1000000.00000000" in told(folder, "account", "show", "alice")


def test_a_revoked_key_stays_so_when_an_old_identity_is_restored(sealed: tuple[Path, Path]) -> None:
    """The log knows better: such a key does not even read, at this start and at the next."""
    folder, key = sealed
    named = {"AGIO_MASTER_KEY_FILE": str(key)}
    backup = (folder / "identity.db").read_bytes()
    with running(folder, *QUIET, environment=named) as exchange:
        stays, goes = exchange.users
        told(folder, "key", "revoke", goes.api_key, *BECAUSE)
    (folder / "identity.db").write_bytes(backup)
    for _ in range(2):
        with running(folder, program="serve", environment=named) as again:
            assert Client(again.rest, stays).signed("GET", "/api/v3/account").status == 200
            refused = Client(again.rest, goes).signed("GET", "/api/v3/account")
            assert (refused.status, refused.code) == (401, -2015)
            assert [key["api_key"] for key in read(folder, "key", "list") if key["revoked"]] == [goes.api_key]


def test_a_master_key_among_the_data_is_refused(tmp_path: Path) -> None:
    inside = {"AGIO_MASTER_KEY_FILE": str(tmp_path / "data" / "master.key")}
    assert "move it elsewhere" in refusal(tmp_path / "data", inside)


def test_a_clock_behind_the_log_is_refused(tmp_path: Path, faults: Faults) -> None:
    with running(tmp_path / "data", *QUIET, environment=faults.environment) as exchange:
        Client(exchange.rest, exchange.user).place()
    faults.set("clock", "-3600")
    said = refusal(tmp_path / "data", faults.environment)
    assert "behind the log's last time: set the clock right" in said
    faults.clear("clock")
    with running(tmp_path / "data", *QUIET, environment=faults.environment) as again:
        assert len(Client(again.rest, again.user).open_orders()) == 1


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert "holds something else (thesis.txt)" in refusal(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_taken_port_is_said(venue: Exchange, tmp_path: Path) -> None:
    port = venue.rest.rpartition(":")[2]
    done = subprocess.run(
        [AGIO, "serve", "--port-base", port, "--data", tmp_path / "data"], capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "choose other ports with --port-base" in done.stderr
    assert "Traceback" not in done.stderr, done.stderr
