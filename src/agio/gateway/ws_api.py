"""The WebSocket API: a room for connections to /ws-api/v3. The same rows as REST, in JSON frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agio.gateway import auth, codec, errors
from agio.gateway.dispatch import Asked, Dispatcher, refused
from agio.gateway.row import Call, Security, Venue, encode
from agio.gateway.session import Session
from agio.gateway.spot.results import RateLimit
from agio.wire import query as urls

if TYPE_CHECKING:
    from agio.domain.keys import ApiKey
    from agio.gateway.limits import Figures, Usage
    from agio.gateway.operations import Row
    from agio.ports import Connection, Reply

PATHS = frozenset({"/ws-api/v3", "/ws-api/v3/"})
CONNECT_WEIGHT = 2
INT64 = 1 << 63
LONGEST_ID = 36
"""Characters. As for streams, which take the same values (CHANGELOG.md)."""


class Message(msgspec.Struct):
    """A request as it stands in a frame; what is missing or of the wrong kind is answered, not dropped."""

    id: Any = msgspec.UNSET
    method: Any = None
    params: Any = None


class Written(str):
    """A number with a point or an exponent, as it stands in the frame.

    The signature is made over these characters, and money is never a float.
    """

    __slots__ = ()


_decode = msgspec.json.Decoder(Message, float_hook=Written).decode


class Frame(Asked):
    """A request of the WebSocket API for a row."""

    room: WsApiRoom
    session: Session
    message: Message

    def authorize(self, venue: Venue) -> Call:
        """By the request's own key and signature, or by the key that has logged on."""
        row, session = self.row, self.session
        params: dict[str, Any] = self.message.params or {}
        operation, schema, micros = row.operation, row.ws_schema, session.micros
        assert schema is not None
        if operation.security is Security.NONE:
            return Call(schema.parse_pairs(params), micros, session=session)
        own = params.get("apiKey")
        if operation.session == "only" or (operation.session == "may" and own is None and session.key is not None):
            key = self._logged_on(row, venue)
            signed = operation.is_signed
            values = schema.authorize_session(params, self.now) if signed else schema.parse_pairs(params)
        else:
            if own is None:
                raise errors.MANDATORY.error("apiKey")
            key = auth.admit(venue.identity, own if isinstance(own, str) else None, operation.security)
            if operation.is_signed:
                values = schema.authorize_pairs(params, key.verifier, self.now)
            else:
                values = schema.parse_pairs(params)
        return Call(values, micros, key.account, key.key, session, key)

    def tell(self, reply: Reply) -> None:
        """Sends the frame."""
        self.room.tell(self.session, self.message, reply, self.usage, self.now)

    def _logged_on(self, row: Row, venue: Venue) -> ApiKey:
        """The session's key, as long as it is good: one that has been revoked ends the logon and its user data."""
        session = self.session
        if session.key is None:
            raise errors.KEY_REJECTED.error()
        if venue.identity.key(session.key.name) is not session.key:
            session.log_off(venue.feeds)
            raise errors.KEY_REJECTED.error()
        if not auth.permits(session.key, row.operation.security):
            raise errors.KEY_REJECTED.error()
        return session.key


class WsApiRoom:
    """`agio.ports.SocketRoom` of the ws-api listener. Several requests of a connection may be under way at once."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._venue = dispatcher.venue
        self._limits = dispatcher.limits
        self._rows = dispatcher.table.ws

    def opened(self, connection: Connection, path: str, query: str) -> bool:
        """False for other paths; ApiError -1003 for addresses that are banned (418) or have no weight left (429)."""
        if path not in PATHS:
            return False
        asked = urls.parameters(query)
        micros = urls.micros(asked)
        if asked.get("responseFormat", "").lower() == "sbe":
            raise errors.NO_SBE.error()
        now = self._dispatcher.now()
        self._limits.enter(self._limits.of(connection.remote, now), CONNECT_WEIGHT, now)
        show = asked.get("returnRateLimits", "true").lower() != "false"
        connection.state["session"] = Session(connection, now, connection.remote, micros, show)
        return True

    def closed(self, connection: Connection) -> None:
        """Ends what the connection had subscribed to."""
        self._venue.feeds.closed(connection)
        connection.state.pop("session", None)

    def farewell(self, connection: Connection) -> bytes:
        """`serverShutdown`, for `Listener.announce`."""
        session: Session = connection.state["session"]
        now = self._dispatcher.now()
        return encode({"event": {"e": "serverShutdown", "E": now if session.micros else now // 1000}})

    def received(self, connection: Connection, message: bytes) -> None:
        """Starts answering one request."""
        session: Session | None = connection.state.get("session")
        if session is None:
            return
        now = self._dispatcher.now()
        usage = self._limits.of(session.address, now)
        session.in_flight += 1
        try:
            request = _decode(message)
        except (msgspec.DecodeError, RecursionError):  # the second: nested without end
            request, row, refusal = Message(None), None, errors.BAD_JSON
        else:
            row, refusal = self._route(request, session)
        if row is None:
            self.tell(session, request, self._refuse(refusal, usage, now), usage, now)
        else:
            self._dispatcher.answer(Frame(self, session, request, row=row, usage=usage, now=now))

    def tell(self, session: Session, request: Message, reply: Reply, usage: Usage, now: int) -> None:
        """Answers one request; who is banned by it is also closed."""
        session.in_flight -= 1
        session.connection.send(self._frame(request, reply, session, usage, now))
        if usage.banned_until > now:
            session.connection.close(1008, "banned")

    def _route(self, request: Message, session: Session) -> tuple[Row | None, errors.Template]:
        """The row that answers, or what to say where none does."""
        kind, id_ = type(request.id), request.id
        if not ((kind is int and -INT64 <= id_ < INT64) or (kind is str and len(id_) <= LONGEST_ID) or id_ is None):
            request.id = None
            return None, errors.BAD_JSON
        if type(request.method) is not str:
            return None, errors.BAD_JSON
        if not isinstance(request.params, dict | None):
            return None, errors.BAD_PARAMS
        if session.in_flight > self._limits.figures.in_flight:
            return None, errors.QUEUE_FULL
        return self._rows.get(request.method.removeprefix("v3/")), errors.UNSUPPORTED

    def _refuse(self, template: errors.Template, usage: Usage, now: int) -> Reply:
        """What no row answers is counted and limited like the rest."""
        try:
            self._limits.enter(usage, 1, now)
        except codec.REFUSALS as error:
            return refused(error)
        return refused(template.error())

    def _frame(self, request: Message, reply: Reply, session: Session, usage: Usage, now: int) -> bytes:
        parts = [b'{"id":', encode(request.id), b',"status":', b"%d" % reply.status]
        parts += (b',"result":', reply.body) if reply.status == 200 else self._error(reply, session, usage, now)
        if self._shows_limits(request, session):
            parts += (b',"rateLimits":', encode(_used(self._limits.figures, reply, usage)))
        parts.append(b"}")
        return b"".join(parts)

    def _error(self, reply: Reply, session: Session, usage: Usage, now: int) -> tuple[bytes, ...]:
        if reply.status not in (418, 429):
            return (b',"error":', reply.body)
        times = {"serverTime": now, "retryAfter": self._limits.retry_at(usage, now, reply.body)}
        data = times if session.micros else {name: time // 1000 for name, time in times.items()}
        return (b',"error":', reply.body[:-1], b',"data":', encode(data), b"}")

    @staticmethod
    def _shows_limits(request: Message, session: Session) -> bool:
        asked = request.params.get("returnRateLimits") if isinstance(request.params, dict) else None
        if asked is None:
            return session.return_limits
        return asked is not False and not (isinstance(asked, str) and asked.lower() == "false")


def _used(figures: Figures, reply: Reply, usage: Usage) -> list[RateLimit]:
    """What the reply tells of limits: orders where they were counted, and weight."""
    weight = RateLimit("REQUEST_WEIGHT", "MINUTE", 1, figures.weight, usage.weight)
    if reply.orders_10s < 0:
        return [weight]
    return [
        RateLimit("ORDERS", "SECOND", 10, figures.orders_10s, reply.orders_10s),
        RateLimit("ORDERS", "DAY", 1, figures.orders_1d, reply.orders_1d),
        weight,
    ]
