"""Assets and markets as they are listed."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec import Struct


class PriceFilter(Struct, frozen=True):
    """Limits of a price, 10^-8; 0 is off."""

    min: int
    max: int
    tick: int


class LotFilter(Struct, frozen=True):
    """Limits of a quantity, 10^-8; a step of 0 is none."""

    min: int
    max: int
    step: int


class NotionalFilter(Struct, frozen=True):
    """Limits of price × quantity, 10^-8 of the quote asset. `form`: Off, Range (NOTIONAL) or Minimum (MIN_NOTIONAL)."""

    form: str
    min: int
    min_to_market: bool
    max: int
    max_to_market: bool
    minutes: int


class Filters(Struct, frozen=True):
    """All that limits new orders of a market; field names are the engine's."""

    price: PriceFilter
    lot: LotFilter
    market_lot: LotFilter
    notional: NotionalFilter
    max_orders: int
    prevention: str
    """The default self-trade prevention: None, ExpireTaker, ExpireMaker, ExpireBoth or Decrement."""
    preventions: int
    """Bit `1 << number` per allowed mode, numbers as in rust/engine/src/vocabulary.rs."""


class Asset(Struct, frozen=True):
    """One asset."""

    id: int
    name: str
    precision: int


class Market(Struct, frozen=True):
    """One market. `status`: Trading, Halt, Break, CancelOnly or EndOfDay."""

    id: int
    symbol: str
    base: int
    quote: int
    status: str
    filters: Filters


@dataclass(frozen=True, slots=True)
class Catalog:
    """All assets and markets, by number (their place in the tuple) and by name."""

    assets: tuple[Asset, ...] = ()
    markets: tuple[Market, ...] = ()
    by_symbol: dict[str, Market] = field(default_factory=dict)
    by_asset: dict[str, Asset] = field(default_factory=dict)

    @classmethod
    def of(cls, assets: tuple[Asset, ...], markets: tuple[Market, ...]) -> Catalog:
        """Builds the indexes."""
        return cls(assets, markets, {m.symbol: m for m in markets}, {a.name: a for a in assets})

    def base(self, market: Market) -> Asset:
        """What the market buys and sells."""
        return self.assets[market.base]

    def quote(self, market: Market) -> Asset:
        """What the market pays in."""
        return self.assets[market.quote]
