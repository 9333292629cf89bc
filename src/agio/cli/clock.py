"""`agio clock`: the log's clock beside the machine's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agio.cli.admin_client import Admin, act_options
from agio.cli.options import done, folder_option, json_option, when

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def clock() -> None:
    """The log's clock of the running exchange, which follows a jump of the machine's only when told to."""


@clock.command()
@folder_option
@json_option
def show(folder: Path, as_json: bool) -> None:
    """The log's time, and a jump that waits to be confirmed."""
    found = Admin(folder).get("/clock")
    done(found, _words(found), as_json=as_json)


@clock.command()
@act_options
@folder_option
@json_option
def confirm(actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Follow the machine's clock after a jump. Set it right first: the log's time never goes back again."""
    answer = Admin(folder).post("/clock/confirm", actor=actor, reason=reason)
    done(answer, _words(answer), as_json=as_json)


def _words(found: dict[str, Any]) -> str:
    time = f"the log's time is {when(found['time'])} UTC"
    if found["jump"] is None:
        return f"{time}, as the machine's clock has it"
    return f"{time}; the machine's clock has jumped by {found['jump'] / 1e6:+.1f} s (follow it: agio clock confirm)"
