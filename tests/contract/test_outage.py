"""A database server that goes away and comes back: history waits for it, and has all when it is there again."""

import threading
from pathlib import Path

import pytest

from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.schema import prepare
from agio.projections import projector
from agio.projections.position import Progress
from agio.projections.projector import Projector
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from tests.bad_days.client import until
from tests.conftest import program
from tests.databases import serving
from tests.unit.projections.made import START, history
from tests.unit.projections.test_projector import Shard, everything


def test_history_waits_for_a_server_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "TROUBLE", 0.0)
    rows, shard, progress = list(history(40)), Shard(), Progress()
    failures: list[BaseException] = []
    with serving(tmp_path, program("mariadb-install-db"), program("mariadbd")) as server:
        engine = server.fresh()
        prepare(engine, PROJECTION)
        writer = Writer(engine, "spot", SpotTables(engine.dialect))
        running = Projector(shard, writer, progress, lambda: START, on_failure=failures.append)
        running.start()
        for made in rows[:20]:
            shard.queue.put(made)
        assert until(20, lambda: progress.sequence == 20)
        server.stop()
        for made in rows[20:]:
            shard.queue.put(made)
        assert until(20, lambda: running.state == "waiting")
        threading.Event().wait(1.5)
        assert (running.state, failures) == ("waiting", [])
        server.start()
        assert until(20, lambda: progress.sequence == 40)
        running.stop()
        assert running.state == "stopped"
        assert everything(engine)["positions"] == [("spot", 40, rows[-1].time)]
        engine.dispose()
