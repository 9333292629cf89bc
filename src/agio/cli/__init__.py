"""The command line: a file per command, each loaded only when it is called."""

from __future__ import annotations

import os
from importlib import import_module

import click

from agio.domain.errors import AgioError

COMMANDS = (
    "dev", "serve", "market", "user", "key", "account", "clock", "inspect", "verify", "rebuild", "doctor", "layouts",
    "sim",
)  # fmt: skip


class _Lazy(click.Group):
    """Loads a command's module at its call: the others cost nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"agio.cli.{cmd_name}"), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """What agio itself finds wrong is told in a line, without a traceback."""
        try:
            return super().invoke(ctx)
        except AgioError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="agio")
def main() -> None:
    """An open exchange that speaks Binance's API."""
    os.umask(0o077)  # whatever a command writes is its owner's, also where a copy of it lies
