"""The thread that turns the shard's rows into SQL."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from agio.projections.trouble import must_wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from agio.ports import Clock
    from agio.projections.position import Progress
    from agio.projections.rows import Rows, Source
    from agio.projections.writer import Writer

log = logging.getLogger(__name__)

GATHER = 0.08
"""Seconds from one transaction's beginning to the next one's, in which rows gather, unless somebody waits for them: a
page that many of them touch is then written once."""
IDLE_MS = 200
"""Milliseconds of waiting for rows before looking whether to stop."""
LARGEST = 20_000
"""Rows after which a transaction is closed, however many wait."""
TROUBLE = 30.0
"""Seconds for which a database that refuses is tried again before the projector fails. One that is full, locked or away
is tried for as long as it takes: beginning anew would not help."""
LONGEST_PAUSE = 1.0
"""Seconds between two tries."""


@dataclass(slots=True)
class Metrics:
    """Counts since the start; read them from any thread."""

    rows: int = 0
    commits: int = 0
    lag: int = 0
    """µs from the log's time of the oldest command of the last transaction to its commit."""
    retries: int = 0


class Projector:
    """Takes rows from `source` and writes them, until stopped.

    `state` is starting, running, retrying, waiting (see `trouble`), stopped or failed; a failure is told to
    `on_failure`, on the projector's thread, and to everybody who waits for a position.
    """

    def __init__(
        self,
        source: Source,
        writer: Writer,
        progress: Progress,
        clock: Clock,
        *,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._source = source
        self._writer = writer
        self._progress = progress
        self._clock = clock
        self._on_failure = on_failure
        self._stopping = False
        self._began = -GATHER
        """When the last transaction did, on the monotonic clock."""
        self._thread = threading.Thread(target=self._run, name="agio-projector", daemon=True)
        self.metrics = Metrics()

    @property
    def state(self) -> str:
        """What it is doing."""
        return self._progress.state

    def start(self) -> None:
        """Begins behind the last position written."""
        self._progress.advance(self._writer.position)
        self._thread.start()

    def stop(self) -> None:
        """Writes what the source still has, and ends. Stop the shard before, or it may have more. Blocks."""
        self._stopping = True
        self._progress.hurry.set()
        self._thread.join()

    def _run(self) -> None:
        _name_thread()
        progress = self._progress
        progress.state = "running"
        try:
            while self._step():
                pass
            progress.state = "stopped"
        except BaseException as error:  # noqa: BLE001  whatever it was, it is told
            progress.state = "failed"
            try:
                self._on_failure(error)
            finally:
                progress.fail()

    def _step(self) -> bool:
        """One transaction, or one idle wait. False when stopped and nothing is left."""
        stopping = self._stopping
        rows = self._source(0 if stopping else IDLE_MS)
        if rows is None:
            return not stopping
        self._progress.hurry.wait(max(0.0, self._began + GATHER - time.monotonic()))
        self._began = time.monotonic()
        batch, size = [rows], len(rows)
        while size < LARGEST and (more := self._source(0)) is not None:
            batch.append(more)
            size += len(more)
        self._write(batch, size)
        return True

    def _write(self, batch: list[Rows], size: int) -> None:
        self._try_until_written(batch)
        metrics = self.metrics
        metrics.rows += size
        metrics.commits += 1
        metrics.lag = max(0, self._clock() - batch[0].time)
        self._progress.advance(self._writer.position)

    def _try_until_written(self, batch: list[Rows]) -> None:
        deadline = time.monotonic() + TROUBLE
        pause = 0.05
        while not self._tried(batch, deadline):
            if self.state == "waiting":
                deadline = time.monotonic() + TROUBLE
            time.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def _tried(self, batch: list[Rows], deadline: float) -> bool:
        """Whether the database took it; raises what it says when trying again is of no use."""
        try:
            # A commit whose answer was lost may have happened: the position in SQL tells.
            if self.state != "running":
                self._writer.position = self._writer.read()
            self._writer.write(batch)
        except OperationalError as error:
            waits = must_wait(error)
            if self._stopping or (not waits and time.monotonic() > deadline):
                raise
            self.metrics.retries += 1
            self._turn("waiting" if waits else "retrying", error.orig)
            return False
        self._turn("running")
        return True

    def _turn(self, state: str, error: BaseException | None = None) -> None:
        before, self._progress.state = self.state, state
        if "waiting" not in (before, state) or before == state:
            return
        if state == "waiting":
            log.warning("the database is full, locked or away, and history stands until that is mended: %s", error)
        else:
            log.warning("the database takes rows again: history goes on")


def _name_thread() -> None:
    """So that `top -H` and the benches tell this thread from the event loop's; Python does so from 3.14 on. Linux."""
    with contextlib.suppress(OSError):
        Path("/proc/thread-self/comm").write_text(threading.current_thread().name)
