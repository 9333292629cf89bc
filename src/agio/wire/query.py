"""Query strings of WebSocket URLs."""

from __future__ import annotations

from urllib.parse import parse_qsl

_MICROS = {"MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}


def parameters(query: str) -> dict[str, str]:
    """Decoded names and values; of a name given twice the first counts."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        found.setdefault(name, value)
    return found


def micros(found: dict[str, str]) -> bool | None:
    """Whether `timeUnit` asks for microseconds; None when its value is neither unit."""
    return _MICROS.get(found.get("timeUnit", "MILLISECOND"))
