"""Whether a database refuses because there is no room for more."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.exc import OperationalError

SQLITE = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
"""The second: the index of its write-ahead log cannot grow."""
MYSQL = frozenset({1021, 1114})
"""ER_DISK_FULL, which comes after a minute of the server's own waiting, and ER_RECORD_FILE_FULL."""


def lacks_room(error: OperationalError) -> bool:
    """Waiting helps then, once somebody makes room; nothing else is wrong."""
    origin = error.orig
    name = getattr(origin, "sqlite_errorname", None)
    return name in SQLITE or (origin is not None and origin.args[:1] != () and origin.args[0] in MYSQL)
