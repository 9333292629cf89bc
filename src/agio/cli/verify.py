"""`agio verify`: whether the log is whole and replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agio.cli.options import folder_option, interruptible, json_option, say_json

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@folder_option
@json_option
def verify(folder: Path, as_json: bool) -> None:
    """Check every frame, record and snapshot of the log, and replay it from the beginning.

    Each snapshot must be of the state that the replay comes to. Ends with 1 when something is damaged. Changes nothing;
    a running exchange may go on.
    """
    from agio.adapters.files.folder import log_of
    from agio.shard import log

    with interruptible():
        found = log.verify(str(log_of(folder)))
    if as_json:
        say_json(found)
    else:
        click.echo(f"log {found['log']}")
        click.echo(f"{found['records']} commands in {found['frames']} frames and {found['segments']} segments")
        click.echo(f"{found['snapshots']} snapshots that fit; state {found['hash'] or 'not computed'}")
        if found["torn"]:
            click.echo(f"torn at the end (the next start drops it): {found['torn']}")
        if found["damage"]:
            click.echo(f"whole up to command {found['last']}")
        for damage in found["damage"]:
            click.echo(f"DAMAGED: {damage}")
    if found["damage"]:
        raise SystemExit(1)
