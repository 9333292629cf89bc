"""What the feeds of a market are made of: its events as they come, a pace, statistics, the shard to ask."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from agio.ports import Clock, ShardPort, Statistics
    from agio.streams.market.pace import Pace

log = logging.getLogger(__name__)

Sink: TypeAlias = Callable[[Any], None]
"""Takes one event."""


class Codec(NamedTuple):
    """The event types of `agio._core`, and its encoder of depth updates."""

    trade: type
    aggregate: type
    level: type
    top: type
    catalog_changed: type
    depth_update: Callable[[str, int, int, list[tuple[int, int]], list[tuple[int, int]], int, bool], bytes]
    """Symbol, first and last update, bids, asks, time, whether in µs."""
    refusals: tuple[type[Exception], ...]
    """What asking the shard may raise."""


class Routes:
    """Which events of a market somebody wants: the shard tells of no others. `others` takes other kinds."""

    def __init__(self, kinds: Iterable[type], shard: ShardPort, others: Sink) -> None:
        self._shard = shard
        self._others = others
        self._sinks: dict[type, dict[int, tuple[Sink, ...]]] = {kind: {} for kind in kinds}

    def add(self, kind: type, market: int, sink: Sink) -> None:
        """From now on `sink` gets the market's events of this kind."""
        markets = self._sinks[kind]
        if market not in markets:
            self._shard.want(kind, market)
        markets[market] = (*markets.get(market, ()), sink)

    def remove(self, kind: type, market: int, sink: Sink) -> None:
        """It does not any more."""
        markets = self._sinks[kind]
        left = tuple(other for other in markets[market] if other != sink)
        if left:
            markets[market] = left
        else:
            del markets[market]
            self._shard.unwant(kind, market)

    def dispatch(self, events: Iterable[Any]) -> None:
        """Hands each event to those who want it."""
        kinds = self._sinks
        for event in events:
            markets = kinds.get(type(event))
            if markets:
                for sink in markets.get(event.market, ()):
                    sink(event)
            elif markets is None:
                self._others(event)


@dataclass(frozen=True, slots=True)
class Inputs:
    """All of it, for the feeds' constructors."""

    codec: Codec
    routes: Routes
    pace: Pace
    clock: Clock
    statistics: Statistics
    shard: ShardPort

    async def depth(self, symbol: str, levels: int) -> bytes | None:
        """The shard's answer to a depth request; None when it is overloaded or stopping: ask again later."""
        try:
            reply = await self.shard.depth(symbol, levels)
        except self.codec.refusals as error:
            log.debug("no depth: %s", error)
            return None
        return reply.body if reply.status == HTTPStatus.OK else None
