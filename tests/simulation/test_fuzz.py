"""What `make fuzz` says; the targets themselves run in `cargo test`."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_a_machine_without_the_tools_is_told_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, fuzz.__file__], env=os.environ | {"PATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "cargo install cargo-fuzz" in done.stderr
    assert "Traceback" not in done.stderr
