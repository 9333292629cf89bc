"""What fills market topics: events as they happen, and statistics at their pace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agio.streams.market import payloads

if TYPE_CHECKING:
    from collections.abc import Callable

    from agio.domain.markets import Market
    from agio.ports import Catalogue
    from agio.streams.market.inputs import Inputs
    from agio.streams.topics import Encode, Topic

EVERY_SECOND = 10
"""In beats of the pace."""

_encode = msgspec.json.Encoder().encode


class Instant:
    """Each event of one kind, at once."""

    def __init__(
        self, topic: Topic, inputs: Inputs, kind: type, market: Market, encode: Callable[[Any], Encode]
    ) -> None:
        self._topic = topic
        self._encode = encode
        self._routes = inputs.routes
        self._route = (kind, market.id, self._take)
        self._routes.add(*self._route)

    def joined(self) -> None:
        """Nothing: what is past is past."""

    def close(self) -> None:
        """Takes no more events."""
        self._routes.remove(*self._route)

    def _take(self, event: Any) -> None:
        self._topic.publish(self._encode(event))


class Ticker:
    """`@ticker` (`full`) or `@miniTicker` of one market: once a second, when something happened in it."""

    def __init__(self, topic: Topic, inputs: Inputs, market: Market, *, full: bool) -> None:
        self._topic = topic
        self._inputs = inputs
        self._market = market
        self._full = full
        self._dirty = False
        codec = inputs.codec
        self._kinds = (codec.trade, codec.top) if full else (codec.trade,)
        for kind in self._kinds:
            inputs.routes.add(kind, market.id, self._take)
        inputs.pace.add(EVERY_SECOND, self._beat)

    def joined(self) -> None:
        """Nothing: the next change comes soon, or there is none."""

    def close(self) -> None:
        """Takes no more events."""
        for kind in self._kinds:
            self._inputs.routes.remove(kind, self._market.id, self._take)
        self._inputs.pace.remove(EVERY_SECOND, self._beat)

    def _take(self, _: Any) -> None:
        self._dirty = True

    def _beat(self) -> None:
        if not self._dirty:
            return
        self._dirty = False
        statistics, symbol = self._inputs.statistics, self._market.symbol
        now, day, top = self._inputs.clock(), statistics.day(self._market.id), statistics.top(self._market.id)
        if self._full:
            self._topic.publish(lambda micros: _encode(payloads.ticker(symbol, day, top, now, micros=micros)))
        else:
            self._topic.publish(lambda micros: _encode(payloads.mini_ticker(symbol, day, now, micros=micros)))


class AllMiniTickers:
    """`!miniTicker@arr`: every so many beats, the markets that have traded since."""

    def __init__(self, topic: Topic, inputs: Inputs, catalogue: Catalogue, every: int) -> None:
        self._topic = topic
        self._every = every
        self._inputs = inputs
        self._catalogue = catalogue
        day = inputs.statistics.day
        self._seen = {market.id: day(market.id).last_trade for market in catalogue.current.markets}
        inputs.pace.add(every, self._beat)

    def joined(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Looks no more."""
        self._inputs.pace.remove(self._every, self._beat)

    def _beat(self) -> None:
        now = self._inputs.clock()
        changed = []
        for market in self._catalogue.current.markets:
            day = self._inputs.statistics.day(market.id)
            if day.last_trade > self._seen.get(market.id, -1):
                self._seen[market.id] = day.last_trade
                changed.append((market.symbol, day))
        if changed:
            self._topic.publish(
                lambda micros: _encode(
                    [payloads.mini_ticker(symbol, day, now, micros=micros) for symbol, day in changed]
                )
            )
