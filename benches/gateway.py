"""Signed orders over REST, everything on, beside the same server with an empty handler."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from benches import processes, watching
from benches.figure import Figure, number
from benches.generator import CONNECTIONS, Generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benches.processes import Exchange

SETTLE = 0.3
"""Seconds after a run in which the projector catches up, so that its CPU counts."""
DURABILITY = "fdatasync"
PEER = "the same server, empty handler"
GRANIAN = "granian, empty handler"
RIVAL = (11_000, 2_100)
"""Resting and crossing orders a second of the best known open C server, which acknowledges before it is durable."""


class Leg(NamedTuple):
    """One run of the generator against one process."""

    found: Mapping[str, Any]
    gateway: float
    """µs of CPU a request."""
    all: float


class Bench:
    """An exchange, its peer, and the counts of what was acknowledged."""

    def __init__(
        self, generator: Generator, exchange: Exchange, peers: tuple[tuple[int, str], tuple[int, str]], orders: int
    ) -> None:
        self._generator = generator
        self._exchange = exchange
        self._peers = peers
        self._orders = orders
        self._pairs = 0
        self.accepted = self.filled = 0
        self.samples: dict[str, list[float]] = defaultdict(list)

    def pair(self) -> None:
        """The peers, orders that rest, and orders that fill them: afterwards the book is as before."""
        users = self._users()
        self._pairs += 1
        empty, granian = (self._leg("resting", peer, users, self._orders) for peer in self._peers)
        with watching.watch_lag(self._exchange) as lags:
            resting = self._trade("resting", users)
        crossing = self._trade("crossing", users)
        in_body = self._trade("resting", users, in_body=True)
        self._trade("crossing", users)
        add = self._add
        add(empty_cpu=empty.gateway, empty_rate=empty.found["rate"])
        add(gateway=resting.gateway, all=resting.all, rate=resting.found["rate"], p99=resting.found["latency"]["p99"])
        add(gateway_ratio=resting.gateway / empty.gateway, rate_ratio=resting.found["rate"] / empty.found["rate"])
        add(granian_cpu=granian.gateway, granian_ratio=resting.gateway / granian.gateway)
        add(granian_rate=granian.found["rate"], granian_rate_ratio=resting.found["rate"] / granian.found["rate"])
        add(body_ratio=in_body.gateway / empty.gateway, body_cpu=in_body.gateway)
        add(crossing=crossing.all, crossing_rate=crossing.found["rate"], crossing_ratio=crossing.all / resting.all)
        add(lag=_p99(lags))

    def reports(self) -> None:
        """At half the rate: from acknowledgement to execution report."""
        users, orders = self._users(), self._orders
        half = sorted(self.samples["rate"])[len(self.samples["rate"]) // 2] / 2
        ws_api = self._exchange.ready["ws_api"].removeprefix("ws://").partition("/")[0]
        found = self._trade("resting", users, rate=half, reports=ws_api).found
        if found["reports"] != orders:
            raise RuntimeError(f"{found['reports']} execution reports of {orders} orders")
        self._trade("crossing", users)
        self._add(half=half, report=found["report_after_ack"]["p99"] / 1e3, half_p99=found["latency"]["p99"])

    def check(self) -> None:
        """What history has must equal what was acknowledged."""
        counts = watching.counted(self._exchange, self.accepted)
        if counts != (self.accepted, self.filled):
            raise RuntimeError(f"acknowledged: {self.accepted} orders, {self.filled} fills; in history: {counts}")

    def _users(self) -> list[dict[str, str]]:
        """Who buys and who sells: they take turns, so that neither runs out of money."""
        return self._exchange.users[:: (1, -1)[self._pairs % 2]]

    def _add(self, **samples: float) -> None:
        for name, value in samples.items():
            self.samples[name].append(value)

    def _trade(self, mode: str, users: list[dict[str, str]], **more: Any) -> Leg:
        leg = self._leg(mode, (self._exchange.pid, self._exchange.address), users, self._orders, **more)
        fills = self._orders if mode == "crossing" else 0
        if leg.found["filled"] != fills:
            raise RuntimeError(f"{leg.found['filled']} of {fills} orders filled")
        self.accepted += leg.found["accepted"]
        self.filled += fills
        return leg

    def _leg(self, mode: str, at: tuple[int, str], users: list[dict[str, str]], orders: int, **more: Any) -> Leg:
        pid, address = at
        before = processes.cpu(pid)
        found = self._generator(mode, address, users, orders, **more)
        time.sleep(SETTLE)
        spent = processes.cpu(pid).since(before)
        return Leg(found, spent.gateway / orders / 1e3, spent.all / orders / 1e3)


def measure(folder: Path, *, pairs: int, orders: int) -> Iterator[Figure]:
    """Runs `pairs` interleaved pairs of `orders` each, after one that warms up and does not count."""
    generator = Generator(processes.build("agio-load"))
    with ExitStack() as stack:
        modules = ("benches.empty", "benches.granian_empty")
        own, granian = (stack.enter_context(processes.empty_handler(module)) for module in modules)
        exchange = stack.enter_context(processes.exchange(folder / "gateway"))
        received = stack.enter_context(watching.depth(exchange))
        bench = Bench(generator, exchange, (own, granian), orders)
        bench.pair()
        bench.samples.clear()
        for _ in range(pairs):
            bench.pair()
            bench.reports()
        bench.check()
        if not received[0]:
            raise RuntimeError("the depth subscriber got nothing")
    yield from _figures(bench.samples, f"generator {generator.busiest:.0f} µs a request")


def _figures(samples: Mapping[str, list[float]], generator: str) -> Iterator[Figure]:
    def mid(name: str) -> str:
        return number(Figure("", samples[name], "").value)

    def figure(name: str, key: str, unit: str, bar: float | None, absolutes: str = "", **more: Any) -> Figure:
        return Figure(name, samples[key], unit, bar=bar, absolutes=absolutes, durability=DURABILITY, **more)

    cpus = f"{mid('gateway')} to {mid('empty_cpu')} µs; {generator}"
    yield figure(f"gateway CPU, {CONNECTIONS} connections", "gateway_ratio", "×", 1.8, cpus, peer=PEER)
    cpus = f"{mid('gateway')} to {mid('granian_cpu')} µs"
    yield figure("the same", "granian_ratio", "×", 1.8, cpus, peer=GRANIAN)
    body = f"{mid('body_cpu')} µs"
    yield figure("gateway CPU, parameters in the body", "body_ratio", "×", None, body, peer=PEER)
    rates = f"{mid('rate')} to {mid('empty_rate')} /s"
    yield figure("gateway rate", "rate_ratio", "×", 0.6, rates, peer=PEER, at_least=True)
    rates = f"{mid('rate')} to {mid('granian_rate')} /s"
    yield figure("the same", "granian_rate_ratio", "×", 0.6, rates, peer=GRANIAN, at_least=True)
    yield figure("CPU of all processes, resting order", "all", "µs", 140)
    fills = f"{mid('crossing')} to {mid('all')} µs"
    yield figure("CPU, order with one fill", "crossing_ratio", "×", 1.5, fills, peer="resting order")
    for name, key, rival in (("resting", "rate", RIVAL[0]), ("crossing", "crossing_rate", RIVAL[1])):
        p99 = f"p99 {number(Figure('', samples['p99'], '').value / 1e3)} ms" if key == "rate" else ""
        yield figure(f"{name} orders", key, "/s", rival, p99, peer="open C server", at_least=True)
    yield figure("history lag p99, at that rate", "lag", "ms", 250)
    report = f"{mid('half')} /s, answers p99 {number(Figure('', samples['half_p99'], '').value / 1e3)} ms"
    yield figure("acknowledgement to report p99", "report", "ms", 5, report)


def _p99(values: list[float]) -> float:
    return sorted(values)[len(values) * 99 // 100]
