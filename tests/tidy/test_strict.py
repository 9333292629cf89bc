"""CI's rule about skipping, tried on a small suite of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import is_absent
from tests.tidy.tree import ROOT

SUITE = """
import pytest
@pytest.mark.skip(reason="no time")
def test_idle(): pass
def test_present(): pytest.skip("absent: folder /")
def test_absent(): pytest.skip("absent: folder /no/such/folder")
"""
MODULE = "import pytest\npytest.skip('later', allow_module_level=True)\n"


@pytest.mark.parametrize(
    ("strict", "summary"), [("", "4 skipped"), ("1", "1 failed, 1 skipped, 2 errors")], ids=["anywhere", "in CI"]
)
def test_an_idle_skip_fails(strict: str, summary: str, tmp_path: Path) -> None:
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "test_module.py").write_text(MODULE)
    pytest_here = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
    ]
    environment = {**os.environ, "AGIO_STRICT": strict, "PYTHONPATH": str(ROOT)}
    options = [str(tmp_path), "--continue-on-collection-errors"]
    done = subprocess.run([*pytest_here, *options], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert summary in done.stdout
    assert (done.returncode == 1) is bool(strict)


@pytest.mark.parametrize(
    ("what", "absent"),
    [
        ("folder /no/such/folder", True),
        ("program no-such-program", True),
        ("address 192.0.2.1", True),
        ("descriptors 1000000000000", True),
        ("folder /", False),
        ("address 127.0.0.1", False),
        ("descriptors 1", False),
        ("right to rest", False),
        ("patience", False),
    ],
)
def test_only_what_is_truly_absent_may_be_named(what: str, absent: bool) -> None:
    assert is_absent(f"Skipped: absent: {what}") is absent
