"""Whether a database refuses for a reason that only others can mend, and that beginning anew would not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.exc import OperationalError

SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
"""No room; the second: the index of its write-ahead log cannot grow."""
SQLITE_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
"""Another process writes, or holds it for as long as a backup or VACUUM takes. Some have a cause behind their name."""
MYSQL_FULL = frozenset({1021, 1114})
"""ER_DISK_FULL, which comes after a minute of the server's own waiting, and ER_RECORD_FILE_FULL."""
MYSQL_AWAY = frozenset({1040, 1053, 2002, 2003, 2006, 2013})
"""Too many connections, shutting down, not reached, gone, lost. A server whose disk is full may end like this, too."""


def must_wait(error: OperationalError) -> bool:
    """The database is full or locked, or its server is away."""
    origin = error.orig
    if (name := getattr(origin, "sqlite_errorname", None)) is not None:
        return name in SQLITE_FULL or name.startswith(SQLITE_LOCKED)
    number = origin.args[0] if origin is not None and origin.args else None
    return number in MYSQL_FULL | MYSQL_AWAY
