"""Telling of a projection that falls behind the log: by how much, for how long, and what that means to clients."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agio.projections.position import Progress

log = logging.getLogger(__name__)

LONG = 5.0
"""Seconds behind from which on it is spoken of; a question waits for two."""
AGAIN = 60.0
"""Seconds between two words about the same."""
SAMPLES = 3600
"""Looks that are remembered: who is further behind is at least that far."""


class BehindWatch:
    """Looks once a second how far `progress` is behind what the shard has applied."""

    def __init__(
        self,
        progress: Progress,
        applied: Callable[[], int],
        overloaded: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`overloaded`: whether new orders are refused because the projection is too far behind."""
        self._progress = progress
        self._applied = applied
        self._overloaded = overloaded
        self._clock = clock
        self._seen: deque[tuple[int, float]] = deque()
        """What was applied at each look and is not projected yet, with the time of that look."""
        self._told: tuple[bool, float] | None = None
        """What was said last, and when."""

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(1)

    def look(self) -> None:
        """Notes how it stands, and says so when that is worth it."""
        progress, now, seen = self._progress, self._clock(), self._seen
        while seen and seen[0][0] <= progress.sequence:
            seen.popleft()
        applied = self._applied()
        if applied > progress.sequence and len(seen) < SAMPLES:
            seen.append((applied, now))
        progress.behind = now - seen[0][1] if seen else 0.0
        self._tell(applied - progress.sequence, now)

    def _tell(self, commands: int, now: float) -> None:
        seconds, refuses = self._progress.behind, self._overloaded()
        if seconds < LONG and not refuses:
            if self._told is not None:
                log.warning("history has caught up with the log")
            self._told = None
        elif self._told is None or self._told[0] != refuses or now - self._told[1] >= AGAIN:
            self._told = refuses, now
            log.log(
                logging.ERROR if refuses else logging.WARNING,
                "history is %d commands and %.0f s behind the log: %s. The database is slower than what comes, or"
                " stands: look at the disk and the processors of this machine",
                commands,
                seconds,
                "new orders are refused (-1008) until it has caught up, cancels are taken" if refuses
                else "who asks for what it does not have yet gets -1007",
            )  # fmt: skip
