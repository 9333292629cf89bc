"""`agio serve`: the exchange, without demo users and liquidity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agio.cli.options import folder_option, port_option

if TYPE_CHECKING:
    from pathlib import Path


def _addresses(_context: click.Context, _option: click.Parameter, told: tuple[str, ...]) -> frozenset[str]:
    """Each as peers are named: a host's name or a network would never be equal to one."""
    from ipaddress import ip_address

    try:
        return frozenset(str(ip_address(address)) for address in told)
    except ValueError as error:
        raise click.BadParameter(f"{error}; name each proxy by its address") from error


@click.command()
@folder_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--ops-host", default="127.0.0.1", show_default=True, help="Where /health, /ready and /metrics listen.")
@port_option
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    callback=_addresses,
    help="An address whose X-Forwarded-For is believed; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs: one line of JSON when ready.")
def serve(folder: Path, host: str, ops_host: str, port_base: int, proxies: frozenset[str], as_json: bool) -> None:
    """Start the exchange. Users, keys, assets and markets come through `agio user`, `key` and `market`."""
    from agio.bootstrap import Settings
    from agio.venue.process import Plain, run

    settings = Settings(folder, host, ops_host, port_base, proxies=proxies)
    run(settings, Plain(), as_json=as_json)
