"""Listen keys, the older way to user data: a secret stream name that lives an hour and can be extended.

Binance's spot retired them on 2026-02-20; clients older than that know no other way.
"""

from __future__ import annotations

import asyncio
import secrets
import string
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from agio.domain.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agio.ports import Clock
    from agio.streams.topics import Feed, Topic
    from agio.streams.user.watch import Watched

LIFETIME = 3600.0
"""Seconds."""

KEEP_AFTER = 0.5
"""Seconds from a change until it is kept, together with others; longer where writing takes more than `KEEP_SHARE`."""

KEEP_SHARE = 0.02
"""Of the time, what writing may take: all keys are written each time, however many there are."""

_LENGTH = 64
_LETTERS = string.ascii_letters + string.digits


class KeptKey(msgspec.Struct, frozen=True):
    """A listen key as the next exchange on this data folder is to find it."""

    name: str
    account: int
    holders: tuple[str, ...]
    ends: int
    """In µs of the log's time."""


class Keeper(Protocol):
    """Where listen keys are kept over a restart. They are secrets. Called on a thread of its own, a call at a time."""

    def read(self) -> Iterable[KeptKey]:
        """What was written last; nothing when there is none that can be trusted."""

    def write(self, keys: Sequence[KeptKey]) -> None:
        """In place of what was written before. Does not raise: who loses a key asks for another."""


class KeyFeed:
    """Fills the topic that has a listen key's name."""

    def __init__(self, topic: Topic, account: int, watched: Watched) -> None:
        self._topic = topic
        self._account = account
        self._watched = watched
        watched.add(account, self)

    def joined(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Takes no more events."""
        self._watched.remove(self._account, self)

    def deliver(self, event: Any) -> None:
        """One of the account's events."""
        self._topic.publish(event.json)

    def expire(self, key: str, now: int) -> None:
        """Tells those who listen, and ends."""
        self._topic.publish(
            lambda micros: msgspec.json.encode(
                {"e": "listenKeyExpired", "E": now if micros else now // 1000, "listenKey": key}
            )
        )
        self.close()


class _Key:
    __slots__ = ("account", "feed", "holders", "kept", "name", "timer")

    def __init__(self, name: str, account: int) -> None:
        self.name = name
        self.account = account
        self.holders: set[str] = set()
        """The names of the API keys that it was told to."""
        self.feed: KeyFeed | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.kept: KeptKey | None = None
        """As it is written: made when it changes, for writing must not look at all keys in the event loop."""


class ListenKeys:
    """One key an account at most, and a `Source` of the topics that they name."""

    def __init__(self, watched: Watched, clock: Clock, lifetime: float = LIFETIME) -> None:
        self._watched = watched
        self._clock = clock
        self._lifetime = lifetime
        self._by_name: dict[str, _Key] = {}
        self._by_account: dict[int, _Key] = {}
        self._keeper: Keeper | None = None
        self._due: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._pause = KEEP_AFTER

    def keep(self, keeper: Keeper, holds: Callable[[str, int], bool]) -> None:
        """Goes on with the keys of the exchange before this one, whose listeners only connect again, and keeps its own.

        `holds`: whether an API key of that name is in use, and the account's. A listen key that another one knows has
        ended with it, though the exchange before may have been killed before it wrote that down.
        """
        now = self._clock()
        for kept in keeper.read():
            are_good = all(holds(name, kept.account) for name in kept.holders)
            if not are_good or kept.ends <= now or kept.account in self._by_account:
                continue
            key = self._add(kept.name, kept.account)
            key.holders = set(kept.holders)
            self._prolong(key, min((kept.ends - now) / 1e6, self._lifetime))
        self._keeper = keeper

    async def stop(self) -> None:
        """Keeps what is not kept yet."""
        due, self._due = self._due, None
        if due is not None:
            due.cancel()  # it would begin a write that nobody waits for, behind the one that is under way
        if self._writing is not None:
            await self._writing
        if due is not None:
            await self._write()

    def _changed(self) -> None:
        if self._keeper is not None and self._due is None:
            self._due = asyncio.get_running_loop().call_later(self._pause, self._begin)

    def _begin(self) -> None:
        self._due = None
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())
        else:
            self._changed()

    async def _write(self) -> None:
        if self._keeper is not None:
            began, keys = perf_counter(), [key.kept for key in self._by_name.values() if key.kept]
            await asyncio.to_thread(self._keeper.write, keys)
            self._pause = max(KEEP_AFTER, (perf_counter() - began) / KEEP_SHARE)

    def __len__(self) -> int:
        return len(self._by_name)

    def create(self, account: int, holder: str = "") -> str:
        """The account's key, good for another hour from now. `holder`: the name of the API key that asks."""
        key = self._by_account.get(account)
        if key is None:
            key = self._add("".join(secrets.choice(_LETTERS) for _ in range(_LENGTH)), account)
        key.holders.add(holder)
        self._prolong(key, self._lifetime)
        return key.name

    def extend(self, name: str, account: int) -> None:
        """Another hour from now; ApiError -1125 when the account has no such key."""
        self._prolong(self._find(name, account), self._lifetime)

    def close(self, name: str, account: int) -> None:
        """Ends it; ApiError -1125 when the account has no such key."""
        key = self._find(name, account)
        self._forget(key)
        if key.feed is not None:
            key.feed.close()

    def revoked(self, holder: str) -> None:
        """The API key of that name is of no use any more, and so is a listen key that it was told."""
        for key in [key for key in self._by_name.values() if holder in key.holders]:
            self._expire(key)

    def bind(self, topic: Topic) -> Feed | None:
        """Fills a topic that has a key's name."""
        key = self._by_name.get(topic.name)
        if key is None:
            return None
        key.feed = KeyFeed(topic, key.account, self._watched)
        return key.feed

    def _find(self, name: str, account: int) -> _Key:
        key = self._by_name.get(name)
        if key is None or key.account != account:
            raise ApiError(-1125, "This listenKey does not exist.")
        return key

    def _add(self, name: str, account: int) -> _Key:
        key = self._by_name[name] = self._by_account[account] = _Key(name, account)
        return key

    def _prolong(self, key: _Key, seconds: float) -> None:
        if key.timer is not None:
            key.timer.cancel()
        key.timer = asyncio.get_running_loop().call_later(seconds, self._expire, key)
        ends = self._clock() + int(seconds * 1e6)
        key.kept = KeptKey(key.name, key.account, tuple(sorted(key.holders)), ends)
        self._changed()

    def _expire(self, key: _Key) -> None:
        self._forget(key)
        if key.feed is not None:
            key.feed.expire(key.name, self._clock())

    def _forget(self, key: _Key) -> None:
        if key.timer is not None:
            key.timer.cancel()
        del self._by_name[key.name], self._by_account[key.account]
        self._changed()
