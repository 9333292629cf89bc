"""Market data: takes the shard's events and fills the topics that somebody listens to."""

from __future__ import annotations

import asyncio
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from agio.domain.intervals import INTERVALS
from agio.streams.market.candles import Candles
from agio.streams.market.depth import BestLevels, Differences
from agio.streams.market.feeds import AllMiniTickers, Instant, Ticker
from agio.streams.market.inputs import Codec, Inputs, Routes
from agio.streams.market.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from agio.domain.markets import Market
    from agio.ports import Catalogue, EventBatch, ShardPort, Statistics
    from agio.streams.topics import Encode, Feed, Topic

Maker: TypeAlias = "Callable[[Topic, Inputs, Market], Feed]"

SPEEDS = {"": 10, "@1000ms": 10, "@100ms": 1}
"""In beats of 100 ms."""
ALL_MINI_TICKERS = {"!miniTicker@arr": 10, "!miniTicker@arr@1000ms": 10, "!miniTicker@arr@3000ms": 30}
"""In beats. Only the first is documented; Binance's own pages take the last, python-binance forms the second."""


def _without_time(top: Any) -> Encode:
    return lambda _: top.json()


def _makers() -> dict[str, Maker]:
    """What can follow `<symbol>@`."""
    found: dict[str, Maker] = {
        "trade": lambda topic, inputs, market: Instant(topic, inputs, inputs.codec.trade, market, attrgetter("json")),
        "aggTrade": lambda topic, inputs, market: Instant(
            topic, inputs, inputs.codec.aggregate, market, attrgetter("json")
        ),
        "bookTicker": lambda topic, inputs, market: Instant(topic, inputs, inputs.codec.top, market, _without_time),
        "ticker": lambda topic, inputs, market: Ticker(topic, inputs, market, full=True),
        "miniTicker": lambda topic, inputs, market: Ticker(topic, inputs, market, full=False),
    }
    for speed, every in SPEEDS.items():
        found[f"depth{speed}"] = _differences(every)
        for levels in (5, 10, 20):
            found[f"depth{levels}{speed}"] = _best_levels(levels, every)
    for interval in INTERVALS:
        found[f"kline_{interval}"] = _candles(interval)
    return found


def _differences(every: int) -> Maker:
    return lambda topic, inputs, market: Differences(topic, inputs, market, every)


def _best_levels(levels: int, every: int) -> Maker:
    return lambda topic, inputs, market: BestLevels(topic, inputs, market, levels, every)


def _candles(interval: str) -> Maker:
    return lambda topic, inputs, market: Candles(topic, inputs, market, interval)


MAKERS = _makers()


class MarketData:
    """An `EventSink` and a `Source` of topics. `listed` is called when assets or markets have changed."""

    def __init__(
        self,
        shard: ShardPort,
        catalogue: Catalogue,
        statistics: Statistics,
        codec: Codec,
        pace: Pace | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._inputs = Inputs(
            codec,
            Routes((codec.trade, codec.aggregate, codec.level, codec.top), shard, self._other),
            pace or Pace(),
            shard.now,
            statistics,
            shard,
        )
        self.listed: Callable[[], None] = _nobody

    def __call__(self, events: EventBatch) -> None:
        """One batch of durable events."""
        self._inputs.routes.dispatch(events)

    def bind(self, topic: Topic) -> Feed | None:
        """Fills a topic whose name is a stream of a listed market; names are lowercase."""
        if every := ALL_MINI_TICKERS.get(topic.name):
            return AllMiniTickers(topic, self._inputs, self._catalogue, every)
        symbol, _, kind = topic.name.partition("@")
        market = self._catalogue.current.by_symbol.get(symbol.upper())
        maker = MAKERS.get(kind)
        if market is None or maker is None or symbol != symbol.lower():
            return None
        return maker(topic, self._inputs, market)

    def _other(self, event: Any) -> None:
        if isinstance(event, self._inputs.codec.catalog_changed):
            # in the next tick: by then the catalogue, which takes the same event, has it
            asyncio.get_running_loop().call_soon(self.listed)


def _nobody() -> None:
    """Nobody wants to know."""
