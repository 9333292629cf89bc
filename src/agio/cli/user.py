"""`agio user`: who has accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agio.cli.admin_client import Admin, act_options
from agio.cli.options import folder_option, json_option, say_json, table, when

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def user() -> None:
    """Add and list users of the running exchange."""


@user.command()
@click.argument("name")
@act_options
@folder_option
@json_option
def add(name: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Add user NAME, with one spot account."""
    made = Admin(folder).post("/users", name=name, actor=actor, reason=reason)
    if as_json:
        say_json(made)
        return
    click.echo(f"user {made['name']} has account {made['account']}")
    click.echo(f"next: agio key add {made['name']} --permissions read,trade --reason …")


@user.command("list")
@folder_option
@json_option
def list_users(folder: Path, as_json: bool) -> None:
    """All users."""
    users = Admin(folder).get("/users")
    if as_json:
        say_json(users)
        return
    table([{"name": u["name"], "account": u["account"], "since": when(u["created"])} for u in users])
