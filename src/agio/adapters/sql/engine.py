"""Engines as agio uses them: SQLite, which every exchange opens, and MySQL or MariaDB, which no command chooses yet."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CACHE_KIB = 8_000
"""SQLite's page cache, for each of its few connections."""
CHECKPOINT_PAGES = 4_000
"""Pages of 4 KiB in SQLite's write-ahead log before they move into the database, so that hot ones move seldom."""
BUSY_MS = 5_000
"""How long SQLite waits for another writer."""


def sqlite_engine(path: Path, *, durable: bool) -> Engine:
    """An embedded database.

    `durable`: a commit survives a power cut, and is in the file itself, so that a copy of it is a backup. Without it
    the newest may be lost, never torn, and lie beside the file for a while: a projection makes what it loses again from
    the log.
    """
    where = URL.create("sqlite", database=str(path))  # a text would be parsed, and some folders have a ? in their names
    engine = create_engine(where, connect_args={"check_same_thread": False}, pool_size=4)
    pragmas = (
        f"busy_timeout = {BUSY_MS}",
        f"journal_mode = {'TRUNCATE' if durable else 'WAL'}",
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


DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
IN_USE = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})


@contextmanager
def usable(path: Path, way_out: str) -> Iterator[None]:
    """What an embedded database refuses inside is Fatal; `way_out` says what to do about a damaged one."""
    try:
        yield
    except DBAPIError as error:
        raise Fatal(refusal(error, path, way_out)) from error


def is_damage(error: BaseException | None) -> bool:
    """Whether what SQLite said is that the file is not what was written."""
    return _name(error) in DAMAGED


def _name(error: BaseException | None) -> str:
    """Without what SQLite adds to a few, as in SQLITE_BUSY_RECOVERY."""
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def refusal(error: DBAPIError, path: Path, way_out: str) -> str:
    """What an embedded database refuses, and what to do; without the statement and its rows."""
    advice = "Look at the disk, and at the permissions of file and folder: `agio doctor`."
    if is_damage(error.orig):
        advice = way_out
    elif _name(error.orig) in IN_USE:
        advice = "Another process uses it: `fuser` tells which, and it has to end."
    return f"the database {path} cannot be used: {error.orig}. {advice}"


def refuse_damaged(engine: Engine, way_out: str) -> None:
    """Reads all of an embedded database that nothing else could make again; raises Fatal when it is not whole."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise Fatal(f"the database {engine.url.database} is damaged: {' '.join(str(found).split())}. {way_out}")


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
