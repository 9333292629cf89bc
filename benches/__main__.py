"""Every published figure in one table: `python -m benches [--short] [--json] [--only ROOM …]`.

`--short` shows that the benches run and that their counts and checksums hold; its figures mean little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benches import batches, book, engine, gateway, latency, starting
from benches.figure import Figure, table
from benches.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Room = Callable[[Path], Iterator[Figure]]

LONG: dict[str, Room] = {
    "gateway": partial(gateway.measure, pairs=7, orders=20_000),
    "engine": partial(engine.measure, rounds=7, commands=1_000_000),
    "latency": partial(latency.measure, rounds=7, commands=400_000),
    "batches": partial(batches.measure, rounds=7, orders=400_000),
    "starting": partial(starting.measure, starts=20),
    "book": partial(book.measure, pairs=10, messages=50_000, deep=10_000_000, beside=True),
}
SHORT: dict[str, Room] = {
    "gateway": partial(gateway.measure, pairs=1, orders=4_000),
    "engine": partial(engine.measure, rounds=1, commands=50_000),
    "latency": partial(latency.measure, rounds=1, commands=20_000),
    "batches": partial(batches.measure, rounds=1, orders=20_000),
    "starting": partial(starting.measure, starts=2),
    "book": partial(book.measure, pairs=1, messages=20_000, deep=100_000, beside=False),
}


def main() -> int:
    """0 when every figure was measured and every bar that is judged holds; `--short` judges no bars."""
    options = _options()
    rooms = SHORT if options.short else LONG
    conditions = _conditions(short=options.short)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = [figure for name in options.only or rooms for figure in _run(name, rooms[name], Path(folder))]
    if options.json:
        print(json.dumps({"conditions": conditions, "figures": [figure.told() for figure in figures]}))
    else:
        print(", ".join(f"{name} {value}" for name, value in conditions.items()))
        print(table(figures))
    return int(not options.short and any(figure.holds is False for figure in figures))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a quick form that judges no bar")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--only", nargs="+", choices=LONG, help="these rooms alone")
    parser.add_argument("--folder", help="where data folders are made: a disk, not a memory file system")
    return parser.parse_args()


def _run(name: str, room: Room, folder: Path) -> Iterator[Figure]:
    print(f"measuring: {name}", file=sys.stderr, flush=True)
    yield from room(folder)


def _conditions(*, short: bool) -> dict[str, str]:
    """What has to stand beside a figure."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    load, processor = os.getloadavg(), _processor()
    return {
        "commit": commit.stdout.strip() or "unknown",
        "form": "short" if short else "full",
        "processor": f"{os.cpu_count()} × {processor}",
        "load before": f"{load[0]:.1f}",
        "python": platform.python_version(),
        "kernel": platform.release(),
        "limits": "figures raised, counting on",
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


if __name__ == "__main__":
    sys.exit(main())
