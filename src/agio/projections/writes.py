"""Upserts of many rows by few statements.

One statement writes up to 512 rows. SQLite's driver gives up Python's lock at every step of a statement and has to
win it back. With a core to spare, a thread that computes all the time makes that 2 ms a row with `executemany`, however
many rows wait; here it is a few times 5 ms a transaction, so that a backlog shrinks. It costs 7 µs more CPU an order.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from agio.projections.schema import stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Insert, Table
    from sqlalchemy.engine import Dialect

LARGEST = 512
"""Rows a statement; 22 columns of as many rows stay below SQLite's 32 766 parameters."""


class Upsert:
    """Inserts rows of one table, or brings the changing columns of those that exist up to date.

    `changing` empty: a row that exists stays as it is.
    """

    def __init__(self, table: Table, changing: Sequence[str], dialect: Dialect) -> None:
        self._head, self._group, self._tail = _parts(table, changing, dialect)
        self._texts = {1 << n: self._text(1 << n) for n in range(LARGEST.bit_length())}

    def _text(self, rows: int) -> str:
        return self._head + ", ".join([self._group] * rows) + self._tail

    def __call__(self, connection: Connection, rows: Sequence[Sequence[Any]]) -> None:
        """Writes `rows`, tuples in the order of the table's columns."""
        for part in _parted(rows):
            values = tuple(chain.from_iterable(part))
            try:
                connection.exec_driver_sql(self._texts[len(part)], values)
            except OverflowError:  # an amount beyond 63 bits, before anything was written: see `schema.Amount`
                connection.exec_driver_sql(self._texts[len(part)], tuple(map(stored, values)))


def _parted(rows: Sequence[Sequence[Any]]) -> Iterator[Sequence[Sequence[Any]]]:
    """Parts whose sizes are powers of two: a handful of texts, which the driver keeps prepared."""
    start, count = 0, len(rows)
    while left := count - start:
        size = min(LARGEST, 1 << (left.bit_length() - 1))
        yield rows[start : start + size]
        start += size


def _parts(table: Table, changing: Sequence[str], dialect: Dialect) -> tuple[str, str, str]:
    """The statement's text before, in, and after its first group of values."""
    text = str(_statement(table, changing, dialect.name).compile(dialect=dialect))
    sign = "?" if dialect.paramstyle == "qmark" else "%s"
    group = "(" + ", ".join([sign] * len(table.columns)) + ")"
    head, found, tail = text.partition(group)
    if not found or sign in tail:
        raise ValueError(f"no way to write many rows with {dialect.name}: {text}")
    return head, group, tail


def _statement(table: Table, changing: Sequence[str], dialect: str) -> Insert:
    """One row's upsert. Keys and indexed columns never change, so their trees are not touched."""
    if dialect == "sqlite":
        from sqlalchemy.dialects.sqlite import insert

        statement = insert(table)
        if not changing:
            return statement.on_conflict_do_nothing()
        new = {name: statement.excluded[name] for name in changing}
        return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=new)
    if dialect in ("mysql", "mariadb"):
        from sqlalchemy.dialects.mysql import insert as insert_mysql

        upsert = insert_mysql(table)
        kept = [column.key for column in table.primary_key][:1]  # assigning a key its own value does nothing
        return upsert.on_duplicate_key_update({name: upsert.inserted[name] for name in changing or kept})
    raise ValueError(f"projections know SQLite, MySQL and MariaDB, not {dialect}")
