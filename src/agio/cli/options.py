"""Options and words that several commands share."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_FOLDER = Path(".agio")
HIGHEST_BASE = 65_530
"""With room for the ports behind it."""


def folder_option(command: Any) -> Any:
    """`--data DIR`."""
    return click.option(
        "--data",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        default=lambda: Path(os.environ.get("AGIO_DATA_DIR", DEFAULT_FOLDER)),
        show_default=str(DEFAULT_FOLDER),
        help="The data folder.",
    )(command)


def port_option(command: Any) -> Any:
    """`--port-base N`."""
    return click.option(
        "--port-base",
        type=click.IntRange(0, HIGHEST_BASE),
        default=8080,
        show_default=True,
        help="The first of the ports; 0: any free ones.",
    )(command)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C ends at once what changes nothing, also in the middle of a long read: otherwise it waits for Python."""
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def json_option(command: Any) -> Any:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="For programs: JSON instead of words.")(command)


def say_json(value: Any) -> None:
    """One JSON document on one line."""
    click.echo(json.dumps(value, separators=(",", ":")))


def done(answer: Any, words: str, *, as_json: bool) -> None:
    """What a change answered, for programs or for people."""
    if as_json:
        say_json(answer)
    else:
        click.echo(words)


def when(micros: int) -> str:
    """A time of the log, in UTC."""
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def table(rows: list[dict[str, Any]]) -> None:
    """Rows of the same shape for people, under their names."""
    if not rows:
        click.echo("none")
        return
    names = list(rows[0])
    cells = [names] + [[_cell(row[name]) for name in names] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _cell(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
