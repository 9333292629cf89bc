"""The simulator: a shard in one thread on a disk that fails, with an auditor. For `agio sim` and its tests."""

from __future__ import annotations

from typing import Any

import msgspec

from agio import _core
from agio.domain.errors import Fatal


class Finding(msgspec.Struct, frozen=True):
    """A check that failed."""

    check: str
    what: str


class Run(msgspec.Struct, frozen=True):
    """What one run has seen."""

    seed: int
    again: str
    """The command line that repeats it."""
    life: int
    finding: Finding | None
    counts: dict[str, int]
    damages: list[tuple[str, str, int]]
    fingerprint: str
    """Equal for two runs only if they did the same."""
    places: list[tuple[str, str, str, int, tuple[int, int, int]]]
    """Phase, call, file, calls, and deaths before, during and after."""
    seconds: float


class Known(msgspec.Struct, frozen=True):
    """What the simulator can do."""

    kinds: list[tuple[str, str]]
    places: list[tuple[str, str, str]]


def run(seed: int, *, shrink: bool = False, without: list[str] | None = None, **numbers: int) -> Run:
    """One run, or with `shrink` the smallest that finds the same. Raises Fatal for an unknown kind of trouble.

    `numbers` are lives, requests and accounts; 0 or none is the usual number.
    """
    try:
        told: Any = _core.simulate(seed, shrink=shrink, without=without or [], **numbers)
    except ValueError as error:
        raise Fatal(str(error)) from error
    return msgspec.json.decode(told, type=Run)


def known() -> Known:
    """Kinds of trouble, and the places where a simulated process can die."""
    return msgspec.json.decode(_core.simulated(), type=Known)
