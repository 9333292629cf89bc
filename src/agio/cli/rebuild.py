"""`agio rebuild`: make the projection anew from the log."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from agio.cli.options import folder_option, json_option, say_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agio.projections.rebuild import Done


_OFTEN = (10.0, 0.1)
"""Seconds between two signs of progress: in a file, on a terminal."""


@click.command()
@folder_option
@json_option
def rebuild(folder: Path, as_json: bool) -> None:
    """Make history (orders, trades, ledger, candles) anew from the log.

    The exchange has to be stopped. Until the new database is finished the old one stays. Users and keys are untouched.
    """
    from agio.adapters.files.folder import existing
    from agio.adapters.sql.databases import PROJECTION
    from agio.adapters.sql.engine import usable
    from agio.adapters.sql.replacement import replacement
    from agio.adapters.sql.schema import prepare
    from agio.projections import rebuild as projection
    from agio.projections.spot.tables import SpotTables
    from agio.projections.writer import Writer
    from agio.shard import log

    paths = existing(folder)
    began = time.monotonic()
    way_out = "Remove it, and run this again."
    with paths.stopped(), usable(paths.projection, way_out), replacement(paths.projection) as engine:
        prepare(engine, PROJECTION)
        writer = Writer(engine, "spot", SpotTables(engine.dialect))
        replayed = log.Replay(str(paths.log), 1)
        with _display(replayed.progress) as shown:
            done = projection.rebuild(writer, replayed, shown.told)
    seconds = time.monotonic() - began
    if as_json:
        say_json({"commands": done.sequence, "rows": done.rows, "seconds": round(seconds, 3)})
    else:
        click.echo(f"rebuilt {done.sequence} commands as {done.rows} rows in {seconds:.1f} s")


class _Display:
    """One line on stderr, drawn over itself on a terminal."""

    def __init__(self, progress: Callable[[], tuple[int, int]]) -> None:
        """`progress`: bytes read of the log, and all there are."""
        self._progress = progress
        self._began = self._drawn = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def told(self, done: Done) -> None:
        now = time.monotonic()
        if now - self._drawn < _OFTEN[self._terminal]:
            return
        self._drawn = now
        reached = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(done.time / 1e6))
        read, whole = self._progress()
        pace = done.rows / (now - self._began)
        line = (
            f"{100 * read // max(whole, 1)} %: {done.sequence} commands, up to {reached} UTC, {pace:,.0f} rows a second"
        )
        click.echo(f"\r{line}\x1b[K" if self._terminal else line, err=True, nl=not self._terminal)

    def clear(self) -> None:
        if self._terminal:
            click.echo("\r\x1b[K", err=True, nl=False)


@contextmanager
def _display(progress: Callable[[], tuple[int, int]]) -> Iterator[_Display]:
    display = _Display(progress)
    try:
        yield display
    finally:
        display.clear()
