"""How long an acknowledgement takes at half of the shard's peak: a Rust program that prints a line a round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benches import processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUND = re.compile(
    r"round \d+: peak (?P<peak>\d+) /s, asked (?P<asked>\d+) /s, acknowledged in (?P<ack50>\d+) / (?P<ack99>\d+) us, "
    r"over its sync (?P<over50>\d+) / (?P<over99>\d+) us, probe (?P<probe50>\d+) / (?P<probe99>\d+) us, "
    r"sync (?P<sync50>\d+) / (?P<sync99>\d+) us, \d+ frames"
)
#: It groups what has come since its last sync, as the shard does, and applies nothing.
PEER = "group commit and nothing else, same requests"


def measure(folder: Path, *, rounds: int, commands: int) -> Iterator[Figure]:
    """Rounds of a shard fed at half of its peak; after each the probe, fed with the same bytes at the same moments."""
    told = processes.rounds("latency", ROUND, folder, commands, rounds)
    found = [{name: int(value) for name, value in each.items()} for each in told]

    def median(name: str) -> str:
        return number(Figure("", [each[name] for each in found], "").value)

    yield Figure(
        "acknowledgement beyond its own fdatasync, p50",
        [each["over50"] for each in found],
        "µs",
        bar=100,
        absolutes=f"{median('ack50')} µs at {median('asked')} /s, half of the peak; the sync {median('sync50')} µs",
        durability="fdatasync",
    )
    yield Figure(
        "acknowledgement beyond the probe's, p50",
        [each["ack50"] - each["probe50"] for each in found],
        "µs",
        peer=PEER,
        absolutes=f"{median('ack50')} to {median('probe50')} µs",
        durability="fdatasync",
    )
    yield Figure(
        "acknowledgement to the probe's, p99",
        [each["ack99"] / max(each["probe99"], 1) for each in found],
        "×",
        peer=PEER,
        bar=1.5,
        absolutes=f"{median('ack99')} to {median('probe99')} µs",
        durability="fdatasync",
    )
