"""`agio key`: API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from agio.cli.admin_client import Admin, act_options
from agio.cli.options import done, folder_option, json_option, say_json, table, when

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO


@click.group()
def key() -> None:
    """Add, list and revoke API keys of the running exchange."""


@key.command()
@click.argument("user")
@click.option("--permissions", required=True, help="What it may do, such as read,trade; withdraw is the third.")
@click.option("--kind", type=click.Choice(["hmac", "ed25519", "rsa"]), default="hmac", show_default=True)
@click.option("--public-key", type=click.File(), help="The PEM file of an ed25519 or rsa key; - reads standard input.")
@act_options
@folder_option
@json_option
def add(
    user: str,
    permissions: str,
    kind: str,
    public_key: TextIO | None,
    actor: str,
    reason: str,
    folder: Path,
    as_json: bool,
) -> None:
    """Add a key for USER, by name. The secret of an hmac key is told this once."""
    made = Admin(folder).post(
        "/keys",
        user=user,
        permissions=[name.strip() for name in permissions.split(",")],
        kind=kind,
        public_key=public_key.read() if public_key else None,
        actor=actor,
        reason=reason,
    )
    if as_json:
        say_json(made)
        return
    click.echo(f"API key     {made['api_key']}")
    if made["secret"] is not None:
        click.echo(f"secret key  {made['secret']}    (told this once: keep it)")


@key.command("list")
@folder_option
@json_option
def list_keys(folder: Path, as_json: bool) -> None:
    """All keys, without secrets; revoked ones as well."""
    keys = Admin(folder).get("/keys")
    if as_json:
        say_json(keys)
        return
    table(
        [
            {
                "api key": k["api_key"],
                "account": k["account"],
                "kind": k["kind"],
                "permissions": k["permissions"],
                "since": when(k["created"]),
                "state": "revoked" if k["revoked"] else "in use",
            }
            for k in keys
        ]
    )


@key.command()
@click.argument("api_key")
@act_options
@folder_option
@json_option
def revoke(api_key: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Revoke API_KEY: nothing after it trades. What rests in the books stays there."""
    answer = Admin(folder).post("/keys/revoke", api_key=api_key, actor=actor, reason=reason)
    done(answer, "revoked", as_json=as_json)
