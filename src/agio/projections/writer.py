"""One transaction of a projection: the position moves on, and with it the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agio.domain.errors import Fatal
from agio.projections import position

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    from agio.projections.rows import Rows


class Tables(Protocol):
    """The tables of one product."""

    def write(self, connection: Connection, batch: Sequence[Rows]) -> None:
        """Writes rows that follow one another."""
        ...

    def forget(self) -> None:
        """Drops what is remembered of rows written: their transaction failed."""
        ...


class Writer:
    """Writes a projection named `name`. Belongs to one thread; several writers of one name refuse each other."""

    def __init__(self, engine: Engine, name: str, tables: Tables) -> None:
        self._engine = engine
        self._name = name
        self._tables = tables
        self.position = self.read()

    def read(self) -> int:
        """The position in SQL."""
        with self._engine.begin() as connection:
            return position.ensure(connection, self._name)

    def refuse_ahead(self, end: int) -> None:
        """Raises Fatal when the projection stands behind the log's end: what is next would pass for written."""
        if self.position > end:
            raise Fatal(
                f"history stands at command {self.position}, but the log ends with {end}: the log has lost its end, or"
                " is an older one. Restore the log that was there; or, if this older log is meant, run `agio rebuild`."
            )

    def write(self, batch: Sequence[Rows]) -> None:
        """Writes rows and position, or neither. Rows that are written already are left out.

        Raises Fatal when commands are missing or come twice.
        """
        fresh = [rows for rows in batch if rows.last > self.position]
        if not fresh:
            return
        self._refuse_others(fresh)
        last = fresh[-1]
        try:
            with self._engine.begin() as connection:
                position.advance(connection, self._name, expected=self.position, sequence=last.last, time=last.time)
                self._tables.write(connection, fresh)
        except BaseException:
            self._tables.forget()
            raise
        self.position = last.last

    def _refuse_others(self, batch: Sequence[Rows]) -> None:
        stands = self.position
        for rows in batch:
            if rows.first != stands + 1:
                raise Fatal(
                    f"the projection {self._name!r} stands at command {stands} and was given {rows.first} to"
                    f" {rows.last}: commands are missing in between or come twice. Run `agio rebuild`."
                )
            stands = rows.last
