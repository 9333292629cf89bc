"""The room behind the stream listener: `/ws`, `/ws/<stream>[/<stream>…]` and `/stream?streams=<stream>/<stream>…`."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec

from agio.domain.errors import ApiError
from agio.streams import control
from agio.streams.topics import Broadcast, Form, Source, Topic
from agio.wire import query
from agio.wire.websocket import broadcast as to_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agio.ports import Clock, Connection

MAX_STREAMS = 1024
"""Of one connection (web-socket-streams.md, "WebSocket Limits")."""
MOST_SILENT = 50_000
"""Names that mean nothing, of all connections together: they cost nothing to make up, and up to a kilobyte to keep."""


class _Session:
    """What one connection listens to."""

    __slots__ = ("form", "topics")

    def __init__(self, form: Form) -> None:
        self.form = form
        self.topics: dict[str, Topic] = {}


class Room:
    """A SocketRoom. Names that no source knows are accepted and stay silent, as at Binance; ccxt dials `/ws/0`.

    They are remembered, up to a bound, for they may mean something later; those beyond it stay silent for good.
    """

    def __init__(self, sources: Sequence[Source], clock: Clock, broadcast: Broadcast = to_all) -> None:
        self._sources = sources
        self._clock = clock
        self._broadcast = broadcast
        self._topics: dict[str, Topic] = {}
        self._silent: dict[str, Topic] = {}
        """Those of them that nothing fills."""
        self._sessions: dict[Connection, _Session] = {}
        self.counters = {"requests": 0, "refused_requests": 0}

    def opened(self, connection: Connection, path: str, query_string: str) -> bool:
        """A handshake; False when the path is none of ours. ApiError when the query is beyond us."""
        room, _, rest = path.removeprefix("/").partition("/")
        if room not in {"ws", "stream"}:
            return False
        parameters = query.parameters(query_string)
        micros = query.micros(parameters)
        listed = unquote(rest) if room == "ws" else parameters.get("streams", "")
        names = [name for name in listed.split("/") if name]
        if len(names) > MAX_STREAMS or not all(map(control.is_name, names)):
            raise ApiError(2, f"Invalid request: more than {MAX_STREAMS} streams, or one that cannot be a name")
        session = self._sessions[connection] = _Session(Form(room == "stream", micros))
        self._subscribe(connection, session, names)
        return True

    def received(self, connection: Connection, message: bytes) -> None:
        """A control request."""
        self.counters["requests"] += 1
        try:
            request = control.parse(message)
            reply = self._answer(connection, self._sessions[connection], request)
        except control.ControlError as error:
            self.counters["refused_requests"] += 1
            reply = error.json()
        connection.send(reply)

    def closed(self, connection: Connection) -> None:
        """The connection is gone."""
        session = self._sessions.pop(connection)
        self._unsubscribe(connection, session, list(session.topics))

    def farewell(self, connection: Connection) -> bytes:
        """`serverShutdown` in the connection's form, for `Listener.announce`."""
        combined, micros = self._sessions[connection].form
        event = {"e": "serverShutdown", "E": self._clock() if micros else self._clock() // 1000}
        return msgspec.json.encode({"stream": "!serverShutdown", "data": event} if combined else event)

    def rebind(self) -> None:
        """Something was listed: names that meant nothing may mean something now."""
        for topic in list(self._silent.values()):
            if self._bind(topic):
                del self._silent[topic.name]

    def gauges(self) -> dict[str, int]:
        """How much there is right now."""
        return {"topics": len(self._topics), "sessions": len(self._sessions)}

    def _answer(self, connection: Connection, session: _Session, request: control.Request) -> bytes:
        if request.method == "SUBSCRIBE":
            names = control.names(request)
            if len({*names, *session.topics}) > MAX_STREAMS:
                raise control.ControlError(2, f"Invalid request: more than {MAX_STREAMS} streams", request.id)
            self._subscribe(connection, session, names)
        elif request.method == "UNSUBSCRIBE":
            self._unsubscribe(connection, session, control.names(request))
        elif request.method == "LIST_SUBSCRIPTIONS":
            return control.result(list(session.topics), request.id)
        else:
            combined = control.combined(request)
            if combined is None:
                return control.result(session.form.combined, request.id)
            self._reform(connection, session, Form(combined, session.form.micros))
        return control.result(None, request.id)

    def _subscribe(self, connection: Connection, session: _Session, names: list[str]) -> None:
        for name in names:
            if name in session.topics:
                continue
            topic = self._topics.get(name) or self._begin(name)
            if topic is not None:
                session.topics[name] = topic
                topic.add(connection, session.form)

    def _begin(self, name: str) -> Topic | None:
        """A topic that nobody had; None when it means nothing, as too many others do already."""
        topic = Topic(name, self._broadcast)
        if not self._bind(topic):
            if len(self._silent) >= MOST_SILENT:
                return None
            self._silent[name] = topic
        self._topics[name] = topic
        return topic

    def _unsubscribe(self, connection: Connection, session: _Session, names: list[str]) -> None:
        for name in names:
            topic = session.topics.pop(name, None)
            if topic is None:
                continue
            topic.remove(connection, session.form)
            if topic.empty:
                del self._topics[name]
                self._silent.pop(name, None)
                if topic.feed is not None:
                    topic.feed.close()

    def _reform(self, connection: Connection, session: _Session, form: Form) -> None:
        if form == session.form:
            return
        for topic in session.topics.values():
            topic.remove(connection, session.form)
            topic.add(connection, form)
        session.form = form

    def _bind(self, topic: Topic) -> bool:
        """Whether a source fills it."""
        for source in self._sources:
            topic.feed = source.bind(topic)
            if topic.feed is not None:
                return True
        return False
