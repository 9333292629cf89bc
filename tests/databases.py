"""Databases to test on: SQLite, and a MariaDB server that the tests start themselves, never the machine's own."""

import getpass
import itertools
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from agio.adapters.sql.engine import server_engine, sqlite_engine

KINDS = ("sqlite", "mariadb")
START_SECONDS = 30
FLEETING = ("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin")
"""What lives as long as its tests need not survive a power cut."""


class MariaDb:
    """A server of our own, and how to get an empty database of it."""

    def __init__(self, folder: Path, server: str) -> None:
        self._log = folder / "log"
        self._port = free_port()
        local = ["--bind-address=127.0.0.1", f"--port={self._port}", f"--socket={folder}/s", "--skip-name-resolve"]
        self._command = [server, *_plain(folder), *local, *FLEETING]
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers; AssertionError with its own words when it does not."""
        with self._log.open("ab") as words:
            self._process = subprocess.Popen(self._command, stdout=words, stderr=words)
        root, deadline = self._engine(), time.monotonic() + START_SECONDS
        while True:
            try:
                root.connect().close()
                return root.dispose()
            except OperationalError:
                waiting = self._process.poll() is None and time.monotonic() < deadline
                assert waiting, self._log.read_text()
                time.sleep(0.05)

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def _engine(self, database: str = "") -> Engine:
        return server_engine(f"mysql+pymysql://root@127.0.0.1:{self._port}/{database}")

    def fresh(self) -> Engine:
        """An empty database."""
        name = f"agio{next(self._numbers)}"
        root = self._engine()
        with root.begin() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        root.dispose()
        return self._engine(name)


def _plain(folder: Path) -> list[str]:
    return ["--no-defaults", f"--user={getpass.getuser()}", f"--datadir={folder}/data"]


@contextmanager
def serving(folder: Path, install: str, server: str) -> Iterator[MariaDb]:
    """A server on a free port of loopback, its files in `folder`. `install`, `server`: the programs' paths."""
    setup = [install, *_plain(folder), "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, timeout=60)
    running = MariaDb(folder, server)
    try:
        running.start()
        yield running
    finally:
        running.stop()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fresh(request: pytest.FixtureRequest, folder: Path) -> Engine:
    """An empty database of the kind that is the fixture's parameter, of `KINDS`."""
    if request.param == "sqlite":
        return sqlite_engine(folder / "projection.db", durable=False)
    server: MariaDb = request.getfixturevalue("mariadb")
    return server.fresh()
