"""Where the exchange stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agio.gateway.admin.act import question
from agio.gateway.row import Call, Venue, result

if TYPE_CHECKING:
    from agio.ports import Reply


TROUBLED = frozenset({"retrying", "waiting", "failed"})
"""States of a projection that falls behind."""


class State(Struct):
    """Where the exchange stands.

    `state` is running, degraded (all is well but `history`), cancels-only, stopping or failed. `history` is running,
    retrying, waiting (its database is full or away) or failed. `applied` is the last command's sequence, `time` the
    log's.
    """

    state: str
    history: str
    applied: int
    time: int

    @classmethod
    def of(cls, venue: Venue) -> State:
        """As it is now."""
        shard, history = venue.shard, venue.history.state()
        state = shard.state()
        if state == "running" and history in TROUBLED:
            state = "degraded"
        return cls(state, history, shard.applied(), shard.now())


def state(venue: Venue, _: Call) -> Reply:
    """State, position and clock."""
    return result(State.of(venue))


async def position(venue: Venue, _: Call) -> Reply:
    """Sequence and hash of all state, to compare with a replica or a replay."""
    return result(await venue.shard.position())


ROWS = (
    question("state", "state", "State, position in the log, and its clock.", state, State),
    question("position", "position", "Sequence and hash of all state; walks over all of it.", position, dict),
)
