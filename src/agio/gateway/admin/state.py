"""Where the exchange stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agio.gateway.row import Call, Operation, Security, Venue, result

if TYPE_CHECKING:
    from agio.ports import Reply


class State(Struct):
    """`state` is running, cancels-only, stopping or failed; `applied` the last command's sequence; `time` the log's."""

    state: str
    applied: int
    time: int


def state(venue: Venue, _: Call) -> Reply:
    """State, position and clock."""
    return result(State(venue.shard.state(), venue.shard.applied(), venue.shard.now()))


async def position(venue: Venue, _: Call) -> Reply:
    """Sequence and hash of all state, to compare with a replica or a replay."""
    return result(await venue.shard.position())


ROWS = (
    Operation(
        "admin.state", "State, position in the log, and its clock.", Security.ADMIN, state, State,
        rest=("GET", "/admin/state"),
    ),
    Operation(
        "admin.position", "Sequence and hash of all state; walks over all of it.", Security.ADMIN, position, dict,
        rest=("GET", "/admin/position"),
    ),
)  # fmt: skip
