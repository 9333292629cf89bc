"""Who listens to what: a topic is one stream name with its subscribers, grouped by the form they want it in."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

import msgspec

if TYPE_CHECKING:
    from agio.ports import Connection

Broadcast: TypeAlias = "Callable[[bytes, Iterable[Connection]], None]"
Encode: TypeAlias = Callable[[bool], bytes]
"""A payload with its times in µs (True) or ms."""


class Form(NamedTuple):
    """How a connection wants its messages."""

    combined: bool
    """Wrapped as `{"stream":…,"data":…}`."""
    micros: bool


class Feed(Protocol):
    """What fills a topic."""

    def joined(self) -> None:
        """The topic has one more subscriber."""
        ...

    def close(self) -> None:
        """The topic has none any more."""
        ...


class Source(Protocol):
    """Fills the topics whose names it knows."""

    def bind(self, topic: Topic) -> Feed | None:
        """Begins to fill `topic`; None when its name means nothing here, or not yet."""
        ...


class Topic:
    """One stream name. Each form is encoded once, however many listen."""

    __slots__ = ("_broadcast", "_groups", "_head", "feed", "name")

    def __init__(self, name: str, broadcast: Broadcast) -> None:
        self.name = name
        self.feed: Feed | None = None
        self._broadcast = broadcast
        self._head = b'{"stream":' + msgspec.json.encode(name) + b',"data":'
        self._groups: dict[Form, dict[Connection, None]] = {}

    @property
    def empty(self) -> bool:
        """Whether nobody listens."""
        return not self._groups

    def add(self, connection: Connection, form: Form) -> None:
        """One more subscriber; twice is once."""
        self._groups.setdefault(form, {})[connection] = None
        if self.feed is not None:
            self.feed.joined()

    def remove(self, connection: Connection, form: Form) -> None:
        """One less."""
        group = self._groups[form]
        del group[connection]
        if not group:
            del self._groups[form]

    def publish(self, encode: Encode) -> None:
        """Sends a payload to all, each in its form."""
        for form, connections in self._groups.items():
            payload = encode(form.micros)
            self._broadcast(self._head + payload + b"}" if form.combined else payload, connections)
