"""Request weight per address: what has been used, what is refused, who is banned. Time is µs, always given.

Windows are calendar-aligned: weight counts per minute, raw requests per five minutes. An address that goes on while it
is refused is banned, for two minutes first, twice as long each next time, up to three days. Memory is bounded:
addresses are forgotten when idle, and when there are too many, newcomers share one count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agio.gateway import errors
from agio.wire.address import network

if TYPE_CHECKING:
    from agio.domain.errors import ApiError

SECOND = 1_000_000
MINUTE = 60 * SECOND
WINDOW = 5 * MINUTE
DAY = 24 * 60 * MINUTE


class Figures(msgspec.Struct, frozen=True):
    """Binance's figures; a bench raises them and says so, counting stays on."""

    weight: int = 6000
    """Per address and minute."""
    raw: int = 300_000
    """Requests per address and five minutes, whatever they weigh."""
    connections: int = 300
    """WebSocket connections per address and five minutes; counted by the wire, told by exchangeInfo."""
    orders_10s: int = 100
    """Unfilled orders of an account without limits of its own; counted by the engine, told by exchangeInfo."""
    orders_1d: int = 200_000
    patience: int = 100
    """Requests refused in one window before the address is banned."""
    first_ban: int = 2 * MINUTE
    longest_ban: int = 3 * DAY
    addresses: int = 100_000
    """Addresses that are counted apart."""
    in_flight: int = 1000
    """Requests under way on one WebSocket connection."""


class Usage:
    """What one address has used."""

    __slots__ = ("banned_until", "minute", "offences", "raw", "refusals", "seen", "weight", "window")

    def __init__(self) -> None:
        self.minute = 0
        """When the minute began of which `weight` is."""
        self.window = self.seen = 0
        self.weight = self.raw = 0
        self.refusals = self.offences = self.banned_until = 0

    def give_back(self, weight: int, now: int) -> None:
        """Takes back what was spent at `now`, unless another minute has begun."""
        if now >= self.minute:
            self.weight -= weight


class Limits:
    """The counts of all addresses."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures
        self._usages: dict[str, Usage] = {}
        self._others = Usage()
        self._swept = 0

    def __len__(self) -> int:
        return len(self._usages)

    def of(self, address: str, now: int) -> Usage:
        """What this address has used in the windows of `now`."""
        usage = self._usages.get(address) or self._admit(network(address), now)
        if now - usage.minute >= MINUTE:
            self._turn(usage, now // MINUTE)
        usage.seen = now
        return usage

    def enter(self, usage: Usage, weight: int, now: int) -> None:
        """Counts one request and its weight.

        ApiError -1003 when the address is banned (418), sends too many, or has not so much weight left (429).
        """
        if usage.banned_until > now:
            raise self._banned(usage)
        usage.raw += 1
        if usage.raw > self.figures.raw:
            raise self._refuse(usage, now, errors.QUEUE_FULL.error())
        self.spend(usage, weight, now)

    def spend(self, usage: Usage, weight: int, now: int) -> None:
        """Counts weight; ApiError -1003 when it does not fit into what is left of the minute."""
        if usage.weight + weight > self.figures.weight:
            raise self._refuse(usage, now, errors.TOO_MUCH_WEIGHT.error(self.figures.weight, "1 MINUTE"))
        usage.weight += weight

    def retry_at(self, usage: Usage, now: int, body: bytes) -> int:
        """When a request that was refused with this body, of status 429 or 418, may come again."""
        if usage.banned_until > now:
            return usage.banned_until
        if b"-1015" in body:
            return _next(now, DAY if b"DAY" in body else 10 * SECOND)
        return _next(now, WINDOW if usage.raw > self.figures.raw else MINUTE)

    def _admit(self, address: str, now: int) -> Usage:
        if address in self._usages:
            return self._usages[address]
        if len(self._usages) >= self.figures.addresses or now - self._swept > WINDOW:
            self._sweep(now)
        if len(self._usages) >= self.figures.addresses:
            return self._others
        return self._usages.setdefault(address, Usage())

    def _sweep(self, now: int) -> None:
        if now - self._swept < SECOND:
            return
        self._swept = now
        gone = [address for address, usage in self._usages.items() if self._forgettable(usage, now)]
        for address in gone:
            del self._usages[address]

    def _forgettable(self, usage: Usage, now: int) -> bool:
        idle = now - usage.seen
        return usage.banned_until <= now and idle > (self.figures.longest_ban if usage.offences else WINDOW)

    def _turn(self, usage: Usage, minute: int) -> None:
        usage.minute, usage.weight, usage.refusals = minute * MINUTE, 0, 0
        if usage.window != minute // 5:
            usage.window, usage.raw = minute // 5, 0
        if usage.offences and minute * MINUTE - usage.banned_until > self.figures.longest_ban:
            usage.offences = 0

    def _refuse(self, usage: Usage, now: int, refusal: ApiError) -> ApiError:
        usage.refusals += 1
        if usage.refusals <= self.figures.patience:
            return refusal
        ban = min(self.figures.first_ban << min(usage.offences, 32), self.figures.longest_ban)
        usage.offences, usage.banned_until, usage.refusals = usage.offences + 1, now + ban, 0
        return self._banned(usage)

    @staticmethod
    def _banned(usage: Usage) -> ApiError:
        return errors.BANNED.error(usage.banned_until // 1000)


def _next(now: int, window: int) -> int:
    return (now // window + 1) * window
