"""Whose connection it is. A header is believed only when a listed proxy sent it."""

from __future__ import annotations

from ipaddress import IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_NETWORKS = 100_000


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


def network(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the /64 of an IPv6 one."""
    if ":" not in address:
        return address
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped) if mapped else str(IPv6Network((int(parsed) >> 64 << 64, 64)))


class ConnectLimit:
    """At most `limit` connection attempts of one network in a calendar-aligned window of `window` seconds."""

    __slots__ = ("_attempts", "_clock", "_index", "_limit", "_window")

    def __init__(self, limit: int, window: float, clock: Callable[[], float]) -> None:
        self._limit = limit
        self._window = window
        self._clock = clock
        self._index = 0
        self._attempts: dict[str, int] = {}

    def admits(self, address: str) -> bool:
        """Counts one attempt. Should there be too many networks to remember, all begin anew."""
        index = int(self._clock() // self._window)
        if index != self._index or len(self._attempts) >= MOST_NETWORKS:
            self._index = index
            self._attempts.clear()
        subscriber = network(address)
        attempts = self._attempts.get(subscriber, 0) + 1
        self._attempts[subscriber] = attempts
        return attempts <= self._limit
