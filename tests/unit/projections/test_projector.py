"""The projector: one transaction for rows and position, one writer, no silent failure."""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pymysql
import pytest
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import OperationalError

from agio.domain.errors import ApiError, Fatal
from agio.projections import position, projector, schema
from agio.projections.position import Conflict, Progress
from agio.projections.projector import Projector
from agio.projections.rows import Rows
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from tests.unit.projections.made import START, MadeRows, history, order


def everything(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
            for table in schema.metadata.sorted_tables
        }


def writer(engine: Engine) -> Writer:
    return Writer(engine, "spot", SpotTables(engine.dialect))


class Shard:
    """Hands rows over like a shard: all that are there, or waits."""

    def __init__(self) -> None:
        self.queue: queue.Queue[MadeRows] = queue.Queue()

    def __call__(self, timeout_ms: int) -> Rows | None:
        try:
            return self.queue.get(timeout=timeout_ms / 1000) if timeout_ms else self.queue.get_nowait()
        except queue.Empty:
            return None


class Running:
    """A projector under test with what it told."""

    def __init__(self, engine: Engine) -> None:
        self.shard = Shard()
        self.progress = Progress()
        self.failures: list[BaseException] = []
        self.projector = Projector(
            self.shard,
            writer(engine),
            self.progress,
            lambda: START,
            on_failure=self.failures.append,
        )


@pytest.fixture
def running(database: Engine) -> Iterator[Running]:
    found = Running(database)
    found.projector.start()
    yield found
    found.projector.stop()


def test_batches_of_any_size_give_the_same_tables(database: Engine, tmp_path: Any) -> None:
    from agio.adapters.sql.databases import PROJECTION
    from agio.adapters.sql.engine import sqlite_engine
    from agio.adapters.sql.schema import prepare

    rows = list(history(600))
    one = writer(database)
    for row in rows:
        one.write([row])
    other = sqlite_engine(tmp_path / "other.db", durable=False)
    prepare(other, PROJECTION)
    many = writer(other)
    for start in range(0, len(rows), 70):
        many.write(rows[start : start + 70])
    assert everything(database) == everything(other), "whatever kind of database either is"
    assert everything(database)["positions"] == [("spot", 600, rows[-1].time)]
    other.dispose()


def test_rows_that_are_written_already_change_nothing(database: Engine) -> None:
    rows = list(history(100))
    writer(database).write(rows)
    before = everything(database)
    again = writer(database)
    again.write(rows[50:])
    assert everything(database) == before
    with pytest.raises(Fatal, match=r"stands at command 100 and was given 91 to 101.*come twice"):
        again.write([MadeRows(91, 101, rows[-1].time)])
    assert everything(database) == before


def test_a_gap_is_refused(database: Engine) -> None:
    one = writer(database)
    with pytest.raises(Fatal, match=r"stands at command 0 and was given 2 to 2.*agio rebuild"):
        one.write([MadeRows(2, 2, START)])


def test_a_second_projector_is_refused_and_writes_nothing(database: Engine) -> None:
    rows = list(history(20))
    first, second = writer(database), writer(database)
    first.write(rows[:10])
    before = everything(database)
    with pytest.raises(Conflict, match="another process"):
        second.write(rows[:15])
    assert everything(database) == before


def test_rows_and_position_stand_or_fall_together(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(history(60))
    one = writer(database)
    one.write(rows[:20])
    before = everything(database)
    real = SpotTables._grow

    def broken(self: SpotTables, connection: Connection, traded: Any) -> Any:
        real(self, connection, traded)
        raise RuntimeError("cut off")

    monkeypatch.setattr(SpotTables, "_grow", broken)
    with pytest.raises(RuntimeError):
        one.write(rows[20:40])
    assert everything(database) == before
    monkeypatch.undo()
    one.write(rows[20:])
    volumes = [sum(row[7] for row in everything(database)["candles"] if row[1] == width) for width in (1, 60, 1440)]
    assert volumes == [sum(made.trades[0][4] for made in rows if made.trades)] * 3


async def test_those_who_wait_are_woken(running: Running) -> None:
    waiting = asyncio.create_task(running.progress.reached(3))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    for made in history(3):
        running.shard.queue.put(made)
    await waiting
    assert running.progress.sequence == 3
    await running.progress.reached(2)


async def test_whoever_waits_does_not_wait_for_the_gathering(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "GATHER", 1.5)
    began = time.monotonic()
    for number, made in enumerate(history(3), 1):
        running.shard.queue.put(made)
        await running.progress.reached(number)
    assert time.monotonic() - began < 1.0


def test_rows_gather_from_one_transaction_to_the_next(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "GATHER", 0.5)
    first, *others = history(20)
    running.shard.queue.put(first)
    until(lambda: running.progress.sequence == 1)
    for made in others:
        running.shard.queue.put(made)
        time.sleep(0.005)
    assert running.progress.sequence == 1
    until(lambda: running.progress.sequence == 20)
    assert running.projector.metrics.commits == 2


async def test_a_read_point_that_does_not_come_is_minus_1007(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(position, "PATIENCE", 0.05)
    with pytest.raises(ApiError) as refused:
        await running.progress.reached(10)
    assert refused.value.code == -1007
    running.shard.queue.put(next(history(1)))
    await running.progress.reached(1)
    assert not running.progress.hurry.is_set()


async def test_a_failure_is_told_to_all(running: Running) -> None:
    waiting = asyncio.create_task(running.progress.reached(2))
    await asyncio.sleep(0)
    running.shard.queue.put(MadeRows(1, 2, START, orders=[(1, 2, 3)]))
    with pytest.raises(ApiError):
        await waiting
    assert running.projector.state == "failed"
    assert len(running.failures) == 1


def test_stopping_writes_what_is_left(running: Running, database: Engine) -> None:
    for made in history(50):
        running.shard.queue.put(made)
    running.projector.stop()
    assert running.projector.state == "stopped"
    assert everything(database)["positions"][0][1] == 50
    assert running.projector.metrics.rows == sum(map(len, history(50)))


def test_a_busy_database_is_tried_again(running: Running, database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    real = position.advance
    calls: list[int] = []

    def busy(*args: Any, **kwargs: Any) -> None:
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("UPDATE", {}, sqlite3.OperationalError("database is locked"))
        real(*args, **kwargs)

    monkeypatch.setattr(position, "advance", busy)
    running.shard.queue.put(next(history(1)))
    until(lambda: running.progress.sequence == 1)
    assert running.projector.state == "running"
    assert running.projector.metrics.retries == 2


def refusal(name: str) -> OperationalError:
    """What drivers raise when there is no room, or no server."""
    origin: Exception = pymysql.OperationalError(int(name), "full") if name.isdecimal() else sqlite3.OperationalError()
    if not name.isdecimal():
        origin.sqlite_errorname = name  # type: ignore[attr-defined]
    return OperationalError("INSERT", {}, origin)


FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "1021", "1114")
LOCKED = ("SQLITE_BUSY", "SQLITE_BUSY_RECOVERY", "SQLITE_LOCKED")


@pytest.mark.parametrize("name", [*FULL, *LOCKED, "2003"])
def test_a_database_that_is_full_locked_or_away_is_waited_for(
    running: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """However long it takes; any other trouble would be over at the second try."""
    monkeypatch.setattr(projector, "TROUBLE", 0.0)
    monkeypatch.setattr(projector, "LONGEST_PAUSE", 0.05)
    real, has_room = position.advance, threading.Event()

    def advance(*args: Any, **kwargs: Any) -> None:
        if not has_room.is_set():
            raise refusal(name)
        real(*args, **kwargs)

    monkeypatch.setattr(position, "advance", advance)
    running.shard.queue.put(next(history(1)))
    until(lambda: running.projector.metrics.retries > 3)
    assert running.projector.state == "waiting"
    has_room.set()
    until(lambda: running.progress.sequence == 1)
    assert running.projector.state == "running"
    assert not running.failures
    assert ["history" in record.message for record in caplog.records] == [True, True], "once each"


def test_stopping_does_not_wait_for_room(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def advance(*_: Any, **__: Any) -> None:
        raise refusal("SQLITE_FULL")

    monkeypatch.setattr(position, "advance", advance)
    running.shard.queue.put(next(history(1)))
    until(lambda: running.projector.state == "waiting")
    began = time.monotonic()
    running.projector.stop()
    assert time.monotonic() - began < 2


def test_a_commit_whose_answer_was_lost_is_not_repeated(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    one = running.projector._writer
    write = one.write

    def lost(batch: Any) -> None:
        write(batch)
        if not calls:
            calls.append(1)
            one.position = 0  # as if the transaction had failed
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("connection lost"))

    monkeypatch.setattr(one, "write", lost)
    running.shard.queue.put(next(history(1)))
    until(lambda: running.progress.sequence == 1)
    assert not running.failures
    assert running.projector.metrics.retries == 1


def test_an_unreadable_database_fails_in_the_end(
    running: Running, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "TROUBLE", 0.1)
    with database.begin() as connection:
        connection.execute(text("DROP TABLE orders"))
    running.shard.queue.put(MadeRows(1, 1, START, orders=[order(1)]))
    until(lambda: running.projector.state == "failed")
    assert "orders" in str(running.failures[0])


def test_the_order_of_a_batch_is_written_once_as_it_stands(database: Engine) -> None:
    new = order(1)
    batch = [
        MadeRows(1, 1, START, orders=[new]),
        MadeRows(2, 2, START, orders=[new._replace(executed=1, status=2)]),
        MadeRows(3, 3, START, orders=[new._replace(executed=1, status=4, on_book=False)]),
    ]
    writer(database).write(batch)
    with database.connect() as connection:
        assert connection.execute(select(func.count()).select_from(schema.orders)).scalar() == 1
        assert connection.execute(select(schema.orders.c.status)).scalar() == 4


def until(true: Callable[[], bool], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
