"""`agio layouts`: what the bytes of the log mean."""

from __future__ import annotations

import click

from agio.cli.options import json_option, say_json


@click.command()
@json_option
def layouts(as_json: bool) -> None:
    """Print the layouts of commands and events."""
    from agio.shard import log

    found = log.layouts()
    if as_json:
        say_json(found)
        return
    for kind in ("commands", "events"):
        click.echo(f"{kind.upper()}")
        for layout in found[kind]:
            click.echo(f"\n{layout['kind']} v{layout['version']} {layout['name']}: {layout['doc']}")
            for field in layout["fields"]:
                click.echo(f"    {field['name']}: {field['type']}  {field['doc']}")
        click.echo("")
