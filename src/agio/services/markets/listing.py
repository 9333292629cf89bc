"""Listing assets and markets from a short TOML file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, convert, field

from agio.domain.errors import CommandRefused, Fatal
from agio.domain.money import SCALE, text, units

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from agio.domain.markets import Catalog

Run = Callable[[dict[str, Any]], Awaitable[list[dict[str, Any]]]]
"""`ShardPort.command`."""

Mode = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
PREVENTIONS: dict[Mode, int] = {"NONE": 1, "EXPIRE_TAKER": 2, "EXPIRE_MAKER": 3, "EXPIRE_BOTH": 4, "DECREMENT": 5}
"""Self-trade prevention modes by the engine's numbers."""
_ENGINE_NAMES = {
    "NONE": "None",
    "EXPIRE_TAKER": "ExpireTaker",
    "EXPIRE_MAKER": "ExpireMaker",
    "EXPIRE_BOTH": "ExpireBoth",
    "DECREMENT": "Decrement",
}


FIGURES = ("tick", "step", "max_price", "max_quantity", "max_market_quantity", "min_notional", "max_notional")
OPTIONAL = ("price", "min_price", "min_quantity")
FIGURE = re.compile(r"[0-9]{1,20}(\.[0-9]{1,8})?")
LARGEST = 2**64 - 1
"""A price or quantity, in units of 10^-8; notionals and what demo users get have 128 bits."""
WIDE = ("min_notional", "max_notional", "demo")


class AssetSpec(Struct, forbid_unknown_fields=True):
    """One `[[asset]]`. `demo` is what a demo user gets, in whole units."""

    name: str
    precision: Annotated[int, Meta(ge=0, le=SCALE)] = SCALE
    demo: str = "0"

    def __post_init__(self) -> None:
        """Refuses, with ValueError, what is no figure."""
        _refuse_no_figure(self, "demo")


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
    average_minutes: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 5
    max_orders: Annotated[int, Meta(ge=1, le=2**32 - 1)] = 200
    prevention: Mode = "EXPIRE_MAKER"
    preventions: list[Mode] = field(default_factory=lambda: list(PREVENTIONS))

    def __post_init__(self) -> None:
        """Refuses, with ValueError, what is no figure."""
        for name in (*FIGURES, *(name for name in OPTIONAL if getattr(self, name))):
            _refuse_no_figure(self, name)

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
            "preventions": sum(1 << PREVENTIONS[mode] for mode in set(self.preventions)),
        }


class Listing(Struct, forbid_unknown_fields=True):
    """A markets file."""

    asset: list[AssetSpec] = field(default_factory=list)
    market: list[MarketSpec] = field(default_factory=list)

    def refuse_unlisted(self, listed: Container[str]) -> None:
        """Raises Fatal for a market of an asset that neither is `listed` nor comes with it."""
        known = {asset.name for asset in self.asset}
        for market in self.market:
            for asset in (market.base, market.quote):
                if asset not in known and asset not in listed:
                    raise Fatal(
                        f"market {market.symbol} needs {asset}, which is not listed: add an [[asset]] of that name"
                    )


def _refuse_no_figure(spec: Struct, name: str) -> None:
    told = getattr(spec, name)
    if not FIGURE.fullmatch(told):
        raise ValueError(f'{name} = "{told}" is no figure such as "0.01", of at most {SCALE} decimals')
    if name not in WIDE and units(told) > LARGEST:
        raise ValueError(f'{name} = "{told}" is no figure that fits: at most {text(LARGEST)}')


def _limits(least: str, most: str, **multiple: str) -> dict[str, int]:
    return {"min": units(least), "max": units(most)} | {name: units(value) for name, value in multiple.items()}


def read(path: Path) -> Listing:
    """Reads a markets file. Raises Fatal with the place and the reason."""
    try:
        listing = convert(tomllib.loads(path.read_text()), Listing)
    except (OSError, ValueError) as error:
        raise Fatal(f"cannot use the markets file {path}: {error}") from error
    if not (listing.asset or listing.market):
        raise Fatal(f"cannot use the markets file {path}: it has neither an [[asset]] nor a [[market]]")
    return listing


async def apply(listing: Listing, catalog: Catalog, run: Run) -> set[str]:
    """Lists what `catalog` does not have yet; what it has stays as it is. Returns the names of new assets.

    Raises Fatal as `refuse_unlisted` does.
    """
    numbers = {asset.name: asset.id for asset in catalog.assets}
    listing.refuse_unlisted(numbers)
    for asset in listing.asset:
        if asset.name not in numbers:
            events = await _named(run, asset.name, "ListAsset", name=asset.name, precision=asset.precision)
            numbers[asset.name] = events[0]["AssetListed"]["asset"]
    for market in listing.market:
        if market.symbol in catalog.by_symbol:
            continue
        fields = {"base": numbers[market.base], "quote": numbers[market.quote], "filters": market.filters()}
        await _named(run, market.symbol, "ListMarket", symbol=market.symbol, **fields)
    return numbers.keys() - catalog.by_asset.keys()


async def _named(run: Run, what: str, command: str, /, **fields: Any) -> list[dict[str, Any]]:
    """Runs a command; a refusal says of what."""
    try:
        return await run({command: fields})
    except CommandRefused as refused:
        raise Fatal(f"cannot list {what!r}: {refused}") from refused
