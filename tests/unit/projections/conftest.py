"""A fresh projection database for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    engine = sqlite_engine(tmp_path / "projection.db", durable=False)
    prepare(engine, PROJECTION)
    yield engine
    engine.dispose()
