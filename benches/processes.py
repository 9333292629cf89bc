"""Processes under measurement: started, watched through /proc, ended. Linux only."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
AGIO = Path(sys.executable).parent / "agio"
HUGE_PAGES = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""The environment in which programs get their memory in huge pages."""
NOT_GATEWAY = {"agio-engine", "agio-journal", "agio-housekeepi", "agio-projector"}
"""Names of threads that carry no request; the kernel cuts them at 15 characters."""


class Cpu(NamedTuple):
    """Nanoseconds on a core, of all threads together, by thread name."""

    by_name: dict[str, int]

    @property
    def all(self) -> int:
        return sum(self.by_name.values())

    @property
    def gateway(self) -> int:
        """HTTP and event loop, streams included."""
        return sum(spent for name, spent in self.by_name.items() if name not in NOT_GATEWAY)

    def since(self, before: Cpu) -> Cpu:
        return Cpu({name: spent - before.by_name.get(name, 0) for name, spent in self.by_name.items()})


def cpu(pid: int) -> Cpu:
    """What the process has used."""
    spent: dict[str, int] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            spent[name] = spent.get(name, 0) + int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has just ended
    return Cpu(spent)


def memory(pid: int) -> float:
    """Megabytes (10^6) that are the process's own, and its share of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6


@contextmanager
def exchange(folder: Path, *, liquidity: str = "none", unlimited: bool = True) -> Iterator[Exchange]:
    """`agio dev` on an empty folder, with everything on; stopped at the end, which must succeed."""
    command = [str(AGIO), "dev", "--port-base", "0", "--data", str(folder), "--json", "--liquidity", liquidity]
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *["--unlimited"][:unlimited]], stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            if not line:
                raise RuntimeError(f"agio dev did not start: see {log.name}")
            yield Exchange(process.pid, folder, json.loads(line))
        finally:
            process.terminate()
            code = process.wait(30)
        if code:
            raise RuntimeError(f"agio dev ended with {code}: see {log.name}")


class Exchange(NamedTuple):
    """A running exchange."""

    pid: int
    folder: Path
    ready: dict[str, Any]

    @property
    def address(self) -> str:
        return str(self.ready["rest"]).removeprefix("http://")

    @property
    def users(self) -> list[dict[str, str]]:
        return [{name: user[name] for name in ("api_key", "secret_key")} for user in self.ready["users"]]


@contextmanager
def empty_handler(module: str = "benches.empty") -> Iterator[tuple[int, str]]:
    """A peer: process id and address of a server with nothing behind it."""
    process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        address = f"127.0.0.1:{int(process.stdout.readline())}"
        _await(address)
        yield process.pid, address
    finally:
        process.terminate()
        process.wait(10)


def _await(address: str) -> None:
    """Until somebody listens there."""
    host, _, port = address.partition(":")
    for _ in range(100):
        with suppress(ConnectionRefusedError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on {address}")


@cache
def build(package: str, example: str | None = None) -> Path:
    """Compiles one of our Rust programs and returns its path."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    what = ["--example", example] if example else []
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", package, *what], cwd=ROOT, check=True)
    return target / "release" / (f"examples/{example}" if example else package)


def rounds(example: str, line: re.Pattern[str], folder: Path, commands: int, count: int) -> list[dict[str, str]]:
    """Runs an example of the runner for so many rounds; what it tells of each, in the groups of the pattern."""
    command = [str(build("agio-runner", example)), str(folder), str(commands), str(count)]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = [match.groupdict() for match in line.finditer(told)]
    if len(found) != count:
        raise RuntimeError(f"{count} rounds of {example} were expected:\n{told}")
    return found
