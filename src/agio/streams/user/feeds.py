"""User data of accounts, for connections of the WebSocket API and for listen keys (user-data-stream.md)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from agio.domain.errors import ApiError
from agio.streams.user.listen_keys import LIFETIME, ListenKeys
from agio.streams.user.watch import Watched

if TYPE_CHECKING:
    from agio.ports import Clock, Connection, EventBatch, ShardPort
    from agio.streams.topics import Feed, Topic

MAX_ACTIVE = 1000
"""Subscriptions of one connection at the same time (web-socket-api.md, "User Data Stream subscription")."""
MAX_IDS = 65_535
"""Subscriptions of one connection over its life."""

_GONE = "user data ended"
"""Marks the state of a connection that is closed."""


class _Subscription:
    """One account's events on one connection. Holds them back until the reply to its request is on its way."""

    __slots__ = ("_connection", "_head", "_held", "_micros", "account", "key")

    def __init__(self, connection: Connection, account: int, number: int, key: str, *, micros: bool) -> None:
        self.account = account
        self.key = key
        self._connection = connection
        self._head = b'{"subscriptionId":%d,"event":' % number
        self._micros = micros
        self._held: list[bytes] | None = []

    def deliver(self, event: Any) -> None:
        self._send(event.json(self._micros))

    def release(self) -> None:
        """The reply is queued: everything held follows it."""
        held, self._held = self._held or (), None
        for message in held:
            self._connection.send(message)

    def terminate(self, now: int) -> None:
        """The last event."""
        self._send(b'{"e":"eventStreamTerminated","E":%d}' % (now if self._micros else now // 1000))

    def _send(self, event: bytes) -> None:
        message = self._head + event + b"}"
        if self._held is None:
            self._connection.send(message)
        else:
            self._held.append(message)


class _Session:
    """The subscriptions of one connection, by number."""

    __slots__ = ("active", "next")

    def __init__(self) -> None:
        self.active: dict[int, _Subscription] = {}
        self.next = 0


class UserData:
    """`agio.ports.UserFeeds`, an `EventSink`, and the `Source` of topics that listen keys name.

    A request's reply must be queued in the tick in which `subscribe` or `unsubscribe` returns: what these have to send
    themselves comes in the next one.
    """

    def __init__(
        self, shard: ShardPort, user_event: type[Any], clock: Clock | None = None, lifetime: float = LIFETIME
    ) -> None:
        self._clock = clock or shard.now
        self._watched = Watched(shard, user_event)
        self._keys = ListenKeys(self._watched, self._clock, lifetime)
        self._sessions: dict[Connection, _Session] = {}
        self.create_listen_key = self._keys.create
        self.extend_listen_key = self._keys.extend
        self.close_listen_key = self._keys.close
        self.keep_listen_keys = self._keys.keep

    def __call__(self, events: EventBatch) -> None:
        """One batch of durable events."""
        self._watched(events)

    def bind(self, topic: Topic) -> Feed | None:
        """Fills a topic that has a listen key's name."""
        return self._keys.bind(topic)

    def gauges(self) -> dict[str, int]:
        """How much there is right now."""
        active = sum(len(session.active) for session in self._sessions.values())
        return {"subscriptions": active, "watched_accounts": len(self._watched), "listen_keys": len(self._keys)}

    def subscribe(self, connection: Connection, account: int, micros: bool, key: str = "") -> int:
        """Returns the subscription's number."""
        if _GONE in connection.state:  # a request outlived its connection
            raise ApiError(-1001, "Internal error; unable to process your request. Please try again.", 500)
        session = self._sessions.get(connection) or _Session()
        if any(other.account == account for other in session.active.values()):
            raise ApiError(-2035, "User Data Stream subscription already active.")
        if len(session.active) >= MAX_ACTIVE:
            raise ApiError(
                -1191, f"Too many subscriptions. Connection may create up to '{MAX_ACTIVE}' subscriptions at a time."
            )
        if session.next >= MAX_IDS:
            raise ApiError(-2042, "Maximum subscription ID reached for this connection.")
        number, session.next = session.next, session.next + 1
        subscription = _Subscription(connection, account, number, key, micros=micros)
        self._watched.add(account, subscription)
        self._sessions[connection] = session
        session.active[number] = subscription
        asyncio.get_running_loop().call_soon(subscription.release)
        return number

    def unsubscribe(self, connection: Connection, subscription: int | None) -> None:
        """Ends one, or all, each with `eventStreamTerminated` behind the reply."""
        session = self._sessions.get(connection)
        if session is None or not session.active or (subscription is not None and subscription not in session.active):
            raise ApiError(-2036, "User Data Stream subscription not active.")
        for number in list(session.active) if subscription is None else (subscription,):
            ended = session.active.pop(number)
            self._watched.remove(ended.account, ended)
            asyncio.get_running_loop().call_soon(ended.terminate, self._clock())

    def active(self, connection: Connection) -> list[int]:
        """The numbers of the connection's subscriptions."""
        session = self._sessions.get(connection)
        return list(session.active) if session else []

    def revoked(self, key: str) -> None:
        """Ends what the key of that name has subscribed to, and the listen key that it knows."""
        for connection, session in self._sessions.items():
            for number in [number for number, each in session.active.items() if each.key == key]:
                self.unsubscribe(connection, number)
        self._keys.revoked(key)

    def closed(self, connection: Connection) -> None:
        """The connection is gone, with all it subscribed to. Its room must say so; a later `subscribe` is refused."""
        connection.state[_GONE] = True
        session = self._sessions.pop(connection, None)
        for subscription in session.active.values() if session else ():
            self._watched.remove(subscription.account, subscription)

    async def stop(self) -> None:
        """The venue closes: every subscription ends with `eventStreamTerminated`."""
        for connection, session in list(self._sessions.items()):
            if session.active:
                self.unsubscribe(connection, None)
        await self._keys.stop()
