"""`agio serve`: the exchange, without demo users and liquidity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agio.cli.options import folder_option

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@folder_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--ops-host", default="127.0.0.1", show_default=True, help="Where /health, /ready and /metrics listen.")
@click.option("--port-base", default=8080, show_default=True, help="The first of the ports; 0: any free ones.")
@click.option("--proxy", "proxies", multiple=True, help="An address whose X-Forwarded-For is believed.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one line of JSON when ready.")
def serve(folder: Path, host: str, ops_host: str, port_base: int, proxies: tuple[str, ...], as_json: bool) -> None:
    """Start the exchange. Users, keys, assets and markets come through `agio user`, `key` and `market`."""
    from agio.bootstrap import Settings
    from agio.venue.process import Plain, run

    settings = Settings(folder, host, ops_host, port_base, proxies=frozenset(proxies))
    run(settings, Plain(), as_json=as_json)
