"""Starting and ending user data: subscriptions of the WebSocket API, and the listen keys of older clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio.gateway.row import Call, Operation, Param, Security, Venue, result, success
from agio.gateway.spot.results import Empty, ListenKey, Subscription

if TYPE_CHECKING:
    from agio.gateway.session import Session
    from agio.ports import Reply

DONE = success(b"{}")


def session_of(call: Call) -> Session:
    """The connection's session. Only for rows of the WebSocket API."""
    assert call.session is not None
    return call.session


def subscribe(venue: Venue, call: Call) -> Reply:
    """User data of the account that has logged on."""
    session_of(call).subscription = number = _subscribe(venue, call)
    return result(Subscription(number))


def subscribe_signature(venue: Venue, call: Call) -> Reply:
    """User data of the account whose key signed the request."""
    return result(Subscription(_subscribe(venue, call)))


def _subscribe(venue: Venue, call: Call) -> int:
    session = session_of(call)
    assert call.key is not None
    return venue.feeds.subscribe(session.connection, call.account, session.micros, call.key.name)


def unsubscribe(venue: Venue, call: Call) -> Reply:
    """Ends one subscription, or all."""
    session, number = session_of(call), call.values.get("subscriptionId")
    venue.feeds.unsubscribe(session.connection, number)
    if number is None or number == session.subscription:
        session.subscription = None
    return DONE


def subscriptions(venue: Venue, call: Call) -> Reply:
    """The connection's subscriptions."""
    return result([Subscription(number) for number in venue.feeds.active(session_of(call).connection)])


def start(venue: Venue, call: Call) -> Reply:
    """A listen key for an hour; the same one when the account has one."""
    assert call.key is not None
    return result(ListenKey(venue.feeds.create_listen_key(call.account, call.key.name)))


def ping(venue: Venue, call: Call) -> Reply:
    """Another hour."""
    venue.feeds.extend_listen_key(call.values.get("listenKey"), call.account)
    return DONE


def stop(venue: Venue, call: Call) -> Reply:
    """Ends a listen key."""
    venue.feeds.close_listen_key(call.values.get("listenKey"), call.account)
    return DONE


LISTEN_KEY = Param("listenKey", "text", "The stream's name.", required=True, pattern="^[a-zA-Z0-9]{1,128}$")

ROWS = (
    Operation(
        "userDataStream.subscribe", "Starts user data of the account that has logged on.", Security.USER_STREAM,
        subscribe, Subscription, ws="userDataStream.subscribe", weight=2, session="only",
    ),
    Operation(
        "userDataStream.subscribe.signature", "Starts user data of the account whose key signs.", Security.USER_STREAM,
        subscribe_signature, Subscription, ws="userDataStream.subscribe.signature", weight=2, signed=True,
        session="apart",
    ),
    Operation(
        "userDataStream.unsubscribe", "Ends one user data subscription, or all.", Security.NONE,
        unsubscribe, Empty, ws="userDataStream.unsubscribe", weight=2,
        params=(Param("subscriptionId", "long", "Which; all when absent."),),
    ),
    Operation(
        "session.subscriptions", "The connection's user data subscriptions.", Security.NONE,
        subscriptions, list[Subscription], ws="session.subscriptions", weight=2,
    ),
    Operation(
        "userDataStream.start", "A listen key for an hour.", Security.USER_STREAM, start, ListenKey,
        rest=("POST", "/api/v3/userDataStream"), ws="userDataStream.start", weight=2, legacy=True,
        partly="a restart ends it: who connects again asks for another",
    ),
    Operation(
        "userDataStream.ping", "Another hour for a listen key.", Security.USER_STREAM, ping, Empty,
        rest=("PUT", "/api/v3/userDataStream"), ws="userDataStream.ping", weight=2, legacy=True, params=(LISTEN_KEY,),
    ),
    Operation(
        "userDataStream.stop", "Ends a listen key.", Security.USER_STREAM, stop, Empty,
        rest=("DELETE", "/api/v3/userDataStream"), ws="userDataStream.stop", weight=2, legacy=True,
        params=(LISTEN_KEY,),
    ),
)  # fmt: skip
