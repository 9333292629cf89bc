"""How many connections fit into the descriptors that this process may have.

A process that has none left cannot open the next file of its log, and ends. So clients never get the last ones: whoever
opens connections without end finds their bound before the log finds its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agio.wire.limits import BACKLOG

if TYPE_CHECKING:
    from agio.wire.http import HttpLimits
    from agio.wire.limits import Limits

PRIVATE = 32
"""Connections of operators, and of monitors."""
OWN = 2 * PRIVATE + 128
"""Descriptors that are no client's: theirs, those of log and databases, and listeners."""
SURPLUS = 3 * BACKLOG
"""Three public listeners may accept so many at once before they close what is beyond their limits."""


def wanted(http: HttpLimits, sockets: Limits) -> int:
    """Descriptors with which one HTTP listener and two of WebSockets may be as large as their limits."""
    return OWN + SURPLUS + _clients(http, sockets)


def fitted(http: HttpLimits, sockets: Limits, descriptors: int) -> tuple[HttpLimits, Limits]:
    """The limits for this many descriptors: as they are, or with fewer connections in the same proportion."""
    free = max(0, descriptors - OWN)
    room, clients = free - min(SURPLUS, free // 2), _clients(http, sockets)
    if room >= clients:
        return http, sockets
    fewer = max(1, http.connections * room // clients), max(1, sockets.connections * room // clients)
    return replace(http, connections=fewer[0]), replace(sockets, connections=fewer[1])


def _clients(http: HttpLimits, sockets: Limits) -> int:
    return http.connections + 2 * sockets.sockets
