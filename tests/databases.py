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
    """A running server, and how to get an empty database of it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._numbers = itertools.count(1)

    def wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        """Until it answers; AssertionError with its own words when it does not."""
        root, deadline = server_engine(self._url), time.monotonic() + START_SECONDS
        while True:
            try:
                root.connect().close()
                return root.dispose()
            except OperationalError:
                waiting = process.poll() is None and time.monotonic() < deadline
                assert waiting, log.read_text()
                time.sleep(0.05)

    def fresh(self) -> Engine:
        """An empty database."""
        name = f"agio{next(self._numbers)}"
        root = server_engine(self._url)
        with root.begin() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        root.dispose()
        return server_engine(f"{self._url}/{name}")


@contextmanager
def serving(folder: Path, install: str, server: str) -> Iterator[MariaDb]:
    """A server on a free port of loopback, its files in `folder`. `install`, `server`: the programs' paths."""
    plain = ["--no-defaults", f"--user={getpass.getuser()}", f"--datadir={folder}/data"]
    setup = [install, *plain, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(setup, check=True, stdout=subprocess.DEVNULL, timeout=60)
    port = free_port()
    local = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/s", "--skip-name-resolve"]
    log = folder / "log"
    with log.open("wb") as words:
        process = subprocess.Popen([server, *plain, *local, *FLEETING], stdout=words, stderr=words)
    try:
        running = MariaDb(f"mysql+pymysql://root@127.0.0.1:{port}")
        running.wait(process, log)
        yield running
    finally:
        process.terminate()
        process.wait(30)


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
