"""Logging on to a connection of the WebSocket API, so that later requests need neither key nor signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio.gateway import errors
from agio.gateway.row import Call, Operation, Security, Venue, result
from agio.gateway.spot.results import SessionState
from agio.gateway.spot.user_stream import session_of

if TYPE_CHECKING:
    from agio.ports import Reply


def logon(venue: Venue, call: Call) -> Reply:
    """Takes the key that signed as the connection's; Binance allows Ed25519 keys only."""
    session = session_of(call)
    assert call.key is not None
    if call.key.kind != "ed25519":
        raise errors.UNSUPPORTED.error()
    if session.key is not None and session.key.account != call.key.account:
        session.log_off(venue.feeds)
    session.key, session.authorized = call.key, venue.shard.now()
    return status(venue, call)


def status(venue: Venue, call: Call) -> Reply:
    """Who has logged on."""
    session = session_of(call)
    key = session.key
    return result(
        SessionState(
            api_key=key.name if key else None,
            authorized_since=call.time(session.authorized) if key else None,
            connected_since=call.time(session.connected),
            return_rate_limits=session.return_limits,
            server_time=call.time(venue.shard.now()),
            user_data_stream=bool(venue.feeds.active(session.connection)),
        )
    )


def logout(venue: Venue, call: Call) -> Reply:
    """Forgets the key, and ends the subscription that came with it."""
    session_of(call).log_off(venue.feeds)
    return status(venue, call)


ROWS = (
    Operation(
        "session.logon", "Logs a connection on with an Ed25519 key.", Security.USER_DATA, logon, SessionState,
        ws="session.logon", weight=2, session="apart",
    ),
    Operation(
        "session.status", "Who has logged on to the connection.", Security.NONE, status, SessionState,
        ws="session.status", weight=2,
    ),
    Operation(
        "session.logout", "Forgets who has logged on.", Security.NONE, logout, SessionState,
        ws="session.logout", weight=2,
    ),
)  # fmt: skip
