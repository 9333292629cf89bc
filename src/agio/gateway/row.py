"""What a row of the operation table is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec

from agio.gateway import errors
from agio.ports import Reply

if TYPE_CHECKING:
    from agio import ports
    from agio.domain.keys import ApiKey
    from agio.domain.markets import Market
    from agio.gateway.limits import Figures
    from agio.gateway.session import Session


class Security(Enum):
    """Who may call: nobody is asked for a key with NONE; ADMIN and OPS are admitted by their listener alone."""

    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"
    USER_STREAM = "USER_STREAM"
    ADMIN = "ADMIN"
    OPS = "OPS"


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter; `kind` and the rest as rust/edge/src/schema.rs describes them."""

    name: str
    kind: str
    words: str = ""
    required: bool | str = False
    """True, or the name of the other one of which one must be sent."""
    values: tuple[str, ...] = ()
    error: int | None = None
    min: int | None = None
    max: int | None = None
    clamp: bool = False
    pattern: str | None = None

    def describe(self) -> dict[str, Any]:
        """As a schema's description has it."""
        optional = {"error": self.error, "min": self.min, "max": self.max, "pattern": self.pattern}
        told: dict[str, Any] = {"name": self.name, "kind": self.kind}
        told |= {name: value for name, value in optional.items() if value is not None}
        if self.required:
            told["required"] = self.required if self.required is True else {"or": self.required}
        if self.values:
            told["values"] = list(self.values)
        return told | ({"clamp": True} if self.clamp else {})


@dataclass(frozen=True, slots=True)
class Venue:
    """Everything a handler may use."""

    shard: ports.ShardPort
    history: ports.History
    statistics: ports.Statistics
    catalogue: ports.Catalogue
    identity: ports.Identity
    feeds: ports.UserFeeds
    admin: ports.IdentityAdmin
    figures: Figures
    metrics: Callable[[], bytes]

    def market(self, symbol: str) -> Market:
        """The market of that name; ApiError -1121 when there is none."""
        market = self.catalogue.current.by_symbol.get(symbol)
        if market is None:
            raise errors.BAD_SYMBOL.error()
        return market


class Call(msgspec.Struct, eq=False):
    """One request, parsed and authorized."""

    values: Any
    """An `agio._core.Values`; of an administrative row its body."""
    micros: bool
    """Whether times are answered in microseconds."""
    account: int = 0
    """Whose request it is; 0 for rows that need no key."""
    key_number: int = 0
    """The key's number in the log."""
    session: Session | None = None
    """The connection's, for requests of the WebSocket API."""
    key: ApiKey | None = None

    def time(self, micros: int) -> int:
        """A time as this request wants it."""
        return micros if self.micros else micros // 1000


Answer: TypeAlias = Reply | Awaitable[Reply]
Handler: TypeAlias = Callable[[Venue, Call], Answer]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client can ask, with both its faces."""

    name: str
    """How logs, metrics and OpenAPI call it."""
    words: str
    """What it does, in a sentence."""
    security: Security
    handler: Handler
    result: Any
    """The type of its answer, or a tuple of several, for the documents; what Rust writes has the same form."""
    rest: tuple[str, str] | None = None
    ws: str | None = None
    weight: int = 1
    """Of its cheapest form, and of a request that cannot be read."""
    weigh: Callable[[Any], int] | None = None
    """The weight by the values, where it depends on them."""
    weights: str = ""
    """`weigh` in words."""
    params: tuple[Param, ...] = ()
    free: bool = False
    """Costs no weight when it succeeds (orders and cancels, since 2026-04-02)."""
    signed: bool | None = None
    """By default what the security type says: USER_DATA and TRADE are."""
    session: Literal["may", "apart", "only"] = "may"
    """On the WebSocket API: whether the key that has logged on may stand for the request's own, does not, or must."""
    body: type[msgspec.Struct] | None = None
    """The JSON body of an administrative row, instead of `params`."""
    partly: str = ""
    """What of Binance's operation is missing; empty when nothing is."""
    legacy: bool = False
    """Binance has switched it off; older clients still call it."""

    @property
    def is_signed(self) -> bool:
        """Whether timestamp and signature are demanded."""
        return self.security in SIGNED if self.signed is None else self.signed


SIGNED = frozenset({Security.USER_DATA, Security.TRADE})


@dataclass(slots=True)
class Tally:
    """How often an operation was called, by HTTP status, and how long its answers took by powers of two of µs."""

    statuses: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    buckets: list[int] = field(default_factory=lambda: [0] * 64)
    nanoseconds: int = 0

    def count(self, status: int, nanoseconds: int) -> None:
        """Adds one answer."""
        self.statuses[status] += 1
        self.buckets[(nanoseconds // 1000).bit_length()] += 1
        self.nanoseconds += nanoseconds


encode = msgspec.json.Encoder().encode
"""Anything as JSON."""


def success(body: bytes) -> Reply:
    """An answer that says yes."""
    return Reply(200, body, -1, -1)


def result(value: Any) -> Reply:
    """`success` of a value."""
    return Reply(200, encode(value), -1, -1)
