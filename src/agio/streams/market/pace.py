"""One timer for all that is sent at intervals, so that streams of different speeds never disagree on a moment."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeAlias

log = logging.getLogger(__name__)

Beat: TypeAlias = Callable[[], None]


class Pace:
    """Calls functions every so many beats of `unit` seconds, counted from the loop's zero; silent when there are none.

    The faster come first: what a slower stream says at a beat, a faster one has said already.
    """

    def __init__(self, unit: float = 0.1) -> None:
        self._unit = unit
        self._beats: dict[int, dict[Beat, None]] = {}
        self._done: dict[int, int] = {}
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, every: int, beat: Beat) -> None:
        """Calls `beat` every `every` beats from the next multiple on."""
        if every not in self._beats:
            self._beats[every] = {}
            self._beats = dict(sorted(self._beats.items()))
        self._beats[every][beat] = None
        if self._timer is None:
            self._number = int(asyncio.get_running_loop().time() / self._unit)
            self._arm()
        self._done.setdefault(every, self._number // every)

    def remove(self, every: int, beat: Beat) -> None:
        """Does not call it any more."""
        del self._beats[every][beat]
        if not self._beats[every]:
            del self._beats[every], self._done[every]
        if not self._beats and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def advance(self, number: int) -> None:
        """It is beat `number`: calls what has become due; beats missed by a busy loop are not made up for."""
        self._number = number
        for every, beats in list(self._beats.items()):
            turn = number // every
            if turn == self._done[every]:
                continue
            self._done[every] = turn
            for beat in list(beats):
                _call(beat)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_at((self._number + 1) * self._unit, self._fire)

    def _fire(self) -> None:
        self._timer = None
        number = max(self._number + 1, int(asyncio.get_running_loop().time() / self._unit))
        self.advance(number)
        if self._beats and self._timer is None:
            self._arm()


def _call(beat: Beat) -> None:
    """A feed that fails must not silence the others."""
    try:
        beat()
    except Exception:
        log.exception("a stream could not be sent")
