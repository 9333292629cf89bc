"""A plain, seeded market maker: two house accounts, a few levels a side, a slow walk, a trade now and then."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agio.domain.errors import CommandRefused
from agio.domain.money import units

if TYPE_CHECKING:
    from agio.services.markets.listing import MarketSpec

Run = Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]

LEVELS = 10
"""Orders a side."""
PAUSE = 0.5
"""Seconds between two rounds of one market."""
LEVEL_VALUE = 5_000
"""About how much of a dollar-like quote asset stands on each level."""
TRADE_CHANCE = 0.4
"""A round with a trade."""
_OPERATOR = {"key": 0, "sent": 0, "window": 0}


@dataclass(slots=True)
class _Quoted:
    """One market as the maker sees it; prices and quantities are 10^-8."""

    number: int
    tick: int
    step: int
    centre: int
    quantity: int
    orders: dict[tuple[str, int], int] = field(default_factory=dict)
    """(side, price) → order number."""


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
        tick, step, price = units(spec.tick), units(spec.step), units(spec.price)
        value = units(str(LEVEL_VALUE)) if price >= units("1") else units("0.1")
        quantity = max(step, value * 10**8 // price // step * step)
        self._markets.append(_Quoted(number, tick, step, price, quantity))

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
                self._walk(market)
                await self._quote(market)
                if self._random.random() < TRADE_CHANCE:
                    await self._trade(market)

    def _walk(self, market: _Quoted) -> None:
        spacing = self._spacing(market)
        market.centre += self._random.choice((-1, 0, 0, 1)) * spacing
        market.centre = max(market.centre, (LEVELS + 1) * spacing)

    def _spacing(self, market: _Quoted) -> int:
        return max(market.tick, market.centre // 10_000 // market.tick * market.tick)

    async def _quote(self, market: _Quoted) -> None:
        spacing = self._spacing(market)
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
        spacing = self._spacing(market)
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
        except CommandRefused:
            return None
        return int(events[0]["Executed"]["execution"]["order"]["order"])

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
        try:
            await self._run(command)
        except CommandRefused:
            return
