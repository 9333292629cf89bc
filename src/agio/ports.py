"""Every seam on one screen: what a room needs from another, named by the one who needs it.

Money is int of 10^-8, times are int of µs, unless a name says otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from agio.domain.history import AggregateRow, Candle, OrderRow, TradeRow
    from agio.domain.keys import ApiKey
    from agio.domain.markets import Catalog
    from agio.domain.statistics import DayStatistics, TopOfBook


class Reply(msgspec.Struct, frozen=True):
    """The shard's answer: a body ready to send, and the account's order counts (-1: not counted)."""

    status: int
    body: bytes
    orders_10s: int
    orders_1d: int


class Pending(msgspec.Struct, eq=False):
    """A reply that is still to come: `then` is called with it, once; or it is awaited. It always comes, see `Shard`."""

    reply: Reply | None = None
    told: Callable[[Reply], object] | None = None

    def then(self, done: Callable[[Reply], object]) -> None:
        """Whom to tell; only one may ask."""
        if self.reply is None:
            self.told = done
        else:
            done(self.reply)

    def settle(self, reply: Reply) -> None:
        """The reply is there."""
        told = self.told
        if told is None:
            self.reply = reply
        else:
            told(reply)

    def __await__(self) -> Generator[Any, None, Reply]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def done(reply: Reply) -> None:
            if not future.done():  # who waited may be gone
                future.set_result(reply)

        self.then(done)
        return future.__await__()


class ShardPort(Protocol):
    """Commands and live questions. Answers are durable; refusals raise `agio.domain.errors.ApiError`.

    A reply is `Pending` in a running exchange; whatever else can be awaited will do.
    """

    def now(self) -> int: ...
    def state(self) -> str: ...
    def applied(self) -> int: ...
    def overloaded(self) -> bool:
        """Whether new orders are refused (-1008) because the projection is too far behind."""
        ...

    def place(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]: ...
    def test_order(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]: ...
    def cancel(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]: ...
    def cancel_all(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]: ...
    def order(self, values: Any, account: int, micros: bool) -> Awaitable[Reply]:
        """Open and recently finished orders; status 0 when neither: ask `History`."""
        ...

    def open_orders(self, values: Any, account: int, micros: bool) -> Awaitable[Reply]: ...
    def account(self, account: int, omit_zero: bool, micros: bool) -> Awaitable[Reply]: ...
    def depth(self, symbol: str, limit: int) -> Awaitable[Reply]: ...
    def average_price(self, symbol: str, micros: bool) -> Awaitable[Reply]: ...
    def order_counts(self, account: int) -> Awaitable[Reply]: ...
    def position(self) -> Awaitable[dict[str, Any]]:
        """For operators: sequence, time, whether halted, and the hash of all state. Walks over all state."""
        ...

    def command(self, command: dict[str, Any]) -> Awaitable[list[dict[str, Any]]]:
        """An administrative command; returns its events; raises CommandRefused with the reason's name and words."""
        ...

    def jump(self) -> int | None:
        """By how many µs the wall clock has jumped away from the log's, while that waits for `confirm_jump`."""
        ...

    def confirm_jump(self) -> None: ...
    def watch(self, account: int) -> None:
        """From now on sinks get the account's events."""
        ...

    def unwatch(self, account: int) -> None: ...
    def want(self, kind: type, market: int) -> None:
        """From now on sinks get the market's events of this kind, one of Trade, Aggregate, Level and Top."""
        ...

    def unwant(self, kind: type, market: int) -> None: ...


EventBatch: TypeAlias = Sequence[Any]
"""`agio._core.Event` objects, durable: what is wanted in the log's order, then what all of it adds up to."""


class EventSink(Protocol):
    """Takes each batch of durable events, on the event loop, before the replies of the same batch are released."""

    def __call__(self, events: EventBatch) -> None: ...


class History(Protocol):
    """What SQL knows. Times in µs; `None` is no bound; lists are oldest first, at most `limit` long."""

    def state(self) -> str:
        """Running; or behind, retrying, waiting (database full, locked or away) or failed: what is new is not found."""
        ...

    def position(self) -> int:
        """The last command that it has."""
        ...

    async def reached(self, sequence: int) -> None:
        """Waits until `sequence` is projected; raises ApiError -1007 after 2 s."""
        ...

    async def order(
        self, account: int, market: int, order_id: int | None, client_id: str | None
    ) -> OrderRow | None: ...
    async def orders(
        self, account: int, market: int, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[OrderRow]: ...
    async def my_trades(
        self,
        account: int,
        market: int,
        *,
        order_id: int | None,
        from_id: int | None,
        start: int | None,
        end: int | None,
        limit: int,
    ) -> list[TradeRow]: ...
    async def trades(self, market: int, *, from_id: int | None, limit: int) -> list[TradeRow]: ...
    async def aggregates(
        self, market: int, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[AggregateRow]: ...
    async def candles(
        self, market: int, interval: str, *, start: int | None, end: int | None, limit: int, offset_minutes: int
    ) -> list[Candle]:
        """Candles of any of Binance's intervals from 1m on, made from minutes; empty ones are flat."""
        ...


class Statistics(Protocol):
    """What is known of each market right now, in memory."""

    def day(self, market: int) -> DayStatistics: ...
    def last_price(self, market: int) -> int | None: ...
    def top(self, market: int) -> TopOfBook: ...
    def candle(self, market: int, interval: str) -> Candle | None:
        """The candle under way (or the last one, when nothing traded in this interval: a flat one)."""
        ...


class Catalogue(Protocol):
    """The listed assets and markets; `current` is replaced as a whole when something changes."""

    @property
    def current(self) -> Catalog: ...


class Identity(Protocol):
    """Keys by their public name, from memory."""

    def key(self, api_key: str) -> ApiKey | None: ...


class User(NamedTuple):
    """Someone who may have accounts and keys."""

    user: int
    name: str
    account: int
    created: int


class NewKey(NamedTuple):
    """A key just made: `secret` is shown this once, and is None for keys whose private half the client keeps."""

    api_key: str
    secret: str | None


class KeyRow(NamedTuple):
    """A key as its operator sees it, without its secret."""

    api_key: str
    user: int
    account: int
    kind: str
    permissions: tuple[str, ...]
    created: int
    revoked: bool


class IdentityAdmin(Protocol):
    """Users and keys, for administration. Refusals raise `agio.domain.errors.CommandRefused`."""

    async def add_user(self, name: str) -> User:
        """A user with one spot account; refused as NameTaken or BadName."""
        ...

    async def users(self) -> list[User]: ...
    async def add_key(self, user: str, kind: str, public_key: str | None, permissions: Sequence[str]) -> NewKey:
        """A key for a user, by name; its `secret` is told this once.

        `kind`: hmac, ed25519 or rsa, the last two with a PEM `public_key`. `permissions`: of read, trade, withdraw.
        Refused as UnknownUser, BadKey or BadPermission.
        """
        ...

    async def keys(self) -> list[KeyRow]: ...
    async def revoke_key(self, api_key: str) -> None:
        """Nothing after it trades; refused as UnknownKey."""
        ...


class Connection(Protocol):
    """One WebSocket, as the rooms above the wire see it."""

    remote: str
    """The client's address, for limits."""
    state: dict[str, Any]
    """What the room keeps with the connection."""

    def send(self, payload: bytes) -> None:
        """Queues one text message; a reader too slow is dropped by the wire."""
        ...

    def close(self, code: int, reason: str) -> None: ...


class SocketRoom(Protocol):
    """A room that serves WebSockets."""

    def opened(self, connection: Connection, path: str, query: str) -> bool:
        """False: there is no such path (404). ApiError refuses the handshake with its status and text."""
        ...

    def received(self, connection: Connection, message: bytes) -> None: ...
    def closed(self, connection: Connection) -> None: ...


class UserFeeds(Protocol):
    """User data for connections of the WebSocket API and for listen keys."""

    def subscribe(self, connection: Connection, account: int, micros: bool, key: str = "") -> int:
        """Returns the subscription id; ApiError -2035 when active, -2042 when ids are used up.

        `key`: the name of the key that asks, with which the subscription ends.
        """
        ...

    def unsubscribe(self, connection: Connection, subscription: int | None) -> None:
        """One, or all; ApiError -2036 when there is none."""
        ...

    def active(self, connection: Connection) -> list[int]: ...
    def revoked(self, key: str) -> None:
        """The key of that name is of no use any more: what it subscribed to, or was told as a listen key, ends."""
        ...

    def closed(self, connection: Connection) -> None:
        """The connection is gone: its room must say so."""
        ...

    def create_listen_key(self, account: int, holder: str = "") -> str:
        """`holder`: the name of the key that asks, with which the listen key ends."""
        ...

    def extend_listen_key(self, listen_key: str, account: int) -> None: ...
    def close_listen_key(self, listen_key: str, account: int) -> None: ...


Clock: TypeAlias = Callable[[], int]
"""µs of the log's time."""
