"""`agio market`: assets and markets."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from agio.cli.admin_client import Admin, act_options
from agio.cli.options import done, folder_option, json_option, say_json, table
from agio.domain.money import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agio.services.markets.listing import MarketSpec

STATUSES = ("TRADING", "HALT", "BREAK", "CANCEL_ONLY", "END_OF_DAY")
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def market() -> None:
    """List assets and markets on the running exchange, and change their filters and status."""


@market.command("list")
@folder_option
@json_option
def list_markets(folder: Path, as_json: bool) -> None:
    """All markets, with what limits their orders."""
    admin = Admin(folder)
    markets = admin.get("/markets")
    if as_json:
        say_json(markets)
        return
    names = [asset["name"] for asset in admin.get("/assets")]
    click.echo(f"assets: {', '.join(names) or 'none'}")
    table([_row(listed, names) for listed in markets])


def _row(listed: dict[str, Any], names: list[str]) -> dict[str, str]:
    filters = listed["filters"]
    return {
        "symbol": listed["symbol"],
        "base": names[listed["base"]],
        "quote": names[listed["quote"]],
        "status": listed["status"],
        "tick": text(filters["price"]["tick"]),
        "step": text(filters["lot"]["step"]),
        "least notional": text(filters["notional"]["min"]),
        "open orders": str(filters["max_orders"]),
    }


@market.command()
@_file
@act_options
@folder_option
@json_option
def add(file: Path, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """List the assets and markets of FILE that are not listed yet.

    FILE is TOML as `agio dev --markets` takes it; docs/guides/operate.md shows one. What is listed stays as it is.
    """
    from agio.services.markets import listing

    asked, admin = listing.read(file), Admin(folder)
    act = {"actor": actor, "reason": reason}
    assets = {asset["name"] for asset in admin.get("/assets")}
    symbols = {listed["symbol"] for listed in admin.get("/markets")}
    asked.refuse_unlisted(assets)
    new_assets = [spec for spec in asked.asset if spec.name not in assets]
    new_markets = [spec for spec in asked.market if spec.symbol not in symbols]
    for asset in new_assets:
        with _naming("asset", asset.name):
            admin.post("/assets", name=asset.name, precision=asset.precision, **act)
    for spec in new_markets:
        with _naming("market", spec.symbol):
            admin.post("/markets", symbol=spec.symbol, base=spec.base, quote=spec.quote, filters=_filters(spec), **act)
    added = {"assets": [spec.name for spec in new_assets], "markets": [spec.symbol for spec in new_markets]}
    if as_json:
        say_json(added)
    else:
        click.echo(
            f"listed: {', '.join([*added['assets'], *added['markets']]) or 'nothing that was not listed already'}"
        )


@contextmanager
def _naming(what: str, name: str) -> Iterator[None]:
    """Says which of a file's assets and markets was refused; those before it are listed."""
    try:
        yield
    except click.ClickException as error:
        raise click.ClickException(f"{what} {name!r} is not listed: {error.message}") from error


@market.command("add-asset")
@click.argument("name")
@click.option("--precision", default=8, show_default=True, help="Decimals that commission keeps.")
@act_options
@folder_option
@json_option
def add_asset(name: str, precision: int, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """List asset NAME."""
    answer = Admin(folder).post("/assets", name=name, precision=precision, actor=actor, reason=reason)
    done(answer, f"listed: {name}", as_json=as_json)


@market.command()
@click.argument("symbol")
@_file
@act_options
@folder_option
@json_option
def filters(symbol: str, file: Path, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Give market SYMBOL the filters that FILE has for it. They hold for new orders; resting ones stay."""
    from agio.services.markets import listing

    found = next((spec for spec in listing.read(file).market if spec.symbol == symbol), None)
    if found is None:
        raise click.ClickException(f"{file} has no [[market]] with symbol = {symbol!r}")
    answer = Admin(folder).post("/markets/filters", symbol=symbol, filters=_filters(found), actor=actor, reason=reason)
    done(answer, f"{symbol} has new filters", as_json=as_json)


@market.command()
@click.argument("symbol")
@click.argument("status", type=click.Choice(STATUSES))
@act_options
@folder_option
@json_option
def status(symbol: str, status: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Open, halt or restrict market SYMBOL. New orders are taken while TRADING only, cancels always."""
    answer = Admin(folder).post("/markets/status", symbol=symbol, status=status, actor=actor, reason=reason)
    done(answer, f"{symbol} is {status}", as_json=as_json)


def _filters(spec: MarketSpec) -> dict[str, Any]:
    """As the administration takes them."""
    return {
        "price": {"min": spec.min_price or spec.tick, "max": spec.max_price, "tick": spec.tick},
        "lot": {"min": spec.min_quantity or spec.step, "max": spec.max_quantity, "step": spec.step},
        "market_lot": {"min": "0", "max": spec.max_market_quantity, "step": "0"},
        "notional": {
            "form": "Range",
            "min": spec.min_notional,
            "min_to_market": True,
            "max": spec.max_notional,
            "minutes": spec.average_minutes,
        },
        "max_orders": spec.max_orders,
        "prevention": spec.prevention,
        "preventions": spec.preventions,
    }
