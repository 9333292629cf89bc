"""What `make fuzz` says; the targets themselves run in `cargo test`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import fuzz

TOLD = """INFO: Seed: 1
thread '<unnamed>' panicked at src/exchange.rs:60:9:
Some(Violated) after Tick
note: run with `RUST_BACKTRACE=1`
==9== ERROR: libFuzzer: deadly signal
artifact_prefix='/x/artifacts/exchange/'; Test unit written to /x/artifacts/exchange/crash-12
"""


def test_a_finding_ends_with_the_command_that_repeats_it() -> None:
    lines = fuzz.finding("exchange", TOLD).splitlines()
    assert lines[0] == "thread '<unnamed>' panicked at src/exchange.rs:60:9:"
    assert "Some(Violated) after Tick" in lines
    again = "cargo run -p agio-fuzz --example replay -- exchange /x/artifacts/exchange/crash-12"
    assert lines[-1] == f"again: {again}"


def test_what_no_panic_explains_is_shown() -> None:
    assert "libFuzzer: out-of-memory" in fuzz.finding("log", "==9== ERROR: libFuzzer: out-of-memory")
    assert "no space left" in fuzz.finding("log", "no space left")


@pytest.mark.parametrize(("status", "shown"), [(77, "again: cargo run"), (0, "1,234")])
def test_a_finding_ends_with_1(
    status: int, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cargo is played by a script."""
    (tmp_path / "fuzz/corpus/exchange").mkdir(parents=True)
    (tmp_path / "told").write_text(TOLD + "#1 INITED cov: 5\n#2 DONE cov: 9\nstat::number_of_executed_units: 1234\n")
    cargo = f"""#!/bin/sh
case "$*" in
  run*) printf 'exchange\tall is well\n' ;;
  *"fuzz run"*) cat {tmp_path}/told >&2; exit {status} ;;
esac
"""
    for name in ("cargo", "cargo-fuzz"):
        (tmp_path / name).write_text(cargo)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setattr(fuzz, "HOME", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "argv", ["fuzz.py", "--seconds", "1"])
    with pytest.raises(SystemExit) as ended:
        fuzz.main()
    assert ended.value.code == (1 if status else 0)
    assert shown in capsys.readouterr().out


def test_a_machine_without_the_tools_is_told_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, fuzz.__file__], env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "cargo install cargo-fuzz" in done.stderr
    assert "Traceback" not in done.stderr
