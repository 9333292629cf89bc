"""The engine alone, and with its log: Rust programs that print a line a round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benches import processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUND = re.compile(
    r"round \d+: engine (?P<engine>\d+) /s, by the clock (?P<clock>\d+) /s, with log (?P<log>\d+) /s, "
    r"of a core \d+ /s, probe (?P<probe>\d+) /s, (?P<frames>\d+) frames, hash (?P<hash>\w+)"
)


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
    absolutes = f"{number(Figure('', log, '').value)} /s; probe {number(Figure('', probe, '').value)} /s"
    peer = "lower of engine and probe, by the clock"
    yield Figure(
        "engine with log", ratios, "×", peer=peer, bar=0.7, at_least=True, absolutes=absolutes, durability="fdatasync"
    )
