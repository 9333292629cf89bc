"""The tables: the same however they were made, in the order of the domain's rows, exact on both databases."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, Table, insert, inspect, select, text
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateIndex, CreateTable

from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import Schema, migrate, prepare
from agio.domain.errors import Fatal
from agio.domain.history import AggregateRow, MovementRow, OrderRow, PostingRow, TradeRow
from agio.projections import schema
from agio.projections.spot.buckets import COLUMNS
from tests.unit.projections.made import movement, postings, trade

TABLES = [table for table in schema.metadata.sorted_tables if table is not schema.postings]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (schema.orders, OrderRow._fields),
        (schema.trades, TradeRow._fields),
        (schema.aggregates, AggregateRow._fields),
        (schema.movements, MovementRow._fields),
        (schema.postings, PostingRow._fields),
        (schema.candles, ("market", "minutes", *COLUMNS)),
    ],
)
def test_columns_stand_in_the_order_of_the_rows(table: Table, row: tuple[str, ...]) -> None:
    assert tuple(table.columns.keys()) == row


def made_of(engine: Engine) -> list[str]:
    """Every table and index but Alembic's, as the database itself writes them."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            question = text("SELECT sql FROM sqlite_master WHERE tbl_name != 'alembic_version' AND sql IS NOT NULL")
            return sorted(connection.execute(question).scalars())
        tables = sorted(set(inspect(connection).get_table_names()) - {"alembic_version"})
        found = [connection.execute(text(f"SHOW CREATE TABLE {table}")).one()[1] for table in tables]
        lines = "\n".join(found).replace(",\n", "\n").splitlines()
        return sorted(lines, key=lambda line: line if line.startswith("  KEY") else "")  # made in any order


def test_created_equals_migrated(empty: Engine) -> None:
    stamp = text("SELECT version_num FROM alembic_version")
    found = []
    for bring in (prepare, migrate):
        bring(empty, PROJECTION)
        with empty.begin() as connection:
            found.append((made_of(empty), connection.execute(stamp).all()))
            connection.execute(text("DROP VIEW postings"))
            for table in (*TABLES, "alembic_version"):
                connection.execute(text(f"DROP TABLE {table}"))
    assert found[0] == found[1]
    assert found[0][1] == [(schema.REVISION,)]
    assert len(found[0][0]) >= len(schema.metadata.tables)


def test_prepare_migrates_what_is_older(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    prepare(empty, PROJECTION)
    prepare(empty, PROJECTION)
    assert "orders_of_account" in "".join(made_of(empty))


def test_what_release_0001_made_of_the_log_is_made_anew(empty: Engine) -> None:
    """Its candles of an hour and of a day were as many as those of a minute."""
    migrate(empty, PROJECTION, "0001")
    with empty.begin() as connection:
        connection.execute(insert(schema.trades), [trade(1)._asdict()])
        connection.execute(insert(schema.positions), [{"name": "spot", "sequence": 5, "time": 6}])
    prepare(empty, PROJECTION)
    with empty.connect() as connection:
        assert [connection.execute(select(table)).all() for table in TABLES] == [[]] * len(TABLES)
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == schema.REVISION


def test_a_newer_database_is_refused(database: Engine) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Fatal, match="newer release"):
        prepare(database, PROJECTION)


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "foreign.db", durable=False)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id INTEGER)"))
    with pytest.raises(Fatal, match="agio did not make it"):
        prepare(engine, PROJECTION)
    engine.dispose()


@pytest.mark.parametrize("end", ["created", "migrated"])
def test_a_process_that_dies_while_it_makes_the_tables_leaves_none(tmp_path: Path, end: str) -> None:
    """The next start finds a fresh database, not one that it takes for somebody else's."""
    path = tmp_path / "projection.db"
    code = f"""
import os
from pathlib import Path
from sqlalchemy import event
from agio.adapters.sql import schema
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
engine = sqlite_engine(Path({str(path)!r}), durable=False)
def executed(connection, cursor, statement, *_):
    if statement.startswith("CREATE VIEW"):
        os._exit(9)
event.listen(engine, "after_cursor_execute", executed)
{"schema.prepare(engine, PROJECTION)" if end == "created" else "schema.migrate(engine, PROJECTION)"}
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=30).returncode == 9
    engine = sqlite_engine(path, durable=False)
    assert inspect(engine).get_table_names() == []
    prepare(engine, PROJECTION)
    assert "orders" in inspect(engine).get_table_names()
    engine.dispose()


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_mysql_understands_every_table(table: Table) -> None:
    dialect = mysql.dialect()
    written = str(CreateTable(table).compile(dialect=dialect))
    assert "ROWID" not in written
    assert "FLOAT" not in written
    assert "BLOB" not in written
    if table.name == "orders":
        assert "notional NUMERIC(39, 0)" in written
        assert "VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin" in written
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=dialect))


@pytest.mark.parametrize(
    "amount", [0, -1, 2**63 - 1, 2**63, -(2**63) - 1, 2**127 - 1, -(2**127), 2**128 - 1, 10**17 + 1]
)
def test_amounts_are_exact(database: Engine, amount: int) -> None:
    with database.begin() as connection:
        connection.execute(insert(schema.movements).values(movement(1, delta=amount)))
        assert connection.execute(select(schema.movements.c.delta)).scalar_one() == amount
        assert connection.execute(select(schema.postings.c.delta)).scalar_one() == amount


@pytest.mark.parametrize("notional", [0, 60_000, 2**63 - 1, 2**63, 2**127 - 1])
@pytest.mark.parametrize("commission", [0, 7, 2**64])
def test_the_ledger_has_every_line(database: Engine, notional: int, commission: int) -> None:
    made = trade(5, notional=notional, quantity=2**64 - 1, buy_commission=commission)
    moved = movement(3, line=1, delta=-(2**80))
    with database.begin() as connection:
        connection.execute(insert(schema.trades).values(made))
        connection.execute(insert(schema.movements).values(moved))
        order = (schema.postings.c.sequence, schema.postings.c.line)
        found = [tuple(row) for row in connection.execute(select(schema.postings).order_by(*order))]
    assert found == [(*moved[:6], None, None, moved.time), *postings(made)]
    assert all(type(row[4]) is int for row in found)


def test_a_migration_is_found_for_the_newest_revision() -> None:
    from alembic.script import ScriptDirectory

    assert ScriptDirectory(str(PROJECTION.migrations)).get_heads() == [PROJECTION.revision]


HEAVY = ("alembic", "cryptography", "sqlalchemy.dialects.mysql")


@pytest.mark.parametrize(
    "module", ["agio.projections.projector", "agio.projections.spot.history", "agio.adapters.sql.databases"]
)
def test_importing_is_cheap(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_preparing_a_fresh_database_does_not_load_alembic(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from agio.adapters.sql import databases, engine, schema;"
        f"fresh = engine.sqlite_engine(pathlib.Path({str(tmp_path / 'p.db')!r}), durable=False);"
        "schema.prepare(fresh, databases.PROJECTION); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_forgotten_column_would_be_seen(tmp_path: Path) -> None:
    """The comparison of created and migrated tables can fail."""
    other = MetaData()
    for table in TABLES:
        copy: Any = table.to_metadata(other)
        if table.name == "positions":
            copy.append_column(schema.orders.c.price._copy())
    engine = sqlite_engine(tmp_path / "other.db", durable=False)
    prepare(engine, Schema(other, schema.REVISION, PROJECTION.migrations))
    migrated = sqlite_engine(tmp_path / "migrated.db", durable=False)
    migrate(migrated, PROJECTION)
    assert made_of(engine) != made_of(migrated)
    engine.dispose()
    migrated.dispose()
