"""The tables that a running exchange made: the same as `agio rebuild` makes of its log, and a ledger without a gap."""

import sqlite3
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from agio.shard.log import records
from tests.exchange import AGIO, running

TABLES = ("positions", "orders", "trades", "aggregates", "movements", "postings", "candles")
CAUSES = {"Trade": 1, "Commission": 2, "Deposit": 3, "Withdrawal": 4}


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    connection = sqlite3.connect(path)
    try:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in TABLES
        }  # fmt: skip
    finally:
        connection.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which there was some trading."""
    data = tmp_path_factory.mktemp("lived") / "data"
    with running(data, "--seed", "1") as exchange:
        deadline = time.monotonic() + 30
        while len(contents(data / "projection.db")["trades"]) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        exchange.stop()
    return data


def test_live_equals_rebuilt(data: Path) -> None:
    live = contents(data / "projection.db")
    subprocess.run([AGIO, "rebuild", "--data", data], check=True, capture_output=True, timeout=60)
    assert contents(data / "projection.db") == live
    assert all(live.values())


def test_the_ledger_is_what_the_engine_posted(data: Path) -> None:
    """Lines of trades are not stored, but seen through their rows: none is missing, none is made up."""
    posted: Counter[tuple[Any, ...]] = Counter()
    for record in records(str(data / "log")):
        for event in record["events"]:
            if one := event.get("Posted"):
                cause = CAUSES[one["cause"]]
                line = (one["account"], one["asset"], one["delta"], cause, one["market"], one["trade"], one["time"])
                posted[(record["sequence"], *line)] += 1
    ledger = contents(data / "projection.db")["postings"]
    seen = ((sequence, account, asset, int(delta), *rest) for sequence, _, account, asset, delta, *rest in ledger)
    assert Counter(seen) == posted, "what does not fit 64 bits is a text in SQLite"
    assert {cause for *_, cause, _, _, _ in posted} >= {1, 2, 3}


def test_what_an_order_does_not_have_is_null(data: Path) -> None:
    connection = sqlite3.connect(data / "projection.db")
    found = connection.execute("SELECT DISTINCT prevented_match, strategy, strategy_type FROM orders").fetchall()
    connection.close()
    assert found == [(None, None, None)]
