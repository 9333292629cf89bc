"""A market's last 24 hours, by the minute."""

from __future__ import annotations

from collections import deque

from agio.domain.intervals import DAY, MINUTE
from agio.projections.spot.buckets import Bucket


class Window:
    """Finished minutes, with running sums. A minute stays until all of it is older than a day."""

    def __init__(self, previous_close: int = 0) -> None:
        self.previous_close = previous_close
        """The last price before the window."""
        self._minutes: deque[Bucket] = deque()
        self._sum = Bucket(0)

    def append(self, minute: Bucket) -> None:
        """The newest minute, with at least one trade."""
        self._minutes.append(minute)
        self._sum.merge(minute)

    def total(self, now: int, under_way: Bucket) -> Bucket:
        """All that was traded in the window; prices are 0 when nothing was."""
        self._leave(now - DAY)
        total = Bucket.of(self._sum.columns())
        total.merge(under_way)
        return total

    def _leave(self, since: int) -> None:
        minutes, total = self._minutes, self._sum
        extreme = False
        while minutes and minutes[0].opened + MINUTE <= since:
            old = minutes.popleft()
            self.previous_close = old.close
            total.trades -= old.trades
            total.volume -= old.volume
            total.quote_volume -= old.quote_volume
            extreme = extreme or old.high == total.high or old.low == total.low
            if not minutes:
                self._sum = Bucket(0)
                return
            total.open, total.first_trade = minutes[0].open, minutes[0].first_trade
        if extreme:
            total.high = max(minute.high for minute in minutes)
            total.low = min(minute.low for minute in minutes)
