"""Reading a log that lies in a folder: for `agio inspect`, `verify` and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agio import _core
from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterator


def records(folder: str, first: int = 1) -> Iterator[dict[str, Any]]:
    """Each command from sequence `first` on, with the events that it caused. Raises Fatal."""
    try:
        yield from map(msgspec.json.decode, _core.inspect(folder, first))
    except _core.ShardError as error:
        raise Fatal(str(error)) from error


def replay(folder: str, first: int) -> _core.Replay:
    """The rows of every command from sequence `first` on. Raises Fatal."""
    try:
        return _core.replay(folder, first)
    except _core.ShardError as error:
        raise Fatal(str(error)) from error


def verify(folder: str) -> dict[str, Any]:
    """Checks every frame and record, replays all and compares the snapshots' hashes. Raises Fatal."""
    try:
        found: dict[str, Any] = msgspec.json.decode(_core.verify(folder))
    except _core.ShardError as error:
        raise Fatal(str(error)) from error
    return found


def contents(folder: str) -> dict[str, Any]:
    """What lies in a log's folder: segments, snapshots, leftovers, free space. Raises Fatal."""
    try:
        found: dict[str, Any] = msgspec.json.decode(_core.doctor(folder))
    except _core.ShardError as error:
        raise Fatal(str(error)) from error
    return found


def layouts() -> Any:
    """The layouts of commands and events, for documentation."""
    return msgspec.json.decode(_core.layouts())
