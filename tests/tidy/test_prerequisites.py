"""`make run` on a machine that lacks something: all of it is named at once, before anything is made."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tidy.tree import ROOT

SHELL = ("bash", "cut", "dirname", "head", "sed", "sort")
LEAST = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
OLD_PYTHON = 'case "$1" in --version) echo Python 3.10.12;; *) exit 1;; esac'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is all of the PATH: a shell, Python, a C compiler and the oldest Rust that will do."""
    for name in SHELL:
        where = next(Path(folder, name) for folder in os.defpath.split(":") if Path(folder, name).exists())
        (tmp_path / name).symlink_to(where)
    (tmp_path / "python3").symlink_to(Path(sys.executable).resolve())
    for name, body in {"rustc": f"echo 'rustc {LEAST}.0 (4d91de4e4 2025-06-26)'", "cargo": ":", "cc": ":"}.items():
        program(tmp_path / name, body)
    return tmp_path


def program(path: Path, body: str) -> None:
    path.unlink(missing_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)


def look(machine: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(machine)}
    return subprocess.run([ROOT / ".ci" / "prerequisites"], env=environment, capture_output=True, text=True)


def test_what_is_enough_is_taken(machine: Path) -> None:
    done = look(machine)
    assert (done.returncode, done.stdout, done.stderr) == (0, "python3\n", "")


def test_all_that_is_missing_is_told_at_once(machine: Path) -> None:
    program(machine / "python3", OLD_PYTHON)
    (machine / "cargo").unlink()
    (machine / "cc").unlink()
    done = look(machine)
    assert (done.returncode, done.stdout) == (1, "")
    assert "Python 3.11 or newer; found Python 3.10.12" in done.stderr
    assert f"a Rust toolchain (cargo and rustc), {LEAST} or newer" in done.stderr
    assert "a C compiler" in done.stderr


@pytest.mark.parametrize(("version", "enough"), [("1.85.0", False), ("1.87.0", False), ("1.100.0", True)])
def test_an_older_rust_is_refused(version: str, enough: bool, machine: Path) -> None:
    """Cargo would refuse it, too, but only after the packages are installed; chains of `let` need 1.88."""
    program(machine / "rustc", f"echo 'rustc {version} (4d91de4e4 2025-02-17)'")
    done = look(machine)
    assert (done.returncode == 0) is enough
    assert (f"Rust {LEAST} or newer; found rustc {version}" in done.stderr) is not enough
