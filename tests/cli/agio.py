"""Calling `agio` as an operator does."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.exchange import AGIO

SECONDS = 30
BECAUSE = ("--reason", "the test wants it")


def agio(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """One command on a data folder, whatever comes of it."""
    return subprocess.run([AGIO, *words, "--data", folder], capture_output=True, text=True, timeout=SECONDS)


def told(folder: Path, *words: str) -> str:
    """What a command that must succeed says to people."""
    done = agio(folder, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(folder: Path, *words: str) -> Any:
    """What a command that must succeed says to programs."""
    return json.loads(told(folder, *words, "--json"))


def refused(folder: Path, *words: str) -> str:
    """What a command that must fail says, in one line without a traceback."""
    done = agio(folder, *words)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr
