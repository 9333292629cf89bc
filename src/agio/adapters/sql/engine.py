"""Engines as agio uses them: SQLite embedded, MySQL or MariaDB in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event, make_url

if TYPE_CHECKING:
    from pathlib import Path

CACHE_KIB = 8_000
"""SQLite's page cache, for each of its few connections."""
CHECKPOINT_PAGES = 4_000
"""Pages of 4 KiB in SQLite's write-ahead log before they move into the database, so that hot ones move seldom."""
BUSY_MS = 5_000
"""How long SQLite waits for another writer."""


def sqlite_engine(path: Path, *, durable: bool) -> Engine:
    """An embedded database. `durable`: a commit survives a power cut; without it the newest may be lost, never torn.

    A projection needs no durable commits: what it loses it makes again from the log.
    """
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False}, pool_size=4)
    pragmas = (
        f"busy_timeout = {BUSY_MS}",
        "journal_mode = WAL",
        f"synchronous = {'FULL' if durable else 'NORMAL'}",
        f"cache_size = -{CACHE_KIB}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        "foreign_keys = ON",
        "temp_store = MEMORY",  # else the journal of a statement that touches many pages is a file
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def server_engine(url: str) -> Engine:
    """A MySQL or MariaDB server, such as `mysql+pymysql://user:password@host/agio`."""
    if make_url(url).get_backend_name() not in ("mysql", "mariadb"):
        raise ValueError(f"a database server is MySQL or MariaDB, not {make_url(url).render_as_string()!r}")
    return create_engine(
        url,
        pool_size=4,
        pool_pre_ping=True,
        pool_recycle=1800,
        isolation_level="READ COMMITTED",
        paramstyle="format",  # by position, as `agio.projections.writes` puts many rows into one statement
    )
