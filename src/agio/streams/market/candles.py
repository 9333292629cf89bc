"""Candles as they grow: pushed every other second when they changed, and exactly once when they are closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from agio.domain.history import Candle
from agio.domain.intervals import INTERVALS, Interval
from agio.streams.market import payloads
from agio.streams.market.feeds import EVERY_SECOND

if TYPE_CHECKING:
    from agio.domain.markets import Market
    from agio.streams.market.inputs import Inputs
    from agio.streams.topics import Topic

_encode = msgspec.json.Encoder().encode


def flat(interval: Interval, opened: int, price: int) -> Candle:
    """A candle in which nothing traded."""
    return Candle(opened, interval.after(opened) - 1, price, price, price, price, 0, 0, 0, 0, 0, -1, -1)


def grown(candle: Candle, trade: Any) -> Candle:
    """The candle with one more trade."""
    first = candle.trades == 0
    taker_buys = not trade.buyer_is_maker
    return candle._replace(
        open=trade.price if first else candle.open,
        high=trade.price if first else max(candle.high, trade.price),
        low=trade.price if first else min(candle.low, trade.price),
        close=trade.price,
        volume=candle.volume + trade.quantity,
        quote_volume=candle.quote_volume + trade.notional,
        trades=candle.trades + 1,
        taker_buy_volume=candle.taker_buy_volume + (trade.quantity if taker_buys else 0),
        taker_buy_quote_volume=candle.taker_buy_quote_volume + (trade.notional if taker_buys else 0),
        first_trade=trade.id if first else candle.first_trade,
        last_trade=trade.id,
    )


class Candles:
    """`@kline_<interval>` of one market.

    A candle is over when a later trade comes, for the log's time never goes back; or, when none comes, once the shard
    has answered a question asked after its end, for an answer comes behind all that happened before it.
    """

    def __init__(self, topic: Topic, inputs: Inputs, market: Market, name: str) -> None:
        self._topic = topic
        self._inputs = inputs
        self._market = market
        self._name = name
        self._interval = INTERVALS[name]
        self._every = EVERY_SECOND if name == "1s" else 2 * EVERY_SECOND
        self._candle = self._under_way()
        self._is_cut = name == "1s" and self._candle is not None and self._candle.opened < inputs.clock()
        """What was traded in the second under way before this began is told nowhere: that second is left out."""
        self._changed = False
        self._asking: asyncio.Task[None] | None = None
        inputs.routes.add(inputs.codec.trade, market.id, self._take)
        inputs.pace.add(self._every, self._push)
        inputs.pace.add(1, self._look)

    def joined(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Takes no more events."""
        self._inputs.routes.remove(self._inputs.codec.trade, self._market.id, self._take)
        self._inputs.pace.remove(self._every, self._push)
        self._inputs.pace.remove(1, self._look)
        if self._asking is not None:
            self._asking.cancel()

    def _under_way(self) -> Candle | None:
        """What there is of the current candle already; None when the market never traded."""
        now = self._inputs.clock()
        candle = None if self._name == "1s" else self._inputs.statistics.candle(self._market.id, self._name)
        if candle is not None and now <= candle.closed:
            return candle
        price = self._inputs.statistics.last_price(self._market.id)
        return flat(self._interval, self._interval.opening(now), price) if price else None

    def _take(self, trade: Any) -> None:
        self._close_until(trade.time)
        if self._candle is None:
            self._candle = flat(self._interval, self._interval.opening(trade.time), trade.price)
        if trade.time >= self._candle.opened:
            self._candle = grown(self._candle, trade)
            self._changed = True
        elif not self._candle.trades:  # on its way while this one began: the last price after all
            self._candle = flat(self._interval, self._candle.opened, trade.price)

    def _push(self) -> None:
        if self._changed and self._candle is not None:
            self._changed = False
            self._publish(self._candle, closed=False)

    def _look(self) -> None:
        now = self._inputs.clock()
        if self._candle is not None and now > self._candle.closed and self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._confirm(now))

    async def _confirm(self, moment: int) -> None:
        try:
            answer = await self._inputs.depth(self._market.symbol, 5)
        finally:
            self._asking = None
        if answer is not None:  # else it stays open, and the next beat asks again
            self._close_until(moment)

    def _close_until(self, moment: int) -> None:
        while self._candle is not None and moment > self._candle.closed:
            self._publish(self._candle, closed=True)
            self._changed = False
            self._candle = flat(self._interval, self._candle.closed + 1, self._candle.close)

    def _publish(self, candle: Candle, *, closed: bool) -> None:
        if self._is_cut:
            self._is_cut = not closed
            return
        symbol, name, now = self._market.symbol, self._name, self._inputs.clock()
        self._topic.publish(
            lambda micros: _encode(payloads.kline(symbol, name, candle, now, closed=closed, micros=micros))
        )
