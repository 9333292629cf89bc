"""`agio dev`: a live exchange on this machine, with demo users and liquidity."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from agio.cli.options import folder_option, port_option


@click.command()
@folder_option
@port_option
@click.option("--seed", default=1, show_default=True, help="What the liquidity's random numbers begin with.")
@click.option("--liquidity", type=click.Choice(["none", "seeded"]), default="seeded", show_default=True)
@click.option(
    "--markets",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A TOML file of assets and markets, instead of agio's own.",
)
@click.option(
    "--durability",
    type=click.Choice(["fdatasync", "page-cache", "memory"]),
    default="fdatasync",
    show_default=True,
    help="What an acknowledgement means.",
)
@click.option("--unlimited", is_flag=True, help="Raise the limits, for benches; counting stays on.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one line of JSON when ready.")
def dev(
    folder: Path,
    port_base: int,
    seed: int,
    liquidity: str,
    markets: Path | None,
    durability: str,
    unlimited: bool,
    as_json: bool,
) -> None:
    """Start a live exchange on loopback, with demo users and liquidity.

    Everything is kept in the data folder: a second start goes on where the first one ended. To begin anew, remove it.
    """
    from agio.services.markets import listing
    from agio.venue.dev import Demo
    from agio.venue.process import run

    demo = Demo(
        listed=listing.read(markets or Path(str(files("agio.venue") / "markets.toml"))),
        seed=seed,
        liquidity=liquidity == "seeded",
        unlimited=unlimited,
    )
    run(demo.settings(folder, port_base, durability), demo, as_json=as_json)
