"""Who wants an account's events; the shard is told when the first one does, and when the last has left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from agio.ports import EventBatch, ShardPort


class Watcher(Protocol):
    """Takes an account's events."""

    def deliver(self, event: Any) -> None:
        """One `UserEvent`."""
        ...


class Watched:
    """An `EventSink` for the account events that somebody watches."""

    def __init__(self, shard: ShardPort, user_event: type[Any]) -> None:
        self._shard = shard
        self._user_event = user_event
        self._watchers: dict[int, dict[Watcher, None]] = {}

    def __call__(self, events: EventBatch) -> None:
        """One batch of durable events."""
        if not self._watchers:
            return
        user_event = self._user_event
        for event in events:
            if type(event) is user_event:
                for watcher in self._watchers.get(event.account, ()):
                    watcher.deliver(event)

    def __len__(self) -> int:
        return len(self._watchers)

    def add(self, account: int, watcher: Watcher) -> None:
        """From now on `watcher` gets the account's events."""
        watchers = self._watchers.setdefault(account, {})
        if not watchers:
            self._shard.watch(account)
        watchers[watcher] = None

    def remove(self, account: int, watcher: Watcher) -> None:
        """It does not any more; twice is once."""
        watchers = self._watchers.get(account, {})
        if watcher not in watchers:
            return
        del watchers[watcher]
        if not watchers:
            del self._watchers[account]
            self._shard.unwatch(account)
