"""How far a projection has come: its row in SQL, and those who wait for it."""

from __future__ import annotations

import asyncio
import threading
from functools import cache
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from agio.domain.errors import ApiError, Fatal
from agio.projections.schema import positions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection
    from sqlalchemy.engine import Dialect

PATIENCE = 2.0
"""Seconds that a question waits for its read point."""


class Conflict(Fatal):
    """Somebody else moved this projection's position."""


def ensure(connection: Connection, name: str) -> int:
    """The position of a projection; a new one starts at 0."""
    found = connection.execute(select(positions.c.sequence).where(positions.c.name == name)).scalar()
    if found is None:
        connection.execute(insert(positions).values(name=name, sequence=0, time=0))
        return 0
    return int(found)


@cache
def _moving(dialect: Dialect) -> tuple[str, Sequence[str]]:
    """The conditional update's text and the order of its values: it is part of every transaction."""
    where = (positions.c.name == bindparam("name")) & (positions.c.sequence == bindparam("expected"))
    statement = update(positions).where(where).values(sequence=bindparam("sequence"), time=bindparam("time"))
    compiled: Any = statement.compile(dialect=dialect)
    return str(compiled), compiled.positiontup


def advance(connection: Connection, name: str, *, expected: int, sequence: int, time: int) -> None:
    """Moves the position on condition that it is where we left it; raises Conflict otherwise."""
    text, order = _moving(connection.dialect)
    values = {"name": name, "expected": expected, "sequence": sequence, "time": time}
    if connection.exec_driver_sql(text, tuple(values[part] for part in order)).rowcount != 1:
        raise Conflict(
            f"the projection {name!r} is not at command {expected}, where this process left it: another process writes"
            " to the same database. Stop one of the two. If the tables were edited or restored, run `agio rebuild`."
        )


class Progress:
    """The position as the event loop sees it. `advance` and `fail` may come from any thread, the rest from the loop."""

    def __init__(self) -> None:
        self.sequence = 0
        self.state = "starting"
        """The projector's; see there."""
        self.behind = 0.0
        """Seconds since what it has not reached yet was applied, as of the last look; see `behind.BehindWatch`."""
        self.hurry = threading.Event()
        """Set while somebody waits: the projector commits at once."""
        self._failed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def advance(self, sequence: int) -> None:
        """Everything up to `sequence` can be read."""
        self.sequence = sequence
        self._wake()

    def fail(self) -> None:
        """Nothing more will come: those who wait are told now instead of after their time."""
        self._failed = True
        self._wake()

    def _wake(self) -> None:
        loop = self._loop
        if self._waiting and loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._release)

    async def reached(self, sequence: int, patience: float | None = PATIENCE) -> None:
        """Waits until `sequence` is projected; ApiError -1007 after `patience` or when the projector failed."""
        if self.sequence >= sequence:
            return
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = self._loop.create_future()
        self._count += 1
        heappush(self._waiting, (sequence, self._count, future))
        self.hurry.set()
        self._release()  # it may have come, or failed, since the first look
        try:
            async with asyncio.timeout(patience):
                await future
        except TimeoutError:
            raise _behind() from None

    def _release(self) -> None:
        waiting = self._waiting
        while waiting and (self._failed or waiting[0][0] <= self.sequence or waiting[0][2].done()):
            sequence, _, future = heappop(waiting)
            if future.done():
                continue
            if sequence <= self.sequence:
                future.set_result(None)
            else:
                future.set_exception(_behind())
        if not waiting:
            self.hurry.clear()


def _behind() -> ApiError:
    return ApiError(
        -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 408
    )
