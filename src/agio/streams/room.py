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


class _Session:
    """What one connection listens to."""

    __slots__ = ("form", "topics")

    def __init__(self, form: Form) -> None:
        self.form = form
        self.topics: dict[str, Topic] = {}


class Room:
    """A SocketRoom. Names that no source knows are accepted and stay silent, as at Binance; ccxt dials `/ws/0`."""

    def __init__(self, sources: Sequence[Source], clock: Clock, broadcast: Broadcast = to_all) -> None:
        self._sources = sources
        self._clock = clock
        self._broadcast = broadcast
        self._topics: dict[str, Topic] = {}
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
        for topic in self._topics.values():
            if topic.feed is None:
                self._bind(topic)

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
            topic = self._topics.get(name)
            if topic is None:
                topic = self._topics[name] = Topic(name, self._broadcast)
                self._bind(topic)
            session.topics[name] = topic
            topic.add(connection, session.form)

    def _unsubscribe(self, connection: Connection, session: _Session, names: list[str]) -> None:
        for name in names:
            topic = session.topics.pop(name, None)
            if topic is None:
                continue
            topic.remove(connection, session.form)
            if topic.empty:
                del self._topics[name]
                if topic.feed is not None:
                    topic.feed.close()

    def _reform(self, connection: Connection, session: _Session, form: Form) -> None:
        if form == session.form:
            return
        for topic in session.topics.values():
            topic.remove(connection, session.form)
            topic.add(connection, form)
        session.form = form

    def _bind(self, topic: Topic) -> None:
        for source in self._sources:
            topic.feed = source.bind(topic)
            if topic.feed is not None:
                return
