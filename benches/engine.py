"""The engine alone, with its log, read back, and large: Rust programs that print a line a round."""

from __future__ import annotations

import os
import re
import subprocess
import time
from statistics import median
from typing import TYPE_CHECKING

from benches import processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUND = re.compile(
    r"round \d+: engine (?P<engine>\d+) /s, by the clock (?P<clock>\d+) /s, with log (?P<log>\d+) /s, "
    r"of a core \d+ /s, probe (?P<probe>\d+) /s, (?P<frames>\d+) frames, hash (?P<hash>\w+), "
    r"replay (?P<replay>\d+) /s"
)
SMALL, LARGE = ("2", "1000"), ("1000", "1000000")
"""Markets and accounts."""
COMMAND = re.compile(r"best: (?P<ns>[\d.]+) ns a command")
STORY = re.compile(r"round 1: +[\d.]+ ns a command, (?P<story>.+)")
"""Events, fills, refusals, a checksum, and the beginning of the state's hash."""
STATE = re.compile(r"restored in (?P<restore>[\d.]+) ms")


def measure(folder: Path, *, rounds: int, commands: int) -> Iterator[Figure]:
    """Interleaved rounds of engine, engine with log, and probe; the state's hash must be the same in all of them."""
    found = processes.rounds("log", ROUND, folder, commands, rounds)
    if len({each["hash"] for each in found}) != 1:
        raise RuntimeError(f"the same commands came to several states: {found}")
    alone, clock, log, probe = ([int(each[name]) for each in found] for name in ("engine", "clock", "log", "probe"))
    yield Figure(
        "engine alone, order commands", alone, "/s", bar=1_000_000, at_least=True, absolutes="CPU time, one core"
    )
    ratios = [ours / min(c, p) for ours, c, p in zip(log, clock, probe, strict=True)]
    absolutes = f"{number(median(log))} /s; probe {number(median(probe))} /s"
    peer = "lower of engine and probe, by the clock"
    yield Figure(
        "engine with log", ratios, "×", peer=peer, bar=0.7, at_least=True, absolutes=absolutes, durability="fdatasync"
    )
    replays = [int(each["replay"]) for each in found]
    yield Figure(
        "replay of its log",
        [replay / rate for replay, rate in zip(replays, clock, strict=True)],
        "×",
        peer="engine alone, by the clock",
        bar=0.8,
        at_least=True,
        absolutes=f"{number(median(replays))} /s",
    )
    yield from _scale(folder, rounds=rounds, commands=commands)


def _scale(folder: Path, *, rounds: int, commands: int) -> Iterator[Figure]:
    """A large exchange beside a small one, in turns and with huge pages, and its state read back."""
    small, large, restores, reads = [], [], [], []
    snapshot = folder / "snapshot"
    stories: set[tuple[str, str]] = set()
    for _ in range(rounds):
        few, many = _bench(commands, *SMALL), _bench(commands, *LARGE, str(snapshot))
        small.append(float(_told(COMMAND, few)["ns"]))
        large.append(float(_told(COMMAND, many)["ns"]))
        restores.append(float(_told(STATE, many)["restore"]))
        reads.append(_read(snapshot))
        stories.add((_told(STORY, few)["story"], _told(STORY, many)["story"]))
    if len(stories) != 1:
        raise RuntimeError(f"the same commands came to several states: {stories}")
    yield Figure(
        "a command with 1,000 markets and 1,000,000 accounts",
        [ours / peer for ours, peer in zip(large, small, strict=True)],
        "×",
        peer="2 markets and 1,000 accounts, huge pages",
        bar=2,
        absolutes=f"{number(median(large))} to {number(median(small))} ns of CPU",
    )
    yield Figure(
        "its state restored",
        [read / restore for read, restore in zip(reads, restores, strict=True)],
        "×",
        peer="a file of that size read from the disk",
        bar=0.5,
        at_least=True,
        absolutes=f"{number(median(restores))} to {number(median(reads))} ms, {snapshot.stat().st_size >> 20} MB",
    )


def _bench(commands: int, *scale: str) -> str:
    program = processes.build("agio-engine", "bench")
    command = [str(program), str(commands), "1", *scale]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=processes.HUGE_PAGES).stdout


def _told(pattern: re.Pattern[str], text: str) -> dict[str, str]:
    found = pattern.search(text)
    if found is None:
        raise RuntimeError(f"the engine's bench told something else:\n{text}")
    return found.groupdict()


def _read(path: Path) -> float:
    """Milliseconds that a file takes which is in no cache."""
    with path.open("rb", buffering=0) as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        into, begin = bytearray(path.stat().st_size), time.perf_counter()
        while file.readinto(into):
            pass
        return (time.perf_counter() - begin) * 1e3
