"""Which stored candles each interval is made of."""

from __future__ import annotations

from agio.domain.intervals import DAY, MINUTE, Interval
from agio.domain.intervals import INTERVALS as ALL

STORED = (1440, 60, 1)
"""Widths in minutes of the candles that are kept, widest first."""
INTERVALS = {name: interval for name, interval in ALL.items() if name != "1s"}
"""All that can be made of those."""


def stored(interval: Interval, offset: int = 0) -> int:
    """The widest stored width, in minutes, of which every candle is made up; days begin `offset` µs before UTC's."""
    own = interval.length or DAY
    return next(width for width in STORED if own % (width * MINUTE) == 0 == offset % (width * MINUTE))
