"""Assets and markets: listing, filters, status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct, to_builtins

from agio.domain.markets import Asset, Market
from agio.gateway.admin.act import Act, Money, asset, change, money, question, run
from agio.gateway.row import Answer, Call, Venue, result
from agio.gateway.spot.words import MARKET_STATUSES, PREVENTION_NAMES, PREVENTIONS

if TYPE_CHECKING:
    from agio.ports import Reply

Mode = Literal["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"]
ENGINE_MODES = {word: name for name, word in PREVENTION_NAMES.items()}
ENGINE_STATUSES = {word: name for name, word in MARKET_STATUSES.items()}
NUMBERS = {word: number for number, word in PREVENTIONS.items()}


class PriceIn(Struct, forbid_unknown_fields=True):
    """Limits of a price; 0 is off."""

    min: Money
    max: Money
    tick: Money


class LotIn(Struct, forbid_unknown_fields=True):
    """Limits of a quantity; a step of 0 is none."""

    min: Money
    max: Money
    step: Money


class NotionalIn(Struct, forbid_unknown_fields=True):
    """Limits of price times quantity."""

    form: Literal["Off", "Range", "Minimum"]
    min: Money = "0"
    min_to_market: bool = False
    max: Money = "0"
    max_to_market: bool = False
    minutes: int = 5


class FiltersIn(Struct, forbid_unknown_fields=True):
    """All that limits new orders."""

    price: PriceIn
    lot: LotIn
    market_lot: LotIn
    notional: NotionalIn
    max_orders: Annotated[int, Meta(ge=1, le=2**32 - 1)] = 200
    prevention: Mode = "EXPIRE_MAKER"
    preventions: list[Mode] | None = None
    """The modes that orders may ask for; all when absent."""

    def engine(self) -> dict[str, Any]:
        """As the engine's commands have it."""
        notional = {name: _engine(value) for name, value in to_builtins(self.notional).items()}
        return {
            "price": {name: money(value) for name, value in to_builtins(self.price).items()},
            "lot": {name: money(value) for name, value in to_builtins(self.lot).items()},
            "market_lot": {name: money(value) for name, value in to_builtins(self.market_lot).items()},
            "notional": notional | {"form": self.notional.form},
            "max_orders": self.max_orders,
            "prevention": ENGINE_MODES[self.prevention],
            "preventions": sum(1 << NUMBERS[mode] for mode in set(self.preventions or NUMBERS)),
        }


def _engine(value: Any) -> Any:
    return money(value) if isinstance(value, str) and value[0].isdigit() else value


class AddAsset(Act):
    """A new asset."""

    name: str
    precision: Annotated[int, Meta(ge=0, le=8)] = 8


class AddMarket(Act):
    """A new market between two listed assets."""

    symbol: str
    base: str
    quote: str
    filters: FiltersIn


class SetFilters(Act):
    """New filters, for new orders."""

    symbol: str
    filters: FiltersIn


class SetStatus(Act):
    """What a market lets through from now on."""

    symbol: str
    status: Literal["TRADING", "HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY"]


def assets(venue: Venue, _: Call) -> Reply:
    """All assets."""
    return result(venue.catalogue.current.assets)


def add_asset(venue: Venue, call: Call) -> Answer:
    """Lists an asset."""
    return run(venue, "ListAsset", name=call.values.name, precision=call.values.precision)


def markets(venue: Venue, _: Call) -> Reply:
    """All markets; money in units of 10^-8."""
    return result(venue.catalogue.current.markets)


def add_market(venue: Venue, call: Call) -> Answer:
    """Lists a market."""
    asked: AddMarket = call.values
    base, quote = asset(venue, asked.base).id, asset(venue, asked.quote).id
    return run(venue, "ListMarket", symbol=asked.symbol, base=base, quote=quote, filters=asked.filters.engine())


def set_filters(venue: Venue, call: Call) -> Answer:
    """Changes filters; resting orders keep price and priority."""
    asked: SetFilters = call.values
    return run(venue, "SetFilters", market=venue.market(asked.symbol).id, filters=asked.filters.engine())


def set_status(venue: Venue, call: Call) -> Answer:
    """Opens, halts or restricts a market."""
    asked: SetStatus = call.values
    number, status = venue.market(asked.symbol).id, ENGINE_STATUSES[asked.status]
    return run(venue, "SetMarketStatus", market=number, status=status)


ROWS = (
    question("assets", "assets", "All assets.", assets, list[Asset]),
    change("assets.add", "assets", "Lists an asset.", add_asset, AddAsset),
    question("markets", "markets", "All markets.", markets, list[Market]),
    change("markets.add", "markets", "Lists a market.", add_market, AddMarket),
    change("markets.filters", "markets/filters", "Changes what limits new orders.", set_filters, SetFilters),
    change("markets.status", "markets/status", "Opens, halts or restricts a market.", set_status, SetStatus),
)
