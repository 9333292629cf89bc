"""What a batch of commands means for SQL, as the shard hands it over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias


class Rows(Protocol):
    """The rows of the commands `first` to `last`, as tuples in the order of `agio.domain.history`."""

    @property
    def first(self) -> int: ...
    @property
    def last(self) -> int: ...
    @property
    def time(self) -> int:
        """Log time of the last command, µs."""
        ...

    @property
    def orders(self) -> Sequence[tuple[Any, ...]]:
        """Each order that changed, as it stands; of the same order the later row holds."""
        ...

    @property
    def trades(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def aggregates(self) -> Sequence[tuple[Any, ...]]: ...
    @property
    def postings(self) -> Sequence[tuple[Any, ...]]: ...


Source: TypeAlias = Callable[[int], "Rows | None"]
"""Waits up to so many milliseconds for durable rows; None when there are none."""
