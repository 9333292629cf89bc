"""What Binance has: every call of the inventory, so that one which is not here yet is told from one that nobody has.

`known.txt` is generated from docs/reference/inventory by `python -m agio.gateway.docs`, and read when first needed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("known.txt")


@cache
def _calls() -> dict[str, frozenset[str]]:
    calls: dict[str, set[str]] = {}
    for line in FILE.read_text(encoding="ascii").splitlines():
        method, name = line.split(" ")
        calls.setdefault(name, set()).add(method)
    return {name: frozenset(methods) for name, methods in calls.items()}


def has(method: str, name: str) -> bool:
    """Whether Binance has this call; `method` is WS for methods of the WebSocket API."""
    return method in methods(name)


def methods(name: str) -> frozenset[str]:
    """The HTTP methods that Binance takes at a path."""
    return _calls().get(name, frozenset())
