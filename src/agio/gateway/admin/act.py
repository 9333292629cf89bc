"""What every administrative row has: who does it, why, and how a refusal of the engine is told."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta, Struct

from agio.domain.errors import CommandRefused
from agio.domain.money import units
from agio.gateway import errors
from agio.gateway.row import Handler, Operation, Security, Venue, result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agio.domain.markets import Asset
    from agio.ports import Reply

Words = Annotated[str, Meta(min_length=1, max_length=500)]
"""Something must be said."""
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,20}(\.[0-9]{1,8})?$")]
"""A decimal of at most eight places, as text."""


class Act(Struct, forbid_unknown_fields=True):
    """Who changes something, and why; both are logged."""

    actor: Words
    reason: Words


class Events(Struct):
    """What the engine made of a command."""

    events: list[dict[str, Any]]


@contextmanager
def telling() -> Iterator[None]:
    """Turns a refusal of the engine or of identity into an answer: -1010, its name and its words."""
    try:
        yield
    except CommandRefused as refused:
        raise errors.COMMAND_REFUSED.error(str(refused)) from refused


async def run(venue: Venue, command: str, /, **fields: Any) -> Reply:
    """Runs a command and answers its events."""
    with telling():
        try:
            return result(Events(await venue.shard.command({command: fields})))
        except ValueError as error:  # a figure of more bits than the command has for it
            raise errors.BAD_BODY.error(str(error)) from error


def question(
    name: str, path: str, words: str, handler: Handler, answer: Any, body: type[Struct] | None = None
) -> Operation:
    """A row that changes nothing; `body` is what its query is read as."""
    return Operation(f"admin.{name}", words, Security.ADMIN, handler, answer, rest=("GET", f"/admin/{path}"), body=body)


def change(name: str, path: str, words: str, handler: Handler, body: type[Act], answer: Any = Events) -> Operation:
    """A row that changes something, and says who does it and why."""
    return Operation(
        f"admin.{name}", words, Security.ADMIN, handler, answer, rest=("POST", f"/admin/{path}"), body=body
    )


def asset(venue: Venue, name: str) -> Asset:
    """An asset by its name."""
    found = venue.catalogue.current.by_asset.get(name)
    if found is None:
        raise errors.NOT_FOUND.error("asset", name)
    return found


def money(text: str) -> int:
    """A decimal in units of 10^-8."""
    return units(Decimal(text))
