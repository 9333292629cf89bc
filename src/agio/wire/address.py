"""Whose connection it is. A header is believed only when a listed proxy sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def client(peer: str, forwarded: str | None, proxies: frozenset[str]) -> str:
    """The client's address: `peer`, or what `X-Forwarded-For` says when `peer` is one of `proxies`.

    Each proxy appends the address it was called from, so the rightmost one that is no proxy of ours is the client.
    """
    if peer not in proxies or not forwarded:
        return peer
    for hop in reversed(forwarded.split(",")):
        address = hop.strip()
        if address and address not in proxies:
            return address
    return peer


class ConnectLimit:
    """At most `limit` connection attempts of one address in a calendar-aligned window of `window` seconds."""

    __slots__ = ("_attempts", "_clock", "_index", "_limit", "_window")

    def __init__(self, limit: int, window: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._index = 0
        self._attempts: dict[str, int] = {}

    def admits(self, address: str) -> bool:
        """Counts one attempt. Memory is one entry per address of the window."""
        index = int(self._clock() // self._window)
        if index != self._index:
            self._index = index
            self._attempts.clear()
        attempts = self._attempts.get(address, 0) + 1
        self._attempts[address] = attempts
        return attempts <= self._limit
