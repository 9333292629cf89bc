"""Where the exchange stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agio.gateway.admin.act import question
from agio.gateway.row import Call, Venue, result

if TYPE_CHECKING:
    from agio.ports import Reply


TROUBLED = frozenset({"behind", "retrying", "waiting", "failed"})
"""States of a projection that falls behind."""


class State(Struct):
    """Where the exchange stands.

    `state` is running, degraded (all is well but `history`), overloaded (history is so far behind that new orders are
    refused), cancels-only (the disk is nearly full), halted (an invariant does not hold: cancels only, for good),
    stopping or failed. `history` is running, behind (it does not keep up), retrying, waiting (its database is full,
    locked or away) or failed. `applied` is the last command's sequence, `behind` how many of them history does not have
    yet, `time` the log's.
    """

    state: str
    history: str
    applied: int
    behind: int
    time: int

    @classmethod
    def of(cls, venue: Venue) -> State:
        """As it is now."""
        shard, history = venue.shard, venue.history.state()
        state, applied = shard.state(), shard.applied()
        if state == "running" and (shard.overloaded() or history in TROUBLED):
            state = "overloaded" if shard.overloaded() else "degraded"
        return cls(state, history, applied, max(0, applied - venue.history.position()), shard.now())


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
