"""COMPATIBILITY.md says of streams what the streams do."""

import itertools
import re

import pytest

from agio.gateway import inventory
from agio.gateway.compatibility import STREAMS_ABSENT
from agio.streams.market.market import MAKERS

FILLED = {
    "interval": ("1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"),
    "levels": ("5", "10", "20"),
    "window": ("1h", "4h", "1d"),
}
NAMES = [row["stream"] for row in inventory.read("spot_streams")]
OF_A_SYMBOL = [name for name in NAMES if name.startswith("<symbol>@")]


def kinds(pattern: str) -> list[str]:
    """Every stream that a pattern stands for, without its symbol."""
    kind = pattern.removeprefix("<symbol>@")
    slots = re.findall(r"<(\w+)>", kind)
    fill = itertools.product(*(FILLED[slot] for slot in slots))
    return [re.sub(r"<\w+>", lambda _, left=list(values): left.pop(0), kind) for values in fill]  # type: ignore[misc]


@pytest.mark.parametrize("pattern", OF_A_SYMBOL)
def test_streams_of_a_symbol(pattern: str) -> None:
    here = [kind in MAKERS for kind in kinds(pattern)]
    assert all(here) if pattern not in STREAMS_ABSENT else not any(here)


def test_what_is_declared_absent_is_in_the_inventory() -> None:
    assert set(NAMES) >= STREAMS_ABSENT
    assert len(OF_A_SYMBOL) > 10
