"""Which stored candles each interval is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio.domain.intervals import DAY, MINUTE, Interval
from agio.domain.intervals import INTERVALS as ALL

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

STORED = (1440, 60, 1)
"""Widths in minutes of the candles that are kept, widest first."""
INTERVALS = {name: interval for name, interval in ALL.items() if name != "1s"}
"""All that can be made of those."""


def stored(interval: Interval, offset: int = 0) -> int:
    """The widest stored width, in minutes, of which every candle is made up; days begin `offset` µs before UTC's."""
    own = interval.length or DAY
    return next(width for width in STORED if own % (width * MINUTE) == 0 == offset % (width * MINUTE))


def parts(opens: Sequence[int]) -> Iterator[tuple[int, list[tuple[int, int]], Collection[int]]]:
    """Of which stored candles those are made that open at `opens`, but for the last: the fewest that there are.

    Yields a width in minutes, the stretches of time in which candles of this width are wanted, and which of them are
    not, because one of `opens` lies inside: these are made of narrower ones, which come next. A month that begins at
    half past is made of days, of hours at both ends, and of sixty minutes.
    """
    stretches = [(opens[0], opens[-1])]
    for width in STORED:
        length = width * MINUTE
        cut = {opened - opened % length for opened in opens if opened % length}
        there = sum(max(0, end // length + -start // length) for start, end in stretches)
        if there > sum(opens[0] <= start <= opens[-1] - length for start in cut):  # else none is whole
            yield width, stretches, cut
        stretches = _joined((max(start, opens[0]), min(start + length, opens[-1])) for start in sorted(cut))
        if not stretches:
            return


def _joined(stretches: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in stretches:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined
