#!/usr/bin/env python3
"""A seeded sample of mechanical mutants of book, engine and journal, each against the crate's tests and the simulator.

`cargo-mutants` (27 or later) lists them; `switched.py` builds all of them at once, into a copy of the committed tree. A
mutant that no test notices is a survivor. `docs/correctness.md` explains those of the last sample. `--log` keeps the
verdicts, one a line; a run that is told of the same file goes on where the last one stopped.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.simulation.switched import Mutant, blamed, switch

ROOT = Path(__file__).resolve().parents[2]
CRATES = ("agio-book", "agio-engine", "agio-journal")
INSTRUMENTS = {
    "rust/book/src/naive.rs",
    "rust/journal/src/storage/memory.rs",
    "rust/journal/src/storage/tapped.rs",
}
"""What tests are made of: a mutant there is no bug of the exchange."""
PLANTED = "guard planted("
"""Nor is one in the switch of a planted bug, which is off."""
STAGES = {
    "agio-book": ("agio-book", "agio-engine", "agio-sim"),
    "agio-engine": ("agio-engine", "agio-runner", "agio-sim"),
    "agio-journal": ("agio-journal", "agio-runner", "agio-sim"),
}
"""Whose tests have to notice a mutant of a crate: cheap ones first."""
SECONDS = 100
"""A test that takes longer hangs, and that is noticed."""
BYTES = 8 << 30
"""A test that wants more memory than this has run away."""


def sample(count: int, seed: int) -> dict[int, Mutant]:
    """Mutants drawn from all, numbered from 1."""
    packages = [word for crate in CRATES for word in ("-p", crate)]
    told = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "--diff", *packages], cwd=ROOT, check=True, capture_output=True
    )
    listed = json.loads(told.stdout)
    mutants = [mutant for mutant in listed if mutant["file"] not in INSTRUMENTS and PLANTED not in mutant["name"]]
    return dict(enumerate(random.Random(seed).sample(mutants, count), 1))


def clone(folder: Path) -> Path:
    """A fresh copy of the committed tree."""
    copy = folder / "agio"
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["git", "clone", "--quiet", "--shared", str(ROOT), str(copy)], check=True)
    return copy


def compile_tests(copy: Path, crates: tuple[str, ...]) -> tuple[bool, list[Any]]:
    """Builds the crates' tests, without examples and those in comments; what cargo says, as objects."""
    packages = [word for crate in crates for word in ("-p", crate)]
    command = ["cargo", "test", "--no-run", "--tests", "--locked", "--message-format=json", *packages]
    # Not `--cap-lints`: what the compiler says of a constant that is computed without end must stay an error.
    environment = os.environ | {"RUSTFLAGS": "--allow=warnings", "CARGO_PROFILE_DEV_DEBUG": "0"}
    done = subprocess.run(command, cwd=copy, capture_output=True, env=environment)
    return done.returncode == 0, [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


Programs = dict[str, list[Path]]


def programs(messages: list[Any]) -> Programs:
    """The test programs of each crate, the crate's own unit tests first."""
    built: dict[str, list[tuple[bool, Path]]] = {}
    for message in messages:
        if message.get("reason") == "compiler-artifact" and message["executable"] and message["profile"]["test"]:
            crate = "agio-" + Path(message["manifest_path"]).parent.name
            integration = message["target"]["kind"] == ["test"]
            built.setdefault(crate, []).append((integration, Path(message["executable"])))
    return {crate: [path for _, path in sorted(paths)] for crate, paths in built.items()}


def passes(copy: Path, crate: str, program: Path, number: int) -> bool:
    """Whether a test program passes in time; it is ended at its first failure."""
    process = subprocess.Popen(
        [program],
        cwd=copy / "rust" / crate.removeprefix("agio-"),
        env=os.environ | {"AGIO_MUTANT": str(number), "RUST_BACKTRACE": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
    )
    resource.prlimit(process.pid, resource.RLIMIT_AS, (BYTES, BYTES))
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    assert process.stdout is not None
    failed = any(line.startswith("test ") and line.endswith("FAILED\n") for line in process.stdout)
    if failed:
        process.kill()
    code = process.wait()
    timer.cancel()
    return code == 0 and not failed


def judge(copy: Path, built: Programs, mutant: Mutant, number: int) -> str:
    """Who notices the mutant: a crate's `tests`, the `simulator`, or nobody (`SURVIVED`)."""
    for crate in STAGES[mutant["package"]]:
        if not all(passes(copy, crate, program, number) for program in built[crate]):
            return "simulator" if crate == "agio-sim" else "tests"
    return "SURVIVED"


def build_all(folder: Path, mutants: dict[int, Mutant]) -> tuple[Path, Programs, dict[int, Mutant]]:
    """One build with as many mutants as it can have; those that it cannot have are left for builds of their own."""
    alone: dict[int, Mutant] = {}
    while True:
        copy, together = clone(folder), {n: mutant for n, mutant in mutants.items() if n not in alone}
        alone |= {n: mutants[n] for n in switch(copy, together)}
        built, messages = compile_tests(copy, (*CRATES, "agio-runner", "agio-sim"))
        if built:
            return copy, programs(messages), alone
        wrong = blamed(copy, messages) - alone.keys()
        if not wrong:
            sys.exit(f"the tree does not build:\n{[m['message']['rendered'] for m in messages if 'message' in m][:3]}")
        alone |= {n: mutants[n] for n in wrong}


def judge_alone(folder: Path, mutant: Mutant) -> str:
    """As [`judge`], in a build of its own; `compiler` if there is none."""
    copy = clone(folder)
    subprocess.run(["patch", "--quiet", "-p0"], cwd=copy, input=mutant["diff"].encode(), check=True)
    built, messages = compile_tests(copy, STAGES[mutant["package"]])
    return judge(copy, programs(messages), mutant, 0) if built else "compiler"


class Verdicts:
    """What is known, in a file if there is one."""

    def __init__(self, log: Path | None) -> None:
        self.log = log
        lines = log.read_text().splitlines() if log and log.exists() else []
        self.known = {name: verdict for verdict, _, name in (line.partition("\t") for line in lines)}

    def add(self, name: str, verdict: str) -> None:
        self.known[name] = verdict
        print(f"{verdict:10} {name}", flush=True)
        if self.log:
            with self.log.open("a") as out:
                out.write(f"{verdict}\t{name}\n")

    def summary(self, mutants: dict[int, Mutant]) -> str:
        total: Counter[tuple[str, str]] = Counter()
        for mutant in mutants.values():
            for crate in (mutant["package"], "all"):
                total[crate, self.known[mutant["name"]]] += 1
        lines = []
        for crate in (*CRATES, "all"):
            tests, simulator, lost = (total[crate, verdict] for verdict in ("tests", "simulator", "SURVIVED"))
            lines.append(
                f"{crate}: {tests + simulator} of {tests + simulator + lost} caught ({tests} by tests, {simulator} by "
                f"the simulator), {total[crate, 'compiler']} more do not compile"
            )
        return "\n".join(lines)


def main() -> None:
    """Draw, build, judge, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, help="a file of earlier verdicts to go on from")
    given = parser.parse_args()
    mutants, verdicts = sample(given.count, given.seed), Verdicts(given.log)
    missing = {n: mutant for n, mutant in mutants.items() if mutant["name"] not in verdicts.known}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.setdefault("CARGO_TARGET_DIR", str(folder / "target"))
        copy, built, alone = build_all(folder, missing)
        unnoticed = [crate for crate in built if not all(passes(copy, crate, path, 0) for path in built[crate])]
        if unnoticed:
            sys.exit(f"the tests of {unnoticed} fail without any mutant")
        for number in missing.keys() - alone.keys():
            verdicts.add(missing[number]["name"], judge(copy, built, missing[number], number))
        for mutant in alone.values():
            verdicts.add(mutant["name"], judge_alone(folder, mutant))
    print(verdicts.summary(mutants))


if __name__ == "__main__":
    main()
