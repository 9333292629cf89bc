"""What all listeners share, and limits of a WebSocket listener: by default Binance's (web-socket-streams.md)."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
BACKLOG = 1024
"""Connections that may wait to be accepted, and so may come at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Times in seconds."""

    ping_interval: float = 20.0
    pong_timeout: float = 60.0
    """Without a pong that echoes a ping for so long, the connection is closed."""
    lifetime: float = 24 * 3600.0
    connections: int = 10_000
    """Open at the same time, all addresses together."""
    connects: int = 300
    """Attempts of one address in `connects_window`."""
    connects_window: float = 300.0
    messages_per_second: int | None = 5
    """Inbound messages, pings and pongs included; None is no limit."""
    message_bytes: int = MIB // 8
    """The longest inbound message, over all of its fragments."""
    fragments: int = 128
    """Of one inbound message."""
    buffer_bytes: int = 8 * MIB
    """What may wait for a slow reader before it is dropped."""
    total_buffer_bytes: int = 256 * MIB
    """What may wait for all of them; beyond it the slowest are dropped."""
    close_grace: float = 2.0
    """How long the peer may take to answer a close frame."""
    handshake_timeout: float = 5.0

    @property
    def sockets(self) -> int:
        """How many may be open with those whose handshake is not over; beyond it they are closed unheard."""
        return self.connections + max(16, self.connections // 4)
