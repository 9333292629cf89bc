"""A plain, seeded market maker: two house accounts, a few levels a side, a slow walk, a trade now and then."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agio.domain.errors import CommandRefused
from agio.domain.money import ONE, units

if TYPE_CHECKING:
    from agio.services.markets.listing import MarketSpec

log = logging.getLogger(__name__)

Run = Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]

LEVELS = 10
"""Orders a side."""
PAUSE = 0.5
"""Seconds between two rounds of one market."""
LEVEL_VALUE = 1_000
"""About how much stands on each level, in least notionals of the market: 5,000 USDT on BTCUSDT."""
TRADE_CHANCE = 0.4
"""A round with a trade."""
_OPERATOR = {"key": 0, "sent": 0, "window": 0}


@dataclass(slots=True)
class _Quoted:
    """One market as the maker sees it; prices and quantities are 10^-8."""

    symbol: str
    number: int
    tick: int
    step: int
    centre: int
    quantity: int
    orders: dict[tuple[str, int], int] = field(default_factory=dict)
    """(side, price) → order number."""
    told: set[str] = field(default_factory=lambda: {"WouldTake"})
    """Reasons of refusals that need no more words; a price that others have just taken never needs any."""

    @classmethod
    def of(cls, spec: MarketSpec, number: int) -> _Quoted:
        """As the market begins, within its filters."""
        tick, step, price = units(spec.tick) or 1, units(spec.step) or 1, units(spec.price)
        quantity = LEVEL_VALUE * units(spec.min_notional) * ONE // max(price, 1)
        least, most = units(spec.min_quantity or "0"), units(spec.max_quantity)
        quantity = max(step, least, min(quantity, most or quantity) // step * step)
        market = cls(spec.symbol, number, tick, step, price, quantity)
        market.move(0)
        return market

    @property
    def spacing(self) -> int:
        """Between two levels."""
        return max(self.tick, self.centre // 10_000 // self.tick * self.tick)

    def move(self, steps: int) -> None:
        """Moves the centre, which stays above all levels."""
        spacing = self.spacing
        self.centre = max(self.centre + steps * spacing, (LEVELS + 1) * spacing)


class Maker:
    """Keeps quotes in each market until it is cancelled."""

    def __init__(self, run: Run, maker: int, taker: int, seed: int) -> None:
        """`maker` and `taker` are funded house accounts."""
        self._run = run
        self._maker = maker
        self._taker = taker
        self._random = random.Random(seed)  # noqa: S311 -- liquidity, not secrets
        self._markets: list[_Quoted] = []

    def add(self, spec: MarketSpec, number: int) -> None:
        """Quotes one more market."""
        self._markets.append(_Quoted.of(spec, number))

    async def clear(self) -> None:
        """Cancels what an earlier process of the same house left behind."""
        for market in self._markets:
            with suppress(CommandRefused):
                command = {"account": self._maker, "signed": _OPERATOR, "market": market.number}
                await self._run({"CancelAll": command})

    async def quote_all(self) -> None:
        """Brings every market's quotes up to date once."""
        for market in self._markets:
            await self._quote(market)

    async def run(self) -> None:
        """Goes on until cancelled."""
        while True:
            for market in self._markets:
                await asyncio.sleep(PAUSE / len(self._markets))
                market.move(self._random.choice((-1, 0, 0, 1)))
                await self._quote(market)
                if self._random.random() < TRADE_CHANCE:
                    await self._trade(market)

    async def _quote(self, market: _Quoted) -> None:
        spacing = market.spacing
        base = market.centre // spacing * spacing
        wanted = {("Buy", base - spacing * level) for level in range(1, LEVELS + 1)}
        wanted |= {("Sell", base + spacing * level) for level in range(1, LEVELS + 1)}
        for place in sorted(market.orders.keys() - wanted):
            await self._cancel(market, market.orders.pop(place))
        for side, price in sorted(wanted - market.orders.keys()):
            order = await self._place(market, self._maker, side, price, market.quantity, "LimitMaker", "Gtc")
            if order is not None:
                market.orders[side, price] = order

    async def _trade(self, market: _Quoted) -> None:
        side = self._random.choice(("Buy", "Sell"))
        share = self._random.randint(1, 100)
        quantity = max(market.step, market.quantity * share // 200 // market.step * market.step)
        spacing = market.spacing
        price = market.centre + (2 if side == "Buy" else -2) * spacing
        await self._place(market, self._taker, side, price // spacing * spacing, quantity, "Limit", "Ioc")
        # What traded is no longer a full level: ask for it anew.
        for place in [place for place in market.orders if place[0] != side and abs(place[1] - price) <= 3 * spacing]:
            await self._cancel(market, market.orders.pop(place))

    async def _place(
        self, market: _Quoted, account: int, side: str, price: int, quantity: int, kind: str, life: str
    ) -> int | None:
        command = {
            "Place": {
                "account": account,
                "signed": _OPERATOR,
                "market": market.number,
                "side": side,
                "kind": kind,
                "life": life,
                "price": price,
                "quantity": quantity,
                "budget": 0,
                "client_id": "",
                "prevention": None,
                "strategy": None,
                "strategy_type": None,
            }
        }
        try:
            events = await self._run(command)
        except CommandRefused as refused:
            self._tell(market, refused)
            return None
        return int(events[0]["Executed"]["execution"]["order"]["order"])

    @staticmethod
    def _tell(market: _Quoted, refused: CommandRefused) -> None:
        """Of each reason once: without a word a market that cannot be quoted would look like an empty one."""
        if refused.reason not in market.told:
            market.told.add(refused.reason)
            log.warning("the market maker's order in %s was refused: %s", market.symbol, refused)

    async def _cancel(self, market: _Quoted, order: int) -> None:
        command = {
            "Cancel": {
                "account": self._maker,
                "signed": _OPERATOR,
                "market": market.number,
                "order": order,
                "client_id": "",
                "cancel_id": "",
                "restriction": "None",
            }
        }
        with suppress(CommandRefused):
            await self._run(command)
