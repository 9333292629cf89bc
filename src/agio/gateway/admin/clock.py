"""The log's clock: whether the wall clock has jumped away from it, and following it when an operator says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agio.gateway.admin.act import Act, change, question
from agio.gateway.row import Call, Venue, result

if TYPE_CHECKING:
    from agio.ports import Reply


class Clock(Struct):
    """`time` is the log's; `jump` by how much the wall clock has jumped away, null when it has not. µs."""

    time: int
    jump: int | None


def clock(venue: Venue, _: Call) -> Reply:
    """The log's time, and what the wall clock does beside it."""
    return result(Clock(venue.shard.now(), venue.shard.jump()))


def confirm(venue: Venue, _: Call) -> Reply:
    """Follows the wall clock. Set back, the log's time stands until the wall clock has caught up."""
    venue.shard.confirm_jump()
    return result(Clock(venue.shard.now(), venue.shard.jump()))


ROWS = (
    question("clock", "clock", "The log's clock, and the wall clock's jump that waits to be confirmed.", clock, Clock),
    change("clock.confirm", "clock/confirm", "Follows a wall clock that has jumped.", confirm, Act, Clock),
)
