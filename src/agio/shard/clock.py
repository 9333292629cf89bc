"""Telling of the wall clock's jumps, which the log's clock follows only when it is allowed to."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

SECOND = 1_000_000


class Clocked(Protocol):
    """What is needed of a shard."""

    def now(self) -> int: ...
    def jump(self) -> int | None: ...


def _monotonic() -> int:
    return time.monotonic_ns() // 1000


class ClockWatch:
    """Looks once a second: the log's clock notices a jump only when it is asked for the time."""

    def __init__(self, shard: Clocked, monotonic: Callable[[], int] = _monotonic) -> None:
        self._shard = shard
        self._monotonic = monotonic
        self._ahead = shard.now() - monotonic()
        self._waits = False

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(1)
            self.look()

    def look(self) -> None:
        """Says what is new since the last look."""
        moved = self._shard.now() - self._monotonic() - self._ahead
        self._ahead += moved
        if moved > SECOND:
            log.warning("the wall clock jumped forward by %.1f s, and the log's clock has followed it", moved / SECOND)
        jump = self._shard.jump()
        if jump is not None and not self._waits:
            log.error(
                "the wall clock has jumped by %+.1f s: the log's time goes on without it. Set the clock right, or let"
                " the log follow it with `agio clock confirm`",
                jump / SECOND,
            )
        elif jump is None and self._waits:
            log.warning("the wall clock and the log's agree again")
        self._waits = jump is not None
