"""What an order costs the projector, beside the driver's own `executemany`, in a quiet process and next to a busy loop.

    .venv/bin/python -m benches.projector [orders]

CPU is the writing thread's own, SQLite's included. Each run writes the same transactions into a fresh database; of each
transaction the least of all runs counts, because others use this machine, too. Rows are a shard's own, so that making
them is part of the figure; the peer is given ready tuples and makes no candles. What was written is counted and summed.

What a busy loop does to `executemany` shows only with a core to spare: each row then waits its turn for Python's lock.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, func, select

from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.projections import schema
from agio.projections.rows import TABLES
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from benches.shard_rows import Crowd, Work, work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agio._core import Rows

ORDERS = 20_000
RUNS = 5
A_TRANSACTION = 500
"""Commands that gather in 100 ms at 5,000 a second."""
CROWDS = (Crowd(2, 1), Crowd(50, 3))


class Times(NamedTuple):
    """CPU and wall seconds of one transaction."""

    cpu: float
    wall: float


class Figure(NamedTuple):
    """CPU and wall µs an order, rows a second, and the longest transaction in ms."""

    cpu: float
    wall: float
    rows: float
    longest: float

    @classmethod
    def of(cls, transactions: list[Rows], runs: list[list[Times]]) -> Figure:
        """The least of all runs, transaction by transaction."""
        cpu, wall = ([min(times) for times in zip(*([t[i] for t in run] for run in runs), strict=True)] for i in (0, 1))
        orders = transactions[-1].last - transactions[0].first + 1
        rows = sum(map(len, transactions))
        return cls(sum(cpu) / orders * 1e6, sum(wall) / orders * 1e6, rows / sum(wall), max(wall) * 1e3)


def timed(transactions: list[Any], write: Callable[[Any], None]) -> list[Times]:
    """Writes them one by one."""
    found = []
    for transaction in transactions:
        cpu, wall = time.thread_time(), time.perf_counter()
        write(transaction)
        found.append(Times(time.thread_time() - cpu, time.perf_counter() - wall))
    return found


@contextmanager
def database() -> Iterator[Engine]:
    """A fresh one on this disk."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        engine = sqlite_engine(Path(folder) / "projection.db", durable=False)
        prepare(engine, PROJECTION)
        yield engine
        engine.dispose()


def ours(of: Work) -> tuple[list[Times], list[Times]]:
    """Through the projector's writer; checked."""
    with database() as engine:
        writer = Writer(engine, "spot", SpotTables(engine.dialect))
        writer.position = of.resting[0].first - 1
        with engine.begin() as connection:
            connection.execute(schema.positions.update().values(sequence=writer.position))
        found = [timed(part, lambda rows: writer.write([rows])) for part in of]
        check(engine, of)
        return found[0], found[1]


def peer(of: Work) -> tuple[list[Times], list[Times]]:
    """The same rows with `executemany`, without candles or position."""

    def write(ready: dict[str, list[tuple[Any, ...]]]) -> None:
        for name, rows in ready.items():
            if rows:
                raw.executemany(f"INSERT OR REPLACE INTO {name} VALUES ({', '.join('?' * len(rows[0]))})", rows)
        raw.commit()

    with database() as engine, engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        found = [timed([ready(rows) for rows in part], write) for part in of]
        return found[0], found[1]


def ready(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    """Tuples by table."""
    found = {}
    for name in TABLES:
        width = len(schema.metadata.tables[name].columns)
        found[name] = list(zip(*[iter(rows.values(name))] * width, strict=True))
    return found


def check(engine: Engine, of: Work) -> None:
    """Every order and trade, a ledger that sums to zero, and candles that add up."""
    orders = of.resting[-1].last - of.resting[0].first + 1
    with engine.connect() as connection:
        count = {
            name: connection.execute(select(func.count()).select_from(table)).scalar()
            for name, table in schema.metadata.tables.items()
        }
        assert (count["orders"], count["trades"], count["aggregates"]) == (2 * orders, orders, orders)
        assert connection.execute(select(func.sum(schema.orders.c.on_book))).scalar() == 0
        traded = schema.postings.c.trade.is_not(None)
        lines = connection.execute(select(schema.postings.c.delta).where(traded)).scalars().all()
        assert (len(lines), sum(lines)) == (6 * orders, 0)
        candles = connection.execute(select(schema.candles.c.trades).where(schema.candles.c.minutes == 1)).scalars()
        assert sum(candles) == orders


@contextmanager
def busy(*, busy: bool) -> Iterator[None]:
    """Another thread computes all the time: the worst event loop there is. It gives Python's lock away when asked."""
    stop = False

    def spin() -> None:
        while not stop:
            sum(range(100))

    thread = threading.Thread(target=spin)
    if busy:
        thread.start()
    try:
        yield
    finally:
        stop = True
        if busy:
            thread.join()


def main() -> None:
    """Prints a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    print(f"{'(of an order)':52}{'CPU µs':>8}{'wall µs':>9}{'rows/s':>9}{'longest transaction ms':>24}")
    for crowd in CROWDS:
        of = work(crowd, count, A_TRANSACTION)
        few = Work(*(part[: max(1, len(part) // 20)] for part in of))
        for label, run, given, beside in (
            ("", ours, of, False),
            (", executemany", peer, of, False),
            (", loop busy", ours, of, True),
            (", executemany, loop busy", peer, few, True),
        ):
            with busy(busy=beside):
                runs = [run(given) for _ in range(1 if beside else RUNS)]
            for name, part, times in zip(Work._fields, given, zip(*runs, strict=True), strict=True):
                figure = Figure.of(part, list(times))
                line = f"{name}, {crowd.accounts} accounts in {crowd.markets} markets{label}"
                print(f"{line:52}{figure.cpu:8.1f}{figure.wall:9.1f}{figure.rows:9.0f}{figure.longest:24.1f}")


if __name__ == "__main__":
    main()
