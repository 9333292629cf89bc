"""How commands reach the running exchange: one request over the Unix socket in its data folder."""

from __future__ import annotations

import getpass
import json
import socket
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30
"""A little longer than the exchange itself waits for an answer."""


class Admin:
    """The administration of the exchange that runs in a data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, path: str, **query: Any) -> Any:
        """Asks; raises ClickException when nothing answers or the answer is a refusal."""
        return self._ask("GET", f"/admin{path}?{urlencode(query)}", None)

    def post(self, path: str, **body: Any) -> Any:
        """Changes something; `body` names the actor and the reason. Raises as `get`."""
        return self._ask("POST", f"/admin{path}", json.dumps(body).encode())

    def account(self, who: str) -> int:
        """The account of that number, or of the user of that name."""
        if who.isdecimal():
            return int(who)
        found: dict[str, int] = {user["name"]: user["account"] for user in self.get("/users")}
        if who not in found:
            raise click.ClickException(f"there is no user {who!r}: `agio user list` tells who there is")
        return found[who]

    def _ask(self, method: str, target: str, body: bytes | None) -> Any:
        from http.client import HTTPConnection, HTTPException

        connection = HTTPConnection("localhost")
        try:
            with self._connect() as connection.sock:
                connection.request(method, target, body)
                response = connection.getresponse()
                status, text = response.status, response.read()
        except (OSError, HTTPException) as error:
            raise click.ClickException(
                f"the exchange in {self._folder} has not answered ({error}): it may be stopping, and whether it has"
                " done what was asked is unknown. Look before you ask again."
            ) from error
        answer = json.loads(text)
        if status != 200:
            raise click.ClickException(f"{answer['msg']} ({answer['code']})")
        return answer

    def _connect(self) -> socket.socket:
        path = self._folder / "admin.sock"
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(SECONDS)
        try:
            link.connect(str(path))
        except PermissionError as error:
            link.close()
            raise click.ClickException(f"{path} belongs to another user: run this as the exchange's own") from error
        except OSError as error:
            link.close()
            raise click.ClickException(
                f"no exchange is running in {self._folder}: start it with `agio serve --data {self._folder}`,"
                " or name another folder with --data"
            ) from error
        return link


def act_options(command: Any) -> Any:
    """`--actor` and `--reason`, for everything that changes something."""
    actor = click.option("--actor", default=_me, show_default="the system's user", help="Who does it.")
    reason = click.option("--reason", required=True, help="Why; it is logged with the actor.")
    return actor(reason(command))


@cache
def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in many containers
        return "unnamed"
