"""Recorded depth through the book: after each message its best prices are those that Binance's bookTicker showed."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agio import _core
from agio.domain.money import ONE, text
from agio.domain.money import units as amount
from tests.recorded.house import House, events_of, house
from tests.recorded.tapes import Capture, Levels

START = 1_723_161_255_000_000
COMPARISONS = 564
"""Messages of the capture whose last update id has a recorded bookTicker: all that can be compared."""
STEP = "0.000001"
"""Finer than the lot of 2024: some recorded orders are older than it."""
NOTHING = "0.00000000"
MESSAGES_AT_ONCE = 250


class Mirror:
    """One order of the house for each level of the recorded book, named after its side and price."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.levels: dict[str, Levels] = {"BUY": {}, "SELL": {}}
        self.updates = 0
        """Changes of levels so far: each order is a level, so each place and each cancel is one."""

    def take(self, message: dict[str, Any]) -> None:
        """All cancels and reductions of a message come before its places. A new total is a cancel and a place."""
        changes = [*self._changes("BUY", message["b"]), *self._changes("SELL", message["a"])]
        for side, price, _ in changes:
            if self.levels[side].pop(price, None):
                self.updates += 1
                self.house.cancel(name(side, price))
        for side, price, total in changes:
            if total != NOTHING:
                self.levels[side][price] = total
                self.updates += 1
                self.house.make(side, price, total, name(side, price))

    def _changes(self, side: str, levels: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str, str]]:
        known = self.levels[side]
        return ((side, price, total) for price, total in levels if known.get(price, NOTHING) != total)

    def book(self) -> dict[str, list[list[str]]]:
        """Both sides as `GET /api/v3/depth` gives them."""
        sides = {"bids": ("BUY", True), "asks": ("SELL", False)}
        return {
            name: [[price, total] for price, total in sorted(self.levels[side].items(), key=by_price, reverse=falling)]
            for name, (side, falling) in sides.items()
        }


def name(side: str, price: str) -> str:
    """The client id of a level's order."""
    return side + price.replace(".", "-")


def by_price(level: tuple[str, str]) -> int:
    return amount(level[0])


@pytest.mark.timeout(100)
async def test_best_prices_are_the_recorded_ones(recorded: Path, tmp_path: Path) -> None:
    capture = Capture.read(recorded)
    async with house(tmp_path, START) as venue:
        await venue.open_market("BTCUSDT", "BTC", "USDT", tick="0.01", step=STEP)
        tops = events_of(venue, _core.Top)
        mirror = Mirror(venue)
        snapshot = capture.snapshot
        mirror.take({"b": snapshot["bids"], "a": snapshot["asks"]})
        reached = {}
        for place, message in enumerate(capture.depth):
            mirror.take(message)
            reached[message["u"]] = mirror.updates
            if place % MESSAGES_AT_ONCE == 0:
                await venue.settle()
        await venue.settle()
        book = msgspec.json.decode((await venue.shard.depth("BTCUSDT", 5000)).body)

    assert book == {"lastUpdateId": mirror.updates, **mirror.book()}
    assert all(top.bid < top.ask for top in tops if top.bid and top.ask), "the book was crossed"
    updates = [top.update for top in tops]
    compared = [update for update in reached if update in capture.tops]
    for update in compared:
        top = tops[bisect_right(updates, reached[update]) - 1]
        assert (top.bid, top.bid_total, top.ask, top.ask_total) == capture.tops[update], update
    assert len(compared) == COMPARISONS


def test_prices_are_exact() -> None:
    assert by_price(("61837.63000000", "1")) == 6183763 * ONE // 100
    assert text(by_price(("0.00141342", "1"))) == "0.00141342"
