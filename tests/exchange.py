"""A running `agio dev` (or `agio serve`) for tests that speak to it from outside, as its users do."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AGIO = Path(sys.executable).parent / "agio"
START_SECONDS = 30
STOP_SECONDS = 10


@dataclass(frozen=True)
class User:
    """One of the demo users, funded with every listed asset."""

    name: str
    api_key: str
    secret_key: str


@dataclass(frozen=True)
class Exchange:
    """What `agio dev --json` says when it is ready, and the process that said it."""

    rest: str
    ws_api: str
    streams: str
    users: tuple[User, ...]
    folder: Path
    process: subprocess.Popen[bytes]
    errors: Path

    @property
    def user(self) -> User:
        """The first demo user, for tests to which it does not matter."""
        return self.users[0]

    @classmethod
    def of(cls, ready: dict[str, Any], folder: Path, process: subprocess.Popen[bytes], errors: Path) -> "Exchange":
        users = tuple(User(u["name"], u["api_key"], u["secret_key"]) for u in ready["users"])
        return cls(ready["rest"], ready["ws_api"], ready["streams"], users, folder, process, errors)

    def stop(self) -> int:
        """End it as a supervisor would, and return its exit code; killed, and -9, when it does not go in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def first_line(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """The process's first line of output; what there is of it when it ends or when time is up."""
    assert process.stdout is not None
    line, deadline = b"", time.monotonic() + seconds
    while not line.endswith(b"\n") and (left := deadline - time.monotonic()) > 0:
        ready, _, _ = select.select([process.stdout], [], [], left)
        chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not chunk:
            break
        line += chunk
    return line


def start(folder: Path, *options: str, program: str = "dev", environment: Mapping[str, str] | None = None) -> Exchange:
    """Start agio on free ports and wait until it is ready; AssertionError with its own words when it is not.

    `environment`: variables beside those of the tests themselves.
    """
    errors = folder.with_name(folder.name + ".stderr")
    command: list[str | Path] = [AGIO, program, "--json", "--port-base", "0", "--data", folder, *options]
    with errors.open("ab") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})},
        )
    line = first_line(process, START_SECONDS)
    try:
        return Exchange.of(json.loads(line), folder, process, errors)
    except (ValueError, KeyError) as broken:
        process.kill()
        code = process.wait()
        message = f"agio {program} was not ready ({broken!r}, exit {code}): {line!r}\n{errors.read_text()}"
        raise AssertionError(message) from None


@contextmanager
def running(
    folder: Path, *options: str, program: str = "dev", environment: Mapping[str, str] | None = None
) -> Iterator[Exchange]:
    """An exchange for the length of a with-block; it has to stop cleanly."""
    exchange = start(folder, *options, program=program, environment=environment)
    try:
        yield exchange
    finally:
        code = exchange.stop()
    assert code == 0, f"agio {program} stopped with {code}:\n{exchange.errors.read_text()}"
