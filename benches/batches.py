"""Batches of orders from Python into a shard of this process, beside the engine alone on the same orders.

Somebody takes rows all the while, as the projector does, and throws them away: SQL is not in the figure.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import threading
import time
from contextlib import contextmanager
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from agio import _core
from agio.shard import batch
from benches import engine, processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ORDERS_OF_A_BATCH = 1_024
UNDER_WAY = 16
"""Batches that are asked for before the first of them is answered."""
TIME = 1_700_000_000_000_000
"""Stands still, as in the engine's bench."""
SETTLED = 1
"""Seconds in which a new shard's next segment is prepared."""
DURABILITIES = ("fdatasync", "memory")


class Round(NamedTuple):
    """What was measured."""

    rate: float
    """Orders a second, by the clock."""
    engine: float
    """Orders a second that the engine's thread was on a core."""
    cpu: float
    """µs of an order, all threads."""
    state: str
    """Its hash."""


def measure(folder: Path, *, rounds: int, orders: int) -> Iterator[Figure]:
    """Rounds of as many orders, each beside one of the engine's own bench, which must come to the same state."""
    setup, *batches = packed(orders)
    ours: dict[str, list[Round]] = {durability: [] for durability in DURABILITIES}
    peers = []
    for _ in range(rounds):
        for durability, measured in ours.items():
            measured.append(_round(folder, durability, setup, batches, orders))
        (found,) = processes.rounds("log", engine.ROUND, folder, orders, 1)
        if any(measured[-1].state[: len(found["hash"])] != found["hash"] for measured in ours.values()):
            raise RuntimeError(f"the engine came to the state {found['hash']}, the shards to {ours}")
        peers.append({name: int(found[name]) for name in ("engine", "clock", "log")})
    yield _by_clock("batches from Python", "fdatasync", [each.rate for each in ours["fdatasync"]], peers, bar=0.5)
    yield _by_clock("engine with log, in the same rounds", "fdatasync", [peer["log"] for peer in peers], peers)
    yield _by_clock("batches, nothing synced", "memory", [each.rate for each in ours["memory"]], peers)
    on_core = [each.engine / peer["engine"] for each, peer in zip(ours["memory"], peers, strict=True)]
    cpu = f"all threads {number(median(each.cpu for each in ours['memory']))} µs an order"
    yield Figure(
        "their engine's thread", on_core, "×", peer="engine alone, CPU time", absolutes=cpu, durability="memory"
    )


def _by_clock(
    name: str, durability: str, rates: Sequence[float], peers: list[dict[str, int]], bar: float | None = None
) -> Figure:
    return Figure(
        name,
        [rate / peer["clock"] for rate, peer in zip(rates, peers, strict=True)],
        "×",
        peer="engine alone, by the clock",
        bar=bar,
        at_least=True,
        absolutes=f"{number(median(rates))} /s",
        durability=durability,
    )


def packed(orders: int) -> list[bytes]:
    """What lists, opens and funds, and then the order commands of the engine's bench."""
    program = str(processes.build("agio-runner", "orders"))
    told = subprocess.run([program, str(orders), str(ORDERS_OF_A_BATCH)], stdout=subprocess.PIPE, check=True).stdout
    batches, at = [], 0
    while at < len(told):
        end = at + 4 + int.from_bytes(told[at : at + 4], "little")
        batches.append(told[at + 4 : end])
        at = end
    return batches


def _round(folder: Path, durability: str, setup: bytes, batches: list[bytes], orders: int) -> Round:
    with TemporaryDirectory(dir=folder) as home:
        core = _core.Shard(home, projected=0, durability=durability, manual_time=TIME)
        with _rows_taken(core):
            _ask(core, [setup])
            time.sleep(SETTLED)
            before, begin = processes.cpu(os.getpid()), time.perf_counter()
            bodies = _ask(core, batches)
            took, cpu = time.perf_counter() - begin, processes.cpu(os.getpid()).since(before)
        answered = sum(1 for body in bodies for _ in batch.results(body))
        if answered != orders:
            raise RuntimeError(f"{answered} of {orders} orders were answered")
        core.position(0)
        state = json.loads(_answers(core)[0])["hash"]
        core.stop()
    return Round(orders / took, orders * 1e9 / cpu.by_name["agio-engine"], cpu.all / orders / 1e3, state)


def _ask(core: _core.Shard, batches: list[bytes]) -> list[bytes]:
    """Asks all, so many ahead of the answers; the bodies."""
    bodies: list[bytes] = []
    asked = 0
    while len(bodies) < len(batches):
        while asked < min(len(batches), len(bodies) + UNDER_WAY):
            core.batch(asked, batches[asked])
            asked += 1
        bodies.extend(_answers(core))
    return bodies


def _answers(core: _core.Shard) -> list[bytes]:
    """The next ones that come."""
    core.rouse()
    select.select([core], [], [], 10)
    return [body for _, _, body, _, _ in core.drain()[1]]


@contextmanager
def _rows_taken(core: _core.Shard) -> Iterator[None]:
    """While a thread takes them."""
    done = threading.Event()

    def take() -> None:
        while not done.is_set():
            core.rows(50)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
