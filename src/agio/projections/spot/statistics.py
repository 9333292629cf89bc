"""`agio.ports.Statistics` in memory: fed by the shard's events, seeded from stored candles at start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agio.domain.intervals import DAY, MINUTE
from agio.domain.statistics import DayStatistics, TopOfBook
from agio.projections.spot.buckets import NONE, Bucket
from agio.projections.spot.intervals import INTERVALS
from agio.projections.spot.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agio.domain.history import Candle
    from agio.ports import Clock, EventBatch
    from agio.projections.spot.seeds import Seed

EMPTY = TopOfBook(0, 0, 0, 0, 0)


class MarketStatistics:
    """One market. Trades touch the current minute only; what is wider is folded when a minute ends."""

    __slots__ = ("_end", "_ladder", "_minute", "_window", "last_price", "last_quantity", "last_trade", "top")

    def __init__(self) -> None:
        self._minute = Bucket(0)
        self._end = 0
        self._ladder: dict[str, Bucket] = {}
        self._window = Window()
        self.last_price = 0
        self.last_quantity = 0
        self.last_trade = NONE
        self.top = EMPTY

    def seed(self, seed: Seed) -> None:
        """What was traded before this process, up to the seed's last trade."""
        self._ladder = dict(seed.ladder)
        self._window = Window(seed.previous_close)
        for minute in seed.minutes:
            self._window.append(minute)
        self.last_price, self.last_quantity, self.last_trade = seed.last_price, seed.last_quantity, seed.last_trade

    def traded(self, event: Any) -> None:
        """An `agio._core.Minute`; one that the seed knows is left out."""
        if event.last_trade <= self.last_trade:
            return
        # Or earlier: who asked at the next minute's beginning rolled before the last one's trades were durable.
        if event.opened != self._minute.opened:
            self._roll(event.opened)
        if event.opened < self._minute.opened:  # somebody has asked since, and what is under way has moved on
            self._fold(event)
        else:
            self._minute.merge(event)
        self.last_price = event.close
        self.last_quantity = event.last_quantity
        self.last_trade = event.last_trade

    def _roll(self, time: int) -> None:
        """Folds the minute that ended and begins the one of `time`."""
        if self._minute.trades:
            self._fold(self._minute)
        self._minute = Bucket(time - time % MINUTE)
        self._end = self._minute.opened + MINUTE

    def _fold(self, minute: Any) -> None:
        """A minute that is over, or the last of one: a bucket, or an `agio._core.Minute`."""
        self._window.append(minute)
        for name, interval in INTERVALS.items():
            opened = interval.opening(minute.opened)
            step = self._ladder.get(name)
            if step is None or step.opened != opened:
                step = self._ladder[name] = Bucket(opened)
            step.merge(minute)

    def day(self, now: int) -> DayStatistics:
        """The last 24 hours; the minute in which they begin counts as a whole."""
        if now >= self._end:
            self._roll(now)
        total = self._window.total(now, self._minute)
        return DayStatistics(
            opened=now - DAY,
            closed=now,
            open=total.open,
            high=total.high,
            low=total.low,
            last=total.close,
            previous_close=self._window.previous_close,
            last_quantity=self.last_quantity if total.trades else 0,
            volume=total.volume,
            quote_volume=total.quote_volume,
            first_trade=total.first_trade,
            last_trade=total.last_trade,
            trades=total.trades,
        )

    def candle(self, name: str, now: int) -> Candle | None:
        """The candle under way; None when nothing was ever traded. KeyError for an unknown interval."""
        interval = INTERVALS[name]
        if self.last_trade == NONE:
            return None
        if now >= self._end:
            self._roll(now)
        opened = interval.opening(self._minute.opened)
        folded = Bucket(opened, self.last_price)
        step = self._ladder.get(name)
        if step is not None and step.opened == opened:
            folded.merge(step)
        folded.merge(self._minute)
        return folded.candle(interval.after(opened) - 1)


class MarketsStatistics:
    """All markets; an `agio.ports.EventSink`. Belongs to the event loop."""

    def __init__(self, clock: Clock) -> None:
        """`clock`: the log's time."""
        self._clock = clock
        self._markets: dict[int, MarketStatistics] = {}
        self._handlers: dict[type, Callable[[Any], None] | None] = {}

    def seed(self, seeds: Mapping[int, Seed]) -> None:
        """Call it once, before trading begins, with `agio.projections.spot.seeds.read` of all that was projected."""
        for market, seed in seeds.items():
            self._of(market).seed(seed)

    def seed_top(self, market: int, top: TopOfBook) -> None:
        """The best prices at start; an event that came before has newer ones."""
        known = self._of(market)
        if known.top.update < top.update:
            known.top = top

    def __call__(self, events: EventBatch) -> None:
        """Takes out of a batch what its trades add up to, and the best prices that it leaves."""
        handlers = self._handlers
        for event in events:
            kind = type(event)
            try:
                handler = handlers[kind]
            except KeyError:
                # By name, because only the shard may import the extension and its classes.
                handler = handlers[kind] = {"Minute": self._traded, "Standing": self._top}.get(kind.__name__)
            if handler is not None:
                handler(event)

    def _of(self, market: int) -> MarketStatistics:
        found = self._markets.get(market)
        if found is None:
            found = self._markets[market] = MarketStatistics()
        return found

    def _traded(self, event: Any) -> None:
        self._of(event.market).traded(event)

    def _top(self, event: Any) -> None:
        self._of(event.market).top = TopOfBook(event.update, event.bid, event.bid_total, event.ask, event.ask_total)

    def day(self, market: int) -> DayStatistics:
        """The last 24 hours, sliding."""
        return self._of(market).day(self._clock())

    def last_price(self, market: int) -> int | None:
        """The newest trade's price; None when nothing was ever traded."""
        known = self._of(market)
        return None if known.last_trade == NONE else known.last_price

    def top(self, market: int) -> TopOfBook:
        """The best prices."""
        return self._of(market).top

    def candle(self, market: int, interval: str) -> Candle | None:
        """The candle under way, flat when nothing was traded in it; None when nothing was ever traded."""
        return self._of(market).candle(interval, self._clock())
