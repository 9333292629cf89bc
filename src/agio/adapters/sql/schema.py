"""Bringing a database's tables up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, inspect, select

from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from pathlib import Path

versions = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""As Alembic names and shapes it."""


class Schema(NamedTuple):
    """One database's tables, the newest revision of its migrations, and where they are."""

    metadata: MetaData
    revision: str
    migrations: Path


def prepare(engine: Engine, schema: Schema) -> None:
    """Creates the tables of a fresh database, or migrates those of an older release. Raises Fatal.

    A fresh database is created at the newest revision without loading Alembic, which costs a quarter of a second.
    """
    with engine.begin() as connection:
        current = _revision(connection)
        if current is None:
            _begin(connection)
            _create(connection, schema)
    if current not in (None, schema.revision):
        migrate(engine, schema)


def _begin(connection: Connection) -> None:
    """All or nothing: SQLite's driver does not begin a transaction by itself for what makes or changes tables."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(versions.name):
        return None
    return connection.execute(select(versions.c.version_num)).scalar()


def _create(connection: Connection, schema: Schema) -> None:
    existing = set(inspect(connection).get_table_names()) & set(schema.metadata.tables)
    if existing:
        raise Fatal(
            f"the database {connection.engine.url} has tables ({', '.join(sorted(existing))}) but no revision: agio did"
            " not make it. Projections can be made anew with `agio rebuild`; move any other database out of the way."
        )
    schema.metadata.create_all(connection)
    versions.create(connection, checkfirst=True)
    connection.execute(insert(versions).values(version_num=schema.revision))


def migrate(engine: Engine, schema: Schema, revision: str = "head") -> None:
    """Runs the migrations up to `revision`. Raises Fatal when the database is newer than this release."""
    from alembic import command  # slow to load and rarely needed
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(schema.migrations))
    try:
        with engine.begin() as connection:
            _begin(connection)
            config.attributes["connection"] = connection
            config.attributes["metadata"] = schema.metadata
            command.upgrade(config, revision)
    except CommandError as error:
        raise Fatal(
            f"the database {engine.url} cannot be brought to revision {schema.revision}: {error}. It may be of a newer"
            " release of agio; use that one."
        ) from error
