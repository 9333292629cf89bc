"""Making a projection anew from the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agio.projections.rows import Rows
    from agio.projections.writer import Writer

BATCH = 20_000
"""Rows a transaction, about: large ones cost least."""


class Done(NamedTuple):
    """What was rebuilt so far."""

    sequence: int
    """The last command."""
    time: int
    """Its log time, µs."""
    rows: int


def rebuild(writer: Writer, log: Iterable[Rows], told: Callable[[Done], None]) -> Done:
    """Writes all of `log`, from the command behind the writer's position on; `told` hears of every transaction.

    The tables are those that the live projector would have made: both write the same rows by the same code.
    """
    done = Done(writer.position, 0, 0)
    batch: list[Rows] = []
    size = 0
    for rows in log:
        batch.append(rows)
        size += len(rows)
        if size >= BATCH:
            done = _write(writer, batch, done.rows + size)
            told(done)
            batch, size = [], 0
    if batch:
        done = _write(writer, batch, done.rows + size)
        told(done)
    return done


def _write(writer: Writer, batch: list[Rows], rows: int) -> Done:
    writer.write(batch)
    return Done(batch[-1].last, batch[-1].time, rows)
