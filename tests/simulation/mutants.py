#!/usr/bin/env python3
"""A seeded sample of mechanical mutants of book, engine and journal, each against the crate's tests and the simulator.

`cargo-mutants` (27 or later) lists them; each is applied to a copy of the committed tree. A mutant that no test notices
is a survivor. `docs/correctness.md` explains those of the last sample.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CRATES = ("agio-book", "agio-engine", "agio-journal")
INSTRUMENTS = {"rust/book/src/naive.rs", "rust/journal/src/storage/memory.rs"}
"""What tests are made of: a mutant there is no bug of the exchange."""
SECONDS = 100
"""A test that takes longer hangs, and that is noticed."""


def sample(count: int, seed: int) -> list[dict[str, Any]]:
    """Mutants drawn from all."""
    packages = [word for crate in CRATES for word in ("-p", crate)]
    told = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "--diff", *packages], cwd=ROOT, check=True, capture_output=True
    )
    mutants = [mutant for mutant in json.loads(told.stdout) if mutant["file"] not in INSTRUMENTS]
    return random.Random(seed).sample(mutants, count)


def passes(copy: Path, *words: str, seconds: int | None = SECONDS) -> bool:
    """Whether a test run passes in time."""
    command = ["cargo", "test", "--quiet", "--locked", *words]
    try:
        return subprocess.run(command, cwd=copy, capture_output=True, timeout=seconds).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def builds(copy: Path, crate: str) -> bool:
    """Whether a crate's tests compile, however long it takes."""
    return passes(copy, "--no-run", "-p", crate, seconds=None)


def judge(copy: Path, mutant: dict[str, Any]) -> str:
    """Who notices the mutant: `tests`, `simulator`, the `compiler`, or nobody (`SURVIVED`)."""
    crate = mutant["package"]
    subprocess.run(["patch", "--quiet", "-p0"], cwd=copy, input=mutant["diff"].encode(), check=True)
    try:
        if not builds(copy, crate):
            return "compiler"
        if not passes(copy, "-p", crate):
            return "tests"
        builds(copy, "agio-sim")
        return "SURVIVED" if passes(copy, "-p", "agio-sim") else "simulator"
    finally:
        subprocess.run(["git", "checkout", "--quiet", "."], cwd=copy, check=True)


def main() -> None:
    """Draw, judge, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="a file of earlier verdicts to go on from")
    given = parser.parse_args()
    log: Path | None = given.log
    known = dict(line.split("\t") for line in log.read_text().splitlines()) if log and log.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "agio"
        os.environ.setdefault("CARGO_TARGET_DIR", str(Path(folder) / "target"))
        subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(copy)], check=True)
        for mutant in sample(given.count, given.seed):
            name = mutant["name"]
            if name not in known:
                known[name] = judge(copy, mutant)
                if log:
                    log.write_text("".join(f"{key}\t{verdict}\n" for key, verdict in known.items()))
            print(f"{known[name]:10} {name}", flush=True)
    told = [verdict for verdict in known.values() if verdict != "compiler"]
    caught = sum(verdict != "SURVIVED" for verdict in told)
    print(f"{caught} of {len(told)} caught ({len(known) - len(told)} more do not compile)")


if __name__ == "__main__":
    main()
