"""Batches of orders from Python into a shard of this process, beside the engine alone on the same orders.

Somebody takes rows all the while, as the projector does, and throws them away: SQL is not in the figure.
"""

from __future__ import annotations

import json
import select
import subprocess
import threading
import time
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from agio import _core
from agio.shard import batch
from benches import engine, processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORDERS_OF_A_BATCH = 1_024
UNDER_WAY = 16
"""Batches that are asked for before the first of them is answered."""
TIME = 1_700_000_000_000_000
"""Stands still, as in the engine's bench."""
SETTLED = 1
"""Seconds in which a new shard's next segment is prepared."""
FIGURES = {"fdatasync": ("batches from Python", 0.5), "memory": ("the same, without a disk", None)}


def measure(folder: Path, *, rounds: int, orders: int) -> Iterator[Figure]:
    """Rounds of as many orders, each beside one of the engine's own bench, which must come to the same state."""
    setup, *batches = packed(orders)
    rates: dict[str, list[float]] = {durability: [] for durability in FIGURES}
    peers = []
    for _ in range(rounds):
        states = set()
        for durability, measured in rates.items():
            rate, state = _round(folder, durability, setup, batches, orders)
            measured.append(rate)
            states.add(state)
        (found,) = processes.rounds("log", engine.ROUND, folder, orders, 1)
        if {state[: len(found["hash"])] for state in states} != {found["hash"]}:
            raise RuntimeError(f"the engine came to the state {found['hash']}, the shards to {states}")
        peers.append(found)
    logged = number(Figure("", [int(found["log"]) for found in peers], "").value)
    for durability, (name, bar) in FIGURES.items():
        ratios = [rate / int(found["clock"]) for rate, found in zip(rates[durability], peers, strict=True)]
        rate = number(Figure("", rates[durability], "").value)
        yield Figure(
            name,
            ratios,
            "×",
            peer="engine alone, by the clock",
            bar=bar,
            at_least=True,
            absolutes=f"{rate} /s; engine with log {logged} /s",
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


def _round(folder: Path, durability: str, setup: bytes, batches: list[bytes], orders: int) -> tuple[float, str]:
    with TemporaryDirectory(dir=folder) as home:
        core = _core.Shard(home, projected=0, durability=durability, manual_time=TIME)
        with _rows_taken(core):
            _ask(core, [setup])
            time.sleep(SETTLED)
            begin = time.perf_counter()
            bodies = _ask(core, batches)
            took = time.perf_counter() - begin
        answered = sum(1 for body in bodies for _ in batch.results(body))
        if answered != orders:
            raise RuntimeError(f"{answered} of {orders} orders were answered")
        core.position(0)
        state = json.loads(_answers(core)[0])["hash"]
        core.stop()
    return orders / took, state


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
