"""What the WebSocket API keeps of one connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agio.domain.keys import ApiKey
    from agio.gateway.limits import Usage
    from agio.ports import Connection, UserFeeds


@dataclass(slots=True)
class Session:
    """One connection of the WebSocket API. Times µs."""

    connection: Connection
    connected: int
    address: str
    micros: bool
    return_limits: bool
    """Whether replies tell the rate limits, unless a request says otherwise."""
    usage: Usage | None = None
    key: ApiKey | None = None
    """The key that has logged on."""
    authorized: int = 0
    subscription: int | None = None
    """The user data subscription that came with the logon, which ends with it."""
    in_flight: int = 0

    def log_off(self, feeds: UserFeeds) -> None:
        """Forgets the key, and ends the subscription that came with it."""
        number, self.subscription = self.subscription, None
        if number is not None and number in feeds.active(self.connection):
            feeds.unsubscribe(self.connection, number)
        self.key, self.authorized = None, 0
