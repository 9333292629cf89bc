"""`agio doctor`: whether agio can run here, and how its data folder is."""

from __future__ import annotations

import os
import platform
import shutil
import time
from typing import TYPE_CHECKING, Any

import click

from agio.cli.admin_client import Admin
from agio.cli.options import folder_option, json_option, say_json

if TYPE_CHECKING:
    from pathlib import Path

LEAST_FREE = 1 << 30
SYNCS = 50
SLOW = "the database is slower than what comes, or stands: look at disk, processors and the exchange's log"
TROUBLES = {
    ("state", "overloaded"): f"new orders are refused (-1008) until history has caught up: {SLOW}",
    ("state", "cancels-only"): "new orders are refused (-1008), because the disk is nearly full: free some",
    ("state", "halted"): "only cancels are taken, because an invariant does not hold: the exchange's log says which",
    ("state", "failed"): "the exchange has failed and is of no more use: its log says why; start it again",
    ("history", "behind"): f"history does not keep up, and who asks for what it does not have gets -1007: {SLOW}",
    ("history", "retrying"): "history's database refuses, and is asked again for half a minute",
    ("history", "waiting"): "history stands still, for its database is full, locked or away: mend that, and it goes on",
    ("history", "failed"): "history has failed: the exchange's log says why; start it again",
}
"""What a running exchange says of itself, and what that means."""


@click.command()
@folder_option
@json_option
def doctor(folder: Path, as_json: bool) -> None:
    """Look at this machine and the data folder, and say what is wrong and what to do about it."""
    found = {
        "machine": _machine(),
        "disk": _disk(folder),
        "folder": _folder(folder),
        "identity": _identity(folder),
        "exchange": _exchange(folder),
    }
    problems = _problems(found)
    if as_json:
        say_json(found | {"problems": problems})
    else:
        for part, facts in found.items():
            click.echo(part)
            for name, value in facts.items():
                click.echo(f"    {name}: {_words(value)}")
        click.echo("\n".join(f"PROBLEM: {problem}" for problem in problems) or "nothing is wrong")
    if problems:
        raise SystemExit(1)


def _words(value: Any) -> str:
    """A fact for people: of files their names."""
    if not isinstance(value, list):
        return "none" if value is None else str(value)
    return ", ".join(part["name"] if isinstance(part, dict) else str(part) for part in value) or "none"


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processors": os.cpu_count(),
    }


def _disk(folder: Path) -> dict[str, Any]:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        micros, problem = _sync_micros(there), None
    except OSError as error:
        micros, problem = None, error.strerror
    return {"free_bytes": shutil.disk_usage(there).free, "sync_micros_median": micros, "problem": problem}


def _sync_micros(folder: Path) -> int:
    """The median of a few small synced appends: what an acknowledgement costs here. OSError when it cannot be."""
    path = folder / f".agio-doctor-{os.getpid()}"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600)
    took = []
    try:
        for _ in range(SYNCS):
            began = time.perf_counter_ns()
            os.write(descriptor, bytes(512))
            os.fdatasync(descriptor)
            took.append((time.perf_counter_ns() - began) // 1000)
    finally:
        os.close(descriptor)
        path.unlink()
    return sorted(took)[SYNCS // 2]


def _folder(folder: Path) -> dict[str, Any]:
    if not (folder / "log").is_dir():
        return {"state": f"{folder} has no log yet; the first start makes it"}
    from agio.shard import log

    return {"state": "there is a log", **log.contents(str(folder / "log"))}


def _identity(folder: Path) -> dict[str, Any]:
    if not (folder / "identity.db").is_file():
        return {"state": "no users yet"}
    from agio.adapters.sql.identity import look

    return look(folder / "identity.db")


def _exchange(folder: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = Admin(folder).get("/state")
    except click.ClickException as error:
        return {"state": error.message}
    return told


def _problems(found: dict[str, dict[str, Any]]) -> list[str]:
    problems = []
    if found["disk"]["free_bytes"] < LEAST_FREE:
        problems.append("less than 1 GiB is free on the data folder's disk: free some, or choose another with --data")
    if reason := found["disk"]["problem"]:
        problems.append(
            f"the data folder's disk cannot be written ({reason}): free some space, or check its permissions"
        )
    if reason := found["identity"].get("problem"):
        problems.append(f"identity.db: {reason}")
    folder = found["folder"]
    if reason := folder.get("skips_problem"):
        problems.append(f"{reason}; see `agio verify`")
    parts = (*folder.get("segments", ()), *folder.get("snapshots", ()))
    problems += [f"{part['name']}: {part['problem']}; see `agio verify`" for part in parts if part["problem"]]
    problems += [words for (name, value), words in TROUBLES.items() if found["exchange"].get(name) == value]
    if folder.get("quarantined"):
        problems.append(f"{folder['quarantined']} commands broke the engine and are skipped: their markets are halted")
    return problems
