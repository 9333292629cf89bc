"""Reading a log that lies in a folder: for `agio inspect`, `verify` and `doctor`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from agio import _core
from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _told() -> Iterator[None]:
    """A log that cannot be read is Fatal."""
    try:
        yield
    except _core.ShardError as error:
        raise Fatal(str(error)) from error


def records(folder: str, first: int = 1) -> Iterator[dict[str, Any]]:
    """Each command from sequence `first` on, with the events that it caused. Raises Fatal."""
    with _told():
        yield from map(msgspec.json.decode, _core.inspect(folder, first))


class Replay:
    """The rows of every command from sequence `first` on. Raises Fatal."""

    def __init__(self, folder: str, first: int) -> None:
        with _told():
            self._core = _core.replay(folder, first)
        self.progress = self._core.progress
        """Bytes read, of all there are to read."""

    def __iter__(self) -> Iterator[_core.Rows]:
        with _told():
            yield from self._core


def verify(folder: str) -> dict[str, Any]:
    """Checks every frame and record, replays all and compares the snapshots' hashes. Raises Fatal."""
    with _told():
        found: dict[str, Any] = msgspec.json.decode(_core.verify(folder))
    return found


def contents(folder: str) -> dict[str, Any]:
    """What lies in a log's folder: segments, snapshots, leftovers, free space. Raises Fatal."""
    with _told():
        found: dict[str, Any] = msgspec.json.decode(_core.doctor(folder))
    return found


def layouts() -> Any:
    """The layouts of commands and events, for documentation."""
    return msgspec.json.decode(_core.layouts())
