"""The tables that a running exchange made, and those that `agio rebuild` makes of its log, are the same."""

import sqlite3
import subprocess
import time
from pathlib import Path

from tests.exchange import AGIO, running

TABLES = ("positions", "orders", "trades", "aggregates", "postings", "candles")


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in TABLES}
    finally:
        connection.close()


def test_live_equals_rebuilt(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, "--seed", "1") as exchange:
        deadline = time.monotonic() + 30
        while len(contents(data / "projection.db")["trades"]) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        exchange.stop()
    live = contents(data / "projection.db")
    subprocess.run([AGIO, "rebuild", "--data", data], check=True, capture_output=True, timeout=60)
    assert contents(data / "projection.db") == live
    assert all(live.values())
