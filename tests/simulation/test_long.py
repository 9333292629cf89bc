"""The long form of what `make test` does with cargo and hypothesis. The sizes are environment variables."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]
ROOT = Path(__file__).resolve().parents[2]
HYPOTHESIS = ("tests/unit/wire/test_http_anything.py", "tests/unit/gateway/test_anything.py")


def size(name: str, default: int) -> int:
    return int(os.environ.get(name, default))


def run(*command: str, **environment: str) -> None:
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    print(done.stdout[-4_000:])
    assert done.returncode == 0, done.stdout[-4_000:]


def test_the_book_and_its_twin_on_a_hundred_million_commands() -> None:
    """Other seeds than those that every test run uses."""
    commands = str(size("AGIO_SOAK_TWIN", 100_000_000))
    cargo = ("cargo", "test", "--release", "--locked", "-p", "agio-book", "--test", "twin")
    run(*cargo, AGIO_TWIN_COMMANDS=commands, AGIO_TWIN_SEED="1000001")


def test_random_commands_for_the_engine() -> None:
    commands = str(size("AGIO_SOAK_COMMANDS", 10_000_000))
    cargo = ("cargo", "test", "--release", "--locked", "-p", "agio-engine", "--test", "random")
    run(*cargo, AGIO_COMMANDS=commands, AGIO_SEED="1000001")


def test_schedules_of_a_shards_threads() -> None:
    schedules = str(size("AGIO_SOAK_SCHEDULES", 1_000_000))
    cargo = ("cargo", "test", "--release", "--locked", "-p", "agio-runner", "--lib", "interleavings")
    run(*cargo, AGIO_SCHEDULES=schedules)


def test_fuzzing_for_long() -> None:
    """An hour; fails on a machine without nightly Rust, with what to install."""
    run(sys.executable, "tests/simulation/fuzz.py", "--seconds", str(size("AGIO_SOAK_FUZZ", 3_600)))


def test_many_examples_at_the_edge() -> None:
    run(
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--timeout=0",
        *HYPOTHESIS,
        AGIO_EXAMPLES=str(size("AGIO_SOAK_EXAMPLES", 5_000)),
    )
