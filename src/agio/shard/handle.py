"""The one way from Python to the exchange: requests become pending replies, durable events reach their sinks."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import msgspec

from agio import _core
from agio.domain.errors import ApiError, CommandRefused, Fatal
from agio.domain.money import units
from agio.ports import EventSink, Pending, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

TIMED_OUT = ApiError(
    -1007, "Timeout waiting for response from backend server. Send status unknown; execution status unknown.", 408
)
"""The outcome of a request is unknown: the shard broke, or did not answer in time."""
LOST = Reply(TIMED_OUT.status, _core.error_body(TIMED_OUT.code, TIMED_OUT.message), -1, -1)
SOON, AGAIN = 2.0, 10.0
"""Seconds until a start that reads a long log says so, and between two words about it."""
PATIENCE = 10
"""Seconds within which a request is answered; after that it is LOST."""


class Shard:
    """`agio.ports.ShardPort` over one embedded shard. All methods belong to one event loop.

    Each request is settled once: with the shard's reply, or with LOST after `PATIENCE` or when the shard is closed.
    """

    def __init__(self, core: _core.Shard, loop: asyncio.AbstractEventLoop) -> None:
        self._core = core
        self._loop = loop
        self._next = 0
        self._waiting: dict[int, Pending] = {}
        """By token, and so in the order of asking."""
        self._seconds: deque[int] = deque([0] * PATIENCE)
        """The next token as it was in each of the last seconds."""
        self._timer = loop.call_later(1, self._expire)
        self._rousing = False
        self._halt_told = False
        self._sinks: list[EventSink] = []
        self._on_failure: list[Callable[[str], None]] = []
        self._decode = msgspec.json.Decoder()
        self._encode = msgspec.json.Encoder()
        loop.add_reader(core.fileno(), self._drain)

        self.now = core.now
        self.set_time = core.set_time
        self.state = core.state
        self.applied = core.applied
        self.overloaded = core.overloaded
        self.watch = core.watch
        self.unwatch = core.unwatch
        self.want = core.want
        self.unwant = core.unwant
        self.metrics = core.metrics
        self.catalog = core.catalog
        self.rows = core.rows
        self.notes = core.notes
        self.jump = core.jump
        self.confirm_jump = core.confirm_jump

    @classmethod
    def open(cls, folder: str, loop: asyncio.AbstractEventLoop, **options: Any) -> Shard:
        """Recovers the log in `folder` and starts its threads; options as of `_core.Shard`. Blocks; raises Fatal."""
        return cls(_recovered(folder, **options), loop)

    @classmethod
    async def recover(cls, folder: str, **options: Any) -> Shard:
        """As `open`, without blocking the loop: a long log is read for minutes, and signals are heard meanwhile."""
        loop = asyncio.get_running_loop()
        telling = loop.create_task(_tell_opening(folder))
        try:
            return cls(await asyncio.to_thread(_recovered, folder, **options), loop)
        finally:
            telling.cancel()

    def add_sink(self, sink: EventSink) -> None:
        """`sink` gets every batch of durable events, before the replies of that batch are released."""
        self._sinks.append(sink)

    def on_failure(self, callback: Callable[[str], None]) -> None:
        """`callback` is told, once, why the shard broke."""
        self._on_failure.append(callback)

    @property
    def under_way(self) -> int:
        """Requests that have not been answered yet."""
        return len(self._waiting)

    def _asked(self) -> Pending:
        """The answer to come of what has just been asked under the next token."""
        token = self._next
        self._next = token + 1
        pending = self._waiting[token] = Pending()
        if not self._rousing:  # one wake for all that is asked in this turn of the loop
            self._rousing = True
            self._loop.call_soon(self._rouse)
        return pending

    def _rouse(self) -> None:
        self._rousing = False
        self._core.rouse()

    def _drain(self) -> None:
        events, replies = self._core.drain()
        for sink in self._sinks if events else ():
            try:
                sink(events)
            except Exception:  # what is durable is answered all the same, and a failure rings once
                log.exception("events were not told")
        self._settle(replies)
        state = self._core.state()
        if state == "failed":
            self._tell_failure()
        elif state == "halted" and not self._halt_told:
            self._halt_told = True
            log.critical("an invariant does not hold; only cancels are taken from here on: %s", self._core.failure())

    def _settle(self, replies: list[tuple[int, int, bytes, int, int]]) -> None:
        waiting = self._waiting
        for token, status, body, orders_10s, orders_1d in replies:
            pending = waiting.pop(token, None)
            if pending is not None:
                try:
                    pending.settle(Reply(status, body, orders_10s, orders_1d))
                except Exception:  # as the loop does with callbacks: those behind it have nothing to do with it
                    log.exception("a reply was not told")

    def _expire(self) -> None:
        """Gives up those that have waited too long; tokens ascend, so they come first."""
        self._seconds.append(self._next)
        oldest = self._seconds.popleft()
        for token in [*takewhile(oldest.__gt__, self._waiting)]:
            self._waiting.pop(token).settle(LOST)
        self._timer = self._loop.call_later(1, self._expire)

    def _tell_failure(self) -> None:
        callbacks, self._on_failure = self._on_failure, []
        for callback in callbacks:
            callback(self._core.failure() or "unknown")

    def place(self, values: Any, account: int, key: int, micros: bool) -> Pending:
        """Places an order."""
        self._core.place(self._next, values, account, key, micros)
        return self._asked()

    def batch(self, commands: bytes) -> Pending:
        """Many commands at once, packed by `agio.shard.batch`; the reply's body has their results."""
        self._core.batch(self._next, commands)
        return self._asked()

    def test_order(self, values: Any, account: int, key: int, micros: bool) -> Pending:
        """Checks an order without placing it."""
        self._core.test_order(self._next, values, account, key, micros)
        return self._asked()

    def cancel(self, values: Any, account: int, key: int, micros: bool) -> Pending:
        """Cancels one order."""
        self._core.cancel(self._next, values, account, key, micros)
        return self._asked()

    def cancel_all(self, values: Any, account: int, key: int, micros: bool) -> Pending:
        """Cancels all orders of one market."""
        self._core.cancel_all(self._next, values, account, key, micros)
        return self._asked()

    def order(self, values: Any, account: int, micros: bool) -> Pending:
        """An open or recently finished order; status 0: neither."""
        self._core.order(self._next, values, account, micros)
        return self._asked()

    def open_orders(self, values: Any, account: int, micros: bool) -> Pending:
        """Open orders."""
        self._core.open_orders(self._next, values, account, micros)
        return self._asked()

    def account(self, account: int, omit_zero: bool, micros: bool) -> Pending:
        """Balances and rights."""
        self._core.account(self._next, account, omit_zero, micros)
        return self._asked()

    def depth(self, symbol: str, limit: int) -> Pending:
        """The book's best levels."""
        self._core.depth(self._next, symbol, limit)
        return self._asked()

    async def top(self, symbol: str) -> tuple[int, int, int, int, int]:
        """The last update's number, best bid and its total, best ask and its total; 0 for an empty side."""
        book = self._decode.decode(_answered(await self.depth(symbol, 1)))
        (bid, bid_total), (ask, ask_total) = (
            map(units, side[0]) if side else (0, 0) for side in (book["bids"], book["asks"])
        )
        return book["lastUpdateId"], bid, bid_total, ask, ask_total

    def average_price(self, symbol: str, micros: bool) -> Pending:
        """The average price that filters use."""
        self._core.average_price(self._next, symbol, micros)
        return self._asked()

    def order_counts(self, account: int) -> Pending:
        """Unfilled-order counts."""
        self._core.order_counts(self._next, account)
        return self._asked()

    async def position(self) -> dict[str, Any]:
        """Sequence, time, halted and the hash of all state, for operators."""
        self._core.position(self._next)
        position: dict[str, Any] = self._decode.decode(_answered(await self._asked()))
        return position

    async def live_keys(self) -> dict[int, int]:
        """The account of every key that the log knows and has not revoked; raises ApiError -1007 if lost."""
        self._core.live_keys(self._next)
        return dict(self._decode.decode(_answered(await self._asked())))

    async def has_account(self, account: int) -> bool:
        """Whether the log has opened it; raises ApiError -1007 if lost."""
        reply = await self.account(account, True, False)
        _answered(reply)
        return reply.status == 200

    async def command(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        """Runs an administrative command and returns its events; raises CommandRefused, or ApiError -1007 if lost."""
        self._core.command(self._next, self._encode.encode(command))
        reply = await self._asked()
        events: list[dict[str, Any]] = self._decode.decode(_answered(reply))
        for event in events:
            if rejected := event.get("Rejected"):
                raise CommandRefused(rejected["reason"], rejected["words"])
        return events

    def stop(self) -> None:
        """Answers what is in the log, writes a snapshot and frees the folder. Blocks; call it from a worker thread.

        On a full disk there is no room for the snapshot, and everything else ends as it should all the same.
        """
        try:
            self._core.stop()
        except _core.ShardError as error:
            log.error("stopped without a snapshot: the log is whole, and the next start reads more of it (%s)", error)

    def close(self) -> None:
        """Stops listening to the shard; whoever still waits is told that the outcome is unknown."""
        self._drain()
        self._loop.remove_reader(self._core.fileno())
        self._timer.cancel()
        waiting, self._waiting = self._waiting, {}
        for pending in waiting.values():
            pending.settle(LOST)


def _recovered(folder: str, **options: Any) -> _core.Shard:
    try:
        return _core.Shard(folder, **options)
    except _core.ShardError as error:
        raise Fatal(str(error)) from error


async def _tell_opening(folder: str) -> None:
    """Says now and then how far the log is read, so that a long start is not taken for one that hangs."""
    await asyncio.sleep(SOON)
    while True:
        done, whole = _core.opening(folder)
        if whole:
            log.info("reading the log: %d %% of %d MB", 100 * done // whole, whole / 1e6)
        else:
            log.info("reading the newest snapshot")
        await asyncio.sleep(AGAIN)


def _answered(reply: Reply) -> bytes:
    """The body of a reply that an operator or we ourselves asked for; raises TIMED_OUT."""
    if reply.status == LOST.status:
        raise TIMED_OUT
    return reply.body
