"""Candles of any interval out of stored ones."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from agio.projections.spot.buckets import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from agio.domain.history import Candle
    from agio.domain.intervals import Interval


def openings(
    interval: Interval, offset: int, *, start: int | None, end: int, earliest: int, limit: int
) -> Sequence[int]:
    """When the candles open that a question asks for, oldest first, and, last of all, when the one behind them does.

    From `start` on the oldest, without it the newest up to `end`; none opens before the candle of `earliest`.
    """
    first = interval.opening(earliest, offset)
    last = interval.opening(end, offset)
    if start is None:
        return _newest(interval, offset, first, last, limit)
    if start > end:  # however far: calendars end with the year 9999
        return ()
    if start > first:
        first = interval.opening(start, offset)
        first = first if first >= start else interval.after(first, offset)
    found = [first]
    while found[-1] <= last and len(found) <= limit:
        found.append(interval.after(found[-1], offset))
    return found if len(found) > 1 else ()


def _newest(interval: Interval, offset: int, first: int, last: int, limit: int) -> Sequence[int]:
    found = [interval.after(last, offset)]
    opened = last
    while opened >= first and len(found) <= limit:
        found.append(opened)
        opened = interval.opening(opened - 1, offset)
    return found[::-1] if len(found) > 1 else ()


def fold(stored: Iterable[Bucket], opens: Sequence[int], price: int) -> Iterator[Candle]:
    """One candle for each of `opens` but the last, out of stored ones; empty ones are flat at the price before."""
    rest = iter(stored)
    part = next(rest, None)
    for opened, following in itertools.pairwise(opens):
        bucket = Bucket(opened, price)
        while part is not None and part.opened < following:
            bucket.merge(part)
            part = next(rest, None)
        price = bucket.close
        yield bucket.candle(following - 1)
