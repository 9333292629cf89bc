"""The simulator: seeds through crashes, bad disks, bad clocks and bad clients, every command audited."""

import secrets
import time

import pytest

from agio.cli.sim import tally, total
from agio.shard import simulation
from agio.shard.simulation import Run

FIXED = range(1, 21)


def check(runs: list[Run]) -> None:
    found = [f"seed {run.seed}: {run.finding.check}: {run.finding.what}\n{run.again}" for run in runs if run.finding]
    assert not found, "\n".join(found)


def test_twenty_seeds_that_everybody_runs() -> None:
    begun = time.process_time()
    runs = [simulation.run(seed) for seed in FIXED]
    seconds = time.process_time() - begun
    check(runs)
    counts = total(runs)
    print(
        f"{counts['commands'] / seconds:,.0f} commands, {counts['recoveries'] / seconds:,.0f} recoveries a CPU second"
    )
    assert counts["commands"] > 100_000
    assert min(counts[name] for name in ("recoveries", "torn", "poisons", "stops", "trades")) > 5


def test_twenty_seeds_that_nobody_has_run() -> None:
    first = secrets.randbits(48)
    print(f"agio sim --seed {first} --seeds 20")
    check([simulation.run(seed) for seed in range(first, first + 20)])


def test_a_seed_does_the_same_twice() -> None:
    once, again = simulation.run(7), simulation.run(7)
    assert (once.counts, once.places, once.fingerprint) == (again.counts, again.places, again.fingerprint)
    assert once.fingerprint != simulation.run(8).fingerprint


@pytest.mark.timeout(400)
def test_processes_die_before_during_and_after_every_call_to_the_disk() -> None:
    runs: list[Run] = []
    places = {f"{phase}: {call} {file}" for phase, call, file in simulation.known().places}
    missing = {"all"}
    for seed in range(1, 600):
        run = simulation.run(seed, requests=1_500)
        check([run])
        runs.append(run)
        rows = {f"{row['while']}: {row['call']}": row for row in tally(runs) if row["while"] != "replay"}
        assert rows.keys() <= places, "a call that the table of places does not name"
        alive = {
            name for name, row in rows.items() if not all(row[when] for when in ("died before", "during", "after"))
        }
        missing = alive | (places - rows.keys())
        if not missing:
            break
    print(f"{len(runs)} seeds, {len(places)} places")
    assert not missing


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_an_hour_of_seeds_that_nobody_has_run() -> None:
    first, until = secrets.randbits(48), time.monotonic() + 3_600
    print(f"agio sim --seed {first}")
    seed = first
    while time.monotonic() < until:
        check([simulation.run(seed)])
        seed += 1
    print(f"{seed - first} seeds")
