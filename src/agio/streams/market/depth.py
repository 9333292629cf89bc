"""Depth: differences without gaps, and the best few levels.

web-socket-streams.md, "How to manage a local order book correctly", says what clients rely on.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agio.domain.markets import Market
    from agio.streams.market.inputs import Inputs
    from agio.streams.topics import Topic


class Differences:
    """`@depth`: what changed in each window, as new totals, each price once.

    Updates of a market are numbered densely. A window says from which to which it reaches, and the next one goes on
    where it ended, for every subscriber of this speed; a window in which nothing changed is not sent.
    """

    def __init__(self, topic: Topic, inputs: Inputs, market: Market, every: int) -> None:
        self._topic = topic
        self._inputs = inputs
        self._market = market
        self._every = every
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._first = 0
        self._last = 0
        inputs.routes.add(inputs.codec.level, market.id, self._take)
        inputs.pace.add(every, self._beat)

    def joined(self) -> None:
        """Nothing: a client joins with a snapshot, wherever it enters."""

    def close(self) -> None:
        """Takes no more events."""
        self._inputs.routes.remove(self._inputs.codec.level, self._market.id, self._take)
        self._inputs.pace.remove(self._every, self._beat)

    def _take(self, level: Any) -> None:
        if not self._first:
            self._first = self._last + 1 if self._last else level.update
        self._last = level.update
        (self._bids if level.is_bid else self._asks)[level.price] = level.total

    def _beat(self) -> None:
        if not self._first:
            return
        first, last, now = self._first, self._last, self._inputs.clock()
        bids, asks = sorted(self._bids.items(), reverse=True), sorted(self._asks.items())
        symbol, encode = self._market.symbol, self._inputs.codec.depth_update
        self._first = 0
        self._bids.clear()
        self._asks.clear()
        self._topic.publish(lambda micros: encode(symbol, first, last, bids, asks, now, micros))


class BestLevels:
    """`@depth5`, `@depth10`, `@depth20`: the shard's own answer to a depth request, whenever the book has changed.

    At most one question per window and topic; no copy of the book to keep right.
    """

    def __init__(self, topic: Topic, inputs: Inputs, market: Market, levels: int, every: int) -> None:
        self._topic = topic
        self._inputs = inputs
        self._market = market
        self._levels = levels
        self._every = every
        self._dirty = True
        self._anew = True
        self._sent = b""
        self._asking: asyncio.Task[None] | None = None
        inputs.routes.add(inputs.codec.level, market.id, self._take)
        inputs.pace.add(every, self._beat)

    def joined(self) -> None:
        """The new one wants to see the book, changed or not."""
        self._dirty = self._anew = True

    def close(self) -> None:
        """Takes no more events and asks no more."""
        self._inputs.routes.remove(self._inputs.codec.level, self._market.id, self._take)
        self._inputs.pace.remove(self._every, self._beat)
        if self._asking is not None:
            self._asking.cancel()

    def _take(self, _: Any) -> None:
        self._dirty = True

    def _beat(self) -> None:
        if self._dirty and self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    async def _ask(self) -> None:
        self._dirty, anew, self._anew = False, self._anew, False
        try:
            body = await self._inputs.depth(self._market.symbol, self._levels)
        finally:
            self._asking = None
        if body is None:
            self._dirty, self._anew = True, anew
        elif anew or body != self._sent:
            self._sent = body
            self._topic.publish(lambda _: body)
