"""What a batch of commands means for SQL, as the shard hands it over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias


class Rows(Protocol):
    """The rows of the commands `first` to `last`."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def time(self) -> int:
        """Log time of the last command, µs."""
        ...

    def __len__(self) -> int:
        """How many rows there are, of all tables."""
        ...

    def values(self, table: str) -> tuple[Any, ...]:
        """The rows of one of `TABLES`, or `MINUTES`, behind one another, in the order of its columns.

        Integers beyond 63 bits are decimal text, truth is 0 or 1, and what is missing is `ABSENT`: the parameters of
        `agio.projections.writes.Upsert`.
        Orders come as they stand: of the same order the later row holds.
        """
        ...


ABSENT = -(1 << 62)
"""In place of None: SQLite's driver takes fifteen times as long to bind that."""

TABLES = ("orders", "trades", "aggregates", "movements")
MINUTES = "minutes"
"""What the trades add up to, by minute: a market, and the columns of `agio.projections.spot.buckets.StoredCandle`."""

Source: TypeAlias = Callable[[int], "Rows | None"]
"""Waits up to so many milliseconds for durable rows; None when there are none."""
