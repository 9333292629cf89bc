"""The projector: CPU per resting order and per fill, idle and beside a busy event loop; statistics, per trade.

    .venv/bin/python -m benches.projector [orders]

Transactions are those of a rate: at 5,000 orders a second 200 commands gather in 40 ms. The peer writes the same rows
to the same tables with the driver's own `executemany`. What was written is counted and summed afterwards.

What a busy loop does to `executemany` shows only with a core to spare: each row then waits its turn for Python's lock.
"""

from __future__ import annotations

import random
import string
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Engine, select

from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.projections import schema
from agio.projections.spot.statistics import MarketsStatistics
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDERS = 60_000
A_TRANSACTION = 200
"""Commands that gather in 40 ms at 5,000 a second."""
A_FRAME = 20
"""Commands that the shard hands over at once."""
START = 1_700_000_000_000_000
STEP = 200
"""µs between commands."""
LETTERS = string.ascii_letters + string.digits
PRICE, QUANTITY = 60_000 * 10**8, 10**7


def order(sequence: int, account: int, side: int, *, filled: bool) -> tuple[Any, ...]:
    """A row of the table `orders`, in one of three markets."""
    time, client = START + sequence * STEP, "".join(random.choices(LETTERS, k=22))
    done = (QUANTITY, PRICE // 10) if filled else (0, 0)
    status = 3 if filled else 1
    return (
        sequence % 3, sequence // 3 + 1, account, client, side, 1, 1, PRICE, QUANTITY, 0, *done, 0, status, 0, 1,
        None, None, None, not filled, time, time,
    )  # fmt: skip


def rows(sequence: int, **lists: Any) -> SimpleNamespace:
    """What one command means for SQL."""
    empty: dict[str, Any] = {"orders": [], "trades": [], "aggregates": [], "postings": []}
    return SimpleNamespace(first=sequence, last=sequence, time=START + sequence * STEP, **(empty | lists))


def resting(count: int) -> list[SimpleNamespace]:
    """Orders that stay on the book, of 50 accounts."""
    return [rows(n, orders=[order(n, 1000 + random.randrange(50), 1, filled=False)]) for n in range(1, count + 1)]


def filling(count: int) -> list[SimpleNamespace]:
    """Each second order fills the one that its market got before."""
    found, waiting = [], {}
    for n in range(1, count + 1):
        account = 1000 + random.randrange(50)
        maker = waiting.pop(n % 3, None)
        if maker is None:
            waiting[n % 3] = mine = order(n, account, 1, filled=False)
            found.append(rows(n, orders=[mine]))
        else:
            found.append(fill(n, maker, order(n, account, 2, filled=True), n // 6))
    return found


def fill(n: int, maker: tuple[Any, ...], taker: tuple[Any, ...], trade: int) -> SimpleNamespace:
    """A command that takes all of one maker: two orders, a trade, an aggregate, eight lines of the ledger."""
    market, time, notional = maker[0], START + n * STEP, PRICE // 10
    after = (*maker[:10], QUANTITY, notional, 0, 3, *maker[14:19], False, maker[20], time)
    buyer, seller = maker[2], taker[2]
    made = (
        market, trade, trade, PRICE, QUANTITY, notional, maker[1], taker[1], buyer, seller, True, time,
        QUANTITY // 1000, 0, notional // 1000, 1,
    )  # fmt: skip
    moves = (
        (buyer, 0, 1),
        (seller, 0, -1),
        (seller, 1, 1),
        (buyer, 1, -1),
        (buyer, 0, -1),
        (1, 0, 1),
        (seller, 1, -1),
        (1, 1, 1),
    )
    ledger = [
        (n, line, account, asset, sign * QUANTITY, 1 + line // 4, market, trade, time)
        for line, (account, asset, sign) in enumerate(moves)
    ]
    aggregate = (market, trade, PRICE, QUANTITY, trade, trade, True, time)
    return rows(n, orders=[taker, after], trades=[made], aggregates=[aggregate], postings=ledger)


def framed(work: list[SimpleNamespace]) -> list[SimpleNamespace]:
    """Commands as the shard gathers them."""
    names = ("orders", "trades", "aggregates", "postings")
    found = []
    for start in range(0, len(work), A_FRAME):
        part = work[start : start + A_FRAME]
        lists = {name: [row for made in part for row in getattr(made, name)] for name in names}
        found.append(SimpleNamespace(first=part[0].first, last=part[-1].last, time=part[-1].time, **lists))
    return found


class Figure(NamedTuple):
    """CPU and wall µs a command, rows a second, and the longest transaction in ms."""

    cpu: float
    wall: float
    rows: float
    longest: float


def measured(work: list[SimpleNamespace], write: Callable[[list[SimpleNamespace]], None]) -> Figure:
    """Writes frames, a transaction at a time; CPU is the writing thread's own, SQLite's included."""
    total = sum(len(r.orders) + len(r.trades) + len(r.aggregates) + len(r.postings) for r in work)
    commands, step, longest = len(work) * A_FRAME, A_TRANSACTION // A_FRAME, 0.0
    cpu, wall = time.thread_time(), time.perf_counter()
    for start in range(0, len(work), step):
        began = time.perf_counter()
        write(work[start : start + step])
        longest = max(longest, time.perf_counter() - began)
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    return Figure(cpu / commands * 1e6, wall / commands * 1e6, total / wall, longest * 1e3)


@contextmanager
def database() -> Iterator[Engine]:
    """A fresh one on this disk."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        engine = sqlite_engine(Path(folder) / "projection.db", durable=False)
        prepare(engine, PROJECTION)
        yield engine
        engine.dispose()


def ours(work: list[SimpleNamespace]) -> Figure:
    """Through the projector's writer; checked."""
    with database() as engine:
        figure = measured(work, Writer(engine, "spot", SpotTables(engine.dialect)).write)
        check(engine, work)
        return figure


def peer(work: list[SimpleNamespace]) -> Figure:
    """The same rows with `executemany`, without candles, ids or position."""
    names = ("orders", "trades", "aggregates", "postings")

    def write(batch: list[SimpleNamespace]) -> None:
        for name in names:
            found = [row for made in batch for row in getattr(made, name)]
            if found:
                marks = ", ".join("?" * len(found[0]))
                raw.executemany(f"INSERT OR REPLACE INTO {name} VALUES ({marks})", found)
        raw.commit()

    with database() as engine, engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        return measured(work, write)


def check(engine: Engine, work: list[SimpleNamespace]) -> None:
    """Every order as it last stood, every trade, every line of the ledger, and candles that add up."""
    latest = {row[:2]: row for made in work for row in made.orders}
    with engine.connect() as connection:
        assert {tuple(row[:2]): tuple(row) for row in connection.execute(select(schema.orders))} == latest
        traded = [row for made in work for row in made.trades]
        assert sorted(map(tuple, connection.execute(select(schema.trades)))) == sorted(traded)
        lines = connection.execute(select(schema.postings.c.delta)).scalars().all()
        assert (len(lines), sum(lines)) == (sum(len(made.postings) for made in work), 0)
        volumes = connection.execute(select(schema.candles.c.volume).where(schema.candles.c.minutes == 1)).scalars()
        assert sum(volumes) == sum(row[4] for row in traded)


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


def statistics(count: int) -> float:
    """Ns a trade."""
    kind = type("Trade", (SimpleNamespace,), {})
    fixed = {"quantity": QUANTITY, "notional": PRICE // 10}
    found = [
        kind(
            market=n % 3, id=n // 3, price=PRICE + n % 7, buyer_is_maker=n % 2 == 0, time=START + n * STEP, **fixed
        )
        for n in range(count)
    ]  # fmt: skip
    known = MarketsStatistics(lambda: START + count * STEP)
    began = time.thread_time()
    for start in range(0, count, 50):
        known(found[start : start + 50])
    spent = time.thread_time() - began
    assert sum(known.day(market).trades for market in range(3)) == count
    return spent / count * 1e9


def main() -> None:
    """Prints a table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ORDERS
    random.seed(1)
    print(f"{'(of a command)':42}{'CPU µs':>8}{'wall µs':>9}{'rows/s':>9}{'longest transaction ms':>24}")
    for name, work in (("resting orders", framed(resting(count))), ("one fill in two orders", framed(filling(count)))):
        few = work[: len(work) // 20]
        runs = (
            ("", ours, work, False),
            (", executemany", peer, work, False),
            (", loop busy", ours, work, True),
            (", executemany, loop busy", peer, few, True),
        )
        for label, run, part, beside in runs:
            with busy(busy=beside):
                figure = run(part)
            print(f"{name + label:42}{figure.cpu:8.1f}{figure.wall:9.1f}{figure.rows:9.0f}{figure.longest:24.1f}")
    print(f"statistics: {statistics(count * 3):.0f} ns a trade")


if __name__ == "__main__":
    main()
