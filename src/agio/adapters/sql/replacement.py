"""A database file that takes another's place when it is finished."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agio.adapters.sql.engine import sqlite_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

_BESIDE = ("", "-wal", "-shm")


@contextmanager
def replacement(path: Path) -> Iterator[Engine]:
    """An empty database that replaces `path` when the block ends well; until then `path` is not touched."""
    fresh = path.with_name(path.name + ".new")
    _remove(fresh)
    engine = sqlite_engine(fresh, durable=False)
    try:
        yield engine
    except BaseException:
        engine.dispose()
        _remove(fresh)
        raise
    engine.dispose()  # the last connection moves all pages into the file
    descriptor = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _remove(path)  # with its write-ahead log, which would not fit the new file
    fresh.replace(path)


def _remove(path: Path) -> None:
    for ending in _BESIDE:
        path.with_name(path.name + ending).unlink(missing_ok=True)
