#!/usr/bin/env python3
"""Runs the fuzz targets one after the other under libFuzzer, and says what they did.

`make fuzz` gives them a minute together. What they learn stays in `rust/fuzz/fuzz/corpus`, so that the next run begins
there. A finding ends with the command that repeats it; its input belongs into `rust/fuzz/findings/`, where stable Rust
runs it for ever.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[2] / "rust" / "fuzz"
NEEDS = """fuzzing needs nightly Rust and cargo-fuzz, which nothing else here does:
  rustup toolchain install nightly --profile minimal
  cargo install cargo-fuzz
Without them, `cargo test -p agio-fuzz` runs the same targets on seeds and seeded mutations of them."""


def prerequisites() -> None:
    """Ends with advice when something is missing."""
    tools = all(map(shutil.which, ("cargo", "cargo-fuzz")))
    if not tools or subprocess.run(["cargo", "+nightly", "--version"], capture_output=True, check=False).returncode:
        sys.exit(NEEDS)


def seeds(corpus: Path) -> dict[str, str]:
    """Writes the seeds; the targets and what holds for each."""
    command = ["cargo", "run", "-q", "--locked", "-p", "agio-fuzz", "--example", "seeds", "--", str(corpus)]
    listing = subprocess.run(command, cwd=HOME, check=True, capture_output=True, text=True).stdout
    return dict(line.split("\t") for line in listing.splitlines())


def build(target: str, sanitizer: str) -> None:
    """Compiles a target; ends with what the compiler says when it cannot."""
    command = ["cargo", "+nightly", "fuzz", "build", "--sanitizer", sanitizer, *filter(None, [target])]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-4_000:])


def fuzz(target: str, seconds: int, sanitizer: str) -> tuple[bool, str]:
    """Whether nothing was found, and the figures or the finding."""
    corpus = HOME / "fuzz" / "corpus" / target
    before = len(list(corpus.iterdir()))
    options = [f"-max_total_time={seconds}", "-max_len=4096", "-print_final_stats=1", "-rss_limit_mb=4096"]
    command = ["cargo", "+nightly", "fuzz", "run", "--sanitizer", sanitizer, target, str(corpus), "--", *options]
    done = subprocess.run(command, cwd=HOME, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        return False, finding(target, done.stderr)
    count = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    covered = re.findall(r"cov: (\d+)", done.stderr)
    runs = int(count[1]) if count else 0
    first, last = (covered[0], covered[-1]) if covered else ("0", "0")
    learnt = len(list(corpus.iterdir())) - before
    return True, f"{runs:>12,} {runs // max(seconds, 1):>9,} {last:>8} {int(last) - int(first):>6} {learnt:>8}"


def finding(target: str, told: str) -> str:
    """What was found, in its own words, and how to see it again."""
    words = [
        line for line in told.splitlines() if "panicked at" in line or "ERROR: " in line or line.startswith("error")
    ]
    at = told.find("panicked at")
    detail = told[at:].splitlines()[1:3] if at >= 0 else []
    kept = re.findall(r"Test unit written to (\S+)", told)  # slow ones, too, before what ended the run
    path = kept[-1] if kept else "(no input was kept)"
    again = f"cargo run -p agio-fuzz --example replay -- {target} {path}"
    return "\n".join([*words[:3], *detail, f"again: {again}", told[-800:] if not words else ""]).rstrip()


def main() -> None:
    """Prints a table; ends with 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument(
        "--sanitizer",
        choices=("none", "address"),
        default="none",
        help="the book's own memory is checked by debug assertions; address checks more, several times slower",
    )
    parser.add_argument("targets", nargs="*", help="some of them only")
    given = parser.parse_args()
    prerequisites()
    os.environ.setdefault("RUST_BACKTRACE", "0")
    known = seeds(HOME / "fuzz" / "corpus")
    chosen = given.targets or list(known)
    if unknown := set(chosen) - set(known):
        sys.exit(f"no target {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    print("building the targets (minutes, the first time)", flush=True)
    for target in given.targets or [""]:  # without a name it is all of them
        build(target, given.sanitizer)
    print(
        f"{'target':10} {'runs':>12} {'a second':>9} {'coverage':>8} {'new':>6} {'inputs':>8}  what holds", flush=True
    )
    clean = True
    for target in chosen:
        passed, told = fuzz(target, max(1, given.seconds // len(chosen)), given.sanitizer)
        clean &= passed
        print(f"{target:10} {told}  {known[target]}" if passed else f"{target}: FOUND\n{told}", flush=True)
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
