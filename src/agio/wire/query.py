"""Query strings of WebSocket URLs."""

from __future__ import annotations

from urllib.parse import unquote

from agio.domain.errors import ApiError

_MICROS = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}


def parameters(query: str) -> dict[str, str]:
    """Decoded names and values; of a name given twice the first counts. A plus is a plus: stream names have them."""
    found: dict[str, str] = {}
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        found.setdefault(unquote(name), unquote(value))
    return found


def micros(found: dict[str, str]) -> bool:
    """Whether `timeUnit` asks for microseconds; ApiError -1194 when its value is neither unit."""
    wanted = _MICROS.get(found.get("timeUnit", "MILLISECOND"))
    if wanted is None:
        raise ApiError(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
    return wanted
