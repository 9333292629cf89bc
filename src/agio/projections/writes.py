"""Upserts of many rows by few statements.

SQLite's driver gives up Python's lock at every step of a statement and has to win it back. With a core to spare, a
thread that computes all the time makes that 2 ms a row with `executemany`, however many rows wait; here it is a few
times 5 ms a transaction, so that a backlog shrinks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agio.projections.rows import ABSENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Insert, Table
    from sqlalchemy.engine import Dialect

LARGEST = 256
"""Rows a statement: SQLite's program for twice as many of 22 columns no longer fits the processor's caches."""


class Upsert:
    """Inserts rows of one table, or brings the changing columns of those that exist up to date.

    `changing` empty: a row that exists stays as it is.
    """

    def __init__(self, table: Table, changing: Sequence[str], dialect: Dialect) -> None:
        self.name = table.name
        self._columns = len(table.columns)
        self._head, self._group, self._tail = _parts(table, changing, dialect)
        self._texts = {1 << n: self._text(1 << n) for n in range(LARGEST.bit_length())}

    def _text(self, rows: int) -> str:
        return self._head + ", ".join([self._group] * rows) + self._tail

    def __call__(self, connection: Connection, values: tuple[Any, ...]) -> None:
        """Writes rows that lie behind one another in `values`, as `agio.projections.rows.Rows` gives them."""
        columns = self._columns
        rows, rest = divmod(len(values), columns)
        if rest:
            raise ValueError(f"{len(values)} values are no rows of the {columns} columns of {self.name}")
        for start, size in _parted(rows):
            part = values[start * columns : (start + size) * columns]
            connection.exec_driver_sql(self._texts[size], part)


def _parted(rows: int) -> Iterator[tuple[int, int]]:
    """Start and size of parts whose sizes are powers of two: a handful of texts, which the driver keeps prepared."""
    start = 0
    while left := rows - start:
        size = min(LARGEST, 1 << (left.bit_length() - 1))
        yield start, size
        start += size


def _parts(table: Table, changing: Sequence[str], dialect: Dialect) -> tuple[str, str, str]:
    """The statement's text before, in, and after a group of values."""
    text = str(_statement(table, changing, dialect.name).compile(dialect=dialect))
    sign = "?" if dialect.paramstyle == "qmark" else "%s"
    head, found, tail = text.partition(f"({', '.join([sign] * len(table.columns))})")
    if not found or sign in tail:
        raise ValueError(f"no way to write many rows with {dialect.name}: {text}")
    signs = (f"NULLIF({sign}, {ABSENT})" if column.nullable else sign for column in table.columns)
    return head, f"({', '.join(signs)})", tail


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
