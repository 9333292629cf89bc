"""`agio rebuild`: the same tables as the live projector's, and the old ones until they are finished."""

import fcntl
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from agio.adapters.files.folder import prepare as prepare_folder
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.cli import main
from agio.domain.errors import Fatal
from agio.projections import rebuild
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from agio.shard import log as shard_log
from tests.unit.projections.made import MadeRows, history

TABLES = ("positions", "orders", "trades", "aggregates", "movements", "postings", "candles")


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in TABLES}
    finally:
        connection.close()


def writer(engine: Engine) -> Writer:
    prepare(engine, PROJECTION)
    return Writer(engine, "spot", SpotTables(engine.dialect))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder whose live projection saw 500 commands."""
    folder = prepare_folder(tmp_path / "data")
    engine = sqlite_engine(folder.projection, durable=False)
    live = writer(engine)
    for rows in history(500):
        live.write([rows])
    engine.dispose()
    return folder.root


class Replay:
    """As `agio._core.Replay`; a None among the rows breaks off."""

    def __init__(self, rows: list[MadeRows]) -> None:
        self.rows = rows
        self.read = 0

    def __iter__(self) -> Iterator[MadeRows]:
        for made in self.rows:
            if made is None:
                raise Fatal("damaged")
            self.read += 1
            yield made

    def progress(self) -> tuple[int, int]:
        return self.read, len(self.rows)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[MadeRows]:
    """What the log replays to."""
    rows = list(history(500))
    monkeypatch.setattr(shard_log, "Replay", lambda folder, first: Replay(rows[first - 1 :]))
    return rows


def run(data: Path, *options: str) -> Result:
    return CliRunner().invoke(main, ["rebuild", "--data", str(data), *options])


def test_it_equals_the_live_projection(data: Path, log: list[MadeRows], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 300)
    live = contents(data / "projection.db")
    with sqlite3.connect(data / "projection.db") as spoilt:
        spoilt.execute("DELETE FROM trades WHERE trade % 2")
        spoilt.execute("UPDATE orders SET executed = 7")
    spoilt.close()
    assert contents(data / "projection.db") != live
    done = run(data, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["commands"] == 500
    assert said["rows"] == sum(map(len, log))
    assert contents(data / "projection.db") == live
    assert not list(data.glob("projection.db.new*"))


def test_a_database_that_is_none_is_replaced(data: Path, log: list[MadeRows]) -> None:
    live = contents(data / "projection.db")
    (data / "projection.db").write_bytes(b"\0" * 5000)
    assert "rebuilt 500 commands" in run(data).stdout
    assert contents(data / "projection.db") == live


def test_the_old_one_stays_when_it_breaks_off(data: Path, log: list[MadeRows]) -> None:
    live = contents(data / "projection.db")
    log[250] = None  # type: ignore[call-overload]
    done = run(data)
    assert done.exit_code == 1
    assert "damaged" in done.output
    assert contents(data / "projection.db") == live
    assert not list(data.glob("projection.db.new*"))


def test_progress_is_shown(data: Path, log: list[MadeRows], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 1000)
    monkeypatch.setattr("agio.cli.rebuild._OFTEN", (0.0, 0.0))
    done = run(data, "--json")
    assert json.loads(done.stdout)["commands"] == 500
    shown = [line.partition(" %: ") for line in done.stderr.splitlines()]
    assert [int(percent) for percent, _, _ in shown] == sorted(int(percent) for percent, _, _ in shown)
    assert shown[-1][0] == "100"
    assert "commands, up to 2023-11-14 22:" in shown[0][2]


def test_a_running_exchange_is_left_alone(data: Path, log: list[MadeRows]) -> None:
    with (data / "log" / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        done = run(data)
    assert done.exit_code == 1
    assert "is running: stop it first" in done.output


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    done = run(tmp_path / "nowhere")
    assert done.exit_code == 1
    assert "not a data folder of agio" in done.output


def test_progress_is_told_of_every_transaction(data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(rebuild, "BATCH", 400)
    told: list[rebuild.Done] = []
    engine = sqlite_engine(tmp_path / "other.db", durable=False)
    done = rebuild.rebuild(writer(engine), history(500), told.append)
    engine.dispose()
    assert len(told) > 2
    assert told[-1] == done
    assert [one.sequence for one in told] == sorted(one.sequence for one in told)
    assert contents(tmp_path / "other.db") == contents(data / "projection.db")
