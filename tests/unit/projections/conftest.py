"""Fresh projection databases for each test, of each kind that agio keeps them in."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.schema import prepare
from tests.databases import KINDS, fresh


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without tables."""
    engine = fresh(request, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = fresh(request, tmp_path)
    prepare(engine, PROJECTION)
    yield engine
    engine.dispose()
