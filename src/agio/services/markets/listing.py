"""Listing assets and markets from a short TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct, convert, field

from agio.domain.errors import Fatal
from agio.domain.money import units

if TYPE_CHECKING:
    from pathlib import Path

    from agio.domain.markets import Catalog

Run = Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]
"""`ShardPort.command`."""

PREVENTIONS = {"NONE": 1, "EXPIRE_TAKER": 2, "EXPIRE_MAKER": 3, "EXPIRE_BOTH": 4, "DECREMENT": 5}
"""Self-trade prevention modes by the engine's numbers."""
_ENGINE_NAMES = {
    "NONE": "None",
    "EXPIRE_TAKER": "ExpireTaker",
    "EXPIRE_MAKER": "ExpireMaker",
    "EXPIRE_BOTH": "ExpireBoth",
    "DECREMENT": "Decrement",
}


class AssetSpec(Struct, forbid_unknown_fields=True):
    """One `[[asset]]`. `demo` is what a demo user gets, in whole units."""

    name: str
    precision: int = 8
    demo: str = "0"


class MarketSpec(Struct, forbid_unknown_fields=True):
    """One `[[market]]`. All figures are decimal strings in units of the base or quote asset."""

    symbol: str
    base: str
    quote: str
    tick: str
    step: str
    price: str = ""
    """Where the seeded market maker begins; without one it does not quote."""
    min_price: str = ""
    max_price: str = "1000000"
    min_quantity: str = ""
    max_quantity: str = "9000"
    max_market_quantity: str = "100"
    min_notional: str = "5"
    max_notional: str = "9000000"
    average_minutes: int = 5
    max_orders: int = 200
    prevention: str = "EXPIRE_MAKER"
    preventions: list[str] = field(default_factory=lambda: list(PREVENTIONS))

    def filters(self) -> dict[str, Any]:
        """The engine's filters."""
        return {
            "price": _limits(self.min_price or self.tick, self.max_price, tick=self.tick),
            "lot": _limits(self.min_quantity or self.step, self.max_quantity, step=self.step),
            "market_lot": _limits("0", self.max_market_quantity, step="0"),
            "notional": {
                "form": "Range",
                "min": units(self.min_notional),
                "min_to_market": True,
                "max": units(self.max_notional),
                "max_to_market": False,
                "minutes": self.average_minutes,
            },
            "max_orders": self.max_orders,
            "prevention": _ENGINE_NAMES[self.prevention],
            "preventions": sum(1 << PREVENTIONS[mode] for mode in self.preventions),
        }


class Listing(Struct, forbid_unknown_fields=True):
    """A markets file."""

    asset: list[AssetSpec]
    market: list[MarketSpec]


def _limits(least: str, most: str, **multiple: str) -> dict[str, int]:
    return {"min": units(least), "max": units(most)} | {name: units(value) for name, value in multiple.items()}


def read(path: Path) -> Listing:
    """Reads a markets file. Raises Fatal with the place and the reason."""
    try:
        return convert(tomllib.loads(path.read_text()), Listing)
    except (OSError, ValueError) as error:
        raise Fatal(f"cannot use the markets file {path}: {error}") from error


async def apply(listing: Listing, catalog: Catalog, run: Run) -> None:
    """Lists what `catalog` does not have yet; what it has stays as it is."""
    numbers = {asset.name: asset.id for asset in catalog.assets}
    for asset in listing.asset:
        if asset.name not in numbers:
            events = await run({"ListAsset": {"name": asset.name, "precision": asset.precision}})
            numbers[asset.name] = events[0]["AssetListed"]["asset"]
    for market in listing.market:
        if market.symbol in catalog.by_symbol:
            continue
        await run(
            {
                "ListMarket": {
                    "symbol": market.symbol,
                    "base": numbers[market.base],
                    "quote": numbers[market.quote],
                    "filters": market.filters(),
                }
            }
        )
