"""The order book: beside open-source peers on the same messages, and against its own bars."""

from __future__ import annotations

import shutil
import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benches import peers, processes
from benches.figure import Figure, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

REGIMES = ("still", "walk", "trend", "swings", "crash")
OURS = ("single", "batch", "single-spot", "batch-spot")
PATIENCE = 3.0
"""Seconds; what takes a peer longer than this is run once, not in every pair."""


class Line(NamedTuple):
    """What an engine tells of one file."""

    mode: str
    file: str
    rate: float
    """Messages a second: by the matching thread's time on the processor, or by the clock if that is kinder."""
    seconds: float
    trades: tuple[str, ...]


def measure(folder: Path, *, pairs: int, messages: int, deep: int, beside: bool) -> Iterator[Figure]:
    """Interleaved runs of ours and of each peer that can be installed; then what callgrind, clock and memory say."""
    program = str(processes.build("agio-book-bench"))
    files = folder / "book"
    files.mkdir()
    subprocess.run([program, "write", files, str(messages)], check=True)
    paths = sorted(map(str, files.iterdir()))
    commands = _commands() if beside else {}
    slow: dict[tuple[str, str], Line] = {}
    rates = Rates([list(_pair(program, commands, paths, slow)) for _ in range(pairs)])
    yield from _beside_peers(rates, list(commands))
    yield _lives(program, pairs, messages * 5)
    yield from _instructions(program, messages * 4)
    yield _latency(program, messages * 5)
    yield from _scale(program, messages * 5, deep)


def _commands() -> dict[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    for peer in peers.PEERS:
        try:
            found[f"{peer.name} {peer.version}"] = peers.command(peer)
        except peers.NotInstalledError as error:
            print(f"left out: {error}", file=sys.stderr, flush=True)
    return found


def _pair(
    program: str, commands: dict[str, Sequence[str]], paths: Sequence[str], slow: dict[tuple[str, str], Line]
) -> Iterator[Line]:
    """Ours and every peer on every file. All must come to the same trades."""
    ours = _told([program, "peer"], paths)
    yield from ours
    trades = {line.file: line.trades for line in ours if line.mode == "single"}
    for name, command in commands.items():
        for path in paths:
            line = slow.get((name, path))
            if line is None:
                line = _told(command, [path])[0]._replace(mode=name)
                if any(told not in ("-", right) for told, right in zip(line.trades, trades[path], strict=True)):
                    raise RuntimeError(f"{name} on {path}: trades {line.trades} instead of {trades[path]}")
                _remember(slow, line)
            yield line


def _remember(slow: dict[tuple[str, str], Line], line: Line) -> None:
    if line.seconds > PATIENCE:
        slow[line.mode, line.file] = line


def _told(command: Sequence[str], paths: Sequence[str]) -> list[Line]:
    told = subprocess.run(
        [*command, *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
        env=processes.HUGE_PAGES,
    )
    return [_line(line.split()) for line in told.stdout.splitlines() if line.startswith((*OURS, "peer"))]


def _line(words: Sequence[str]) -> Line:
    mode, file, count, clock, busy, *trades = words
    spent = min(float(clock), float(busy) or float(clock))  # a short run of a peer may not be told in processor time
    return Line(mode, file, int(count) / spent, float(clock), tuple(trades))


class Rates:
    """Messages a second by engine, file and pair."""

    def __init__(self, runs: Sequence[Sequence[Line]]) -> None:
        self._rates: dict[str, dict[str, list[float]]] = {}
        for line in (line for run in runs for line in run):
            self._rates.setdefault(line.mode, {}).setdefault(line.file.rpartition("/")[2], []).append(line.rate)

    def of(self, mode: str, regime: str, lives: str) -> list[float]:
        return self._rates[mode][f"{regime}-{lives}"]

    def worst(self, mode: str, lives: str) -> tuple[str, list[float]]:
        """The regime with the lowest median, and its rates."""
        rates = {regime: self.of(mode, regime, lives) for regime in REGIMES}
        return min(rates.items(), key=lambda item: median(item[1]))


def _beside_peers(rates: Rates, names: Sequence[str]) -> Iterator[Figure]:
    """Each engine in its own worst regime."""
    for lives in ("short", "overlapping"):
        best = max((rates.worst(name, lives)[1] for name in names), key=median, default=[])
        for mode, what in (("batch", "in batches"), ("single", "one by one")):
            regime, ours = rates.worst(mode, lives)
            name = f"book {what}, {lives} lives, {regime}"
            if not best:
                yield Figure(name, [rate / 1e6 for rate in ours], "M/s")
                continue
            bar = 5.0 if mode == "batch" else None
            ratios = [rate / theirs for rate, theirs in zip(ours, best, strict=True)]
            absolutes = f"{number(median(ours) / 1e6)} to {number(median(best) / 1e6)} M/s"
            yield Figure(
                name, ratios, "×", peer=f"best of {len(names)} peers", bar=bar, at_least=True, absolutes=absolutes
            )
        for mode, what in (("batch-spot", "in batches"), ("single-spot", "one by one")):
            regime, ours = rates.worst(mode, lives)
            name = f"book with the exchange's policy {what}, {lives} lives, {regime}"
            yield Figure(name, [rate / 1e6 for rate in ours], "M/s")
        for name in names:
            regime, theirs = rates.worst(name, lives)
            yield Figure(f"{name}, {lives} lives, {regime}", [rate / 1e6 for rate in theirs], "M/s")


def _lives(program: str, pairs: int, messages: int) -> Figure:
    """Arbitrary ids and cold orders, as a share of counted ids and young orders in a book of the same size.

    Both are the flash crash on 100,000 resting orders, and have about as many fills.
    """
    runs = [Profiled(program, lives, messages, "100000", "1000") for lives in ("0", "1")]
    shares = []
    for _ in range(pairs):
        young, cold = (float(run.checked(_text(run.command)).split("cpu ")[1].split(",")[0]) for run in runs)
        shares.append(cold / young)
    return Figure(
        "book in batches, cold orders to young ones, 100,000 resting",
        shares,
        "×",
        peer="itself",
        bar=0.7,
        at_least=True,
    )


class Profiled:
    """The flash crash in batches, without the twin in the same process, and the checksum that it must come to."""

    def __init__(self, program: str, lives: str, messages: int, *resting: str) -> None:
        words = ["4", lives, "1", str(messages), "1", *resting]
        self.command = [program, "one", *words]
        self._sum = _text([program, "twin", *words]).strip()

    def checked(self, told: str) -> str:
        """What the run told; RuntimeError when its events were others than the twin's."""
        if told.split()[-1] != self._sum:
            raise RuntimeError(f"{self.command}: {told.strip()} instead of {self._sum}")
        return told


def _text(command: Sequence[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=processes.HUGE_PAGES).stdout


def _instructions(program: str, messages: int) -> Iterator[Figure]:
    """By callgrind, where it is installed: the same on every machine and in every weather."""
    if shutil.which("valgrind") is None:
        print("left out: instructions a message need valgrind", file=sys.stderr, flush=True)
        return
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*in_batches*"]
    for lives, what in (("0", "short"), ("1", "overlapping")):
        run = Profiled(program, lives, messages)
        told = subprocess.run([*tool, *run.command], capture_output=True, text=True, check=True)
        run.checked(told.stdout)
        collected = next(line for line in told.stderr.splitlines() if "Collected" in line)
        count = int(collected.split()[-1]) / messages
        yield Figure(f"book in batches, {what} lives, instructions a message", [count], "", bar=250)


def _latency(program: str, messages: int) -> Figure:
    """p99.9 of one operation above that of an empty one: in the worst regime."""
    told = _text([program, "latency", str(messages)])
    rows = [(line.split()[0], float(line.split()[3])) for line in told.splitlines()[2:]]
    above = {regime: there - empty for (_, empty), (regime, there) in zip(rows[::2], rows[1::2], strict=True)}
    worst = max(above, key=above.__getitem__)
    absolutes = f"from {number(min(above.values()))} µs on; empty {number(rows[0][1])} µs"
    name = f"book, p99.9 of one operation above an empty one, {worst.lower()}"
    return Figure(name, [above[worst]], "µs", bar=2, absolutes=absolutes)


def _scale(program: str, messages: int, deep: int) -> Iterator[Figure]:
    """What a message costs in a deep book, and what an order takes in memory."""
    told = _text([program, "scale", str(messages), str(deep)])
    rows = [list(map(float, line.removesuffix(" us").split())) for line in told.splitlines()[1:]]
    first, last = rows[0], rows[-1]
    size = f"{last[0]:,.0f} orders, {last[1]:,.0f} levels"
    for column, what in ((3, "in batches"), (2, "one by one")):
        absolutes = f"{number(first[column])} to {number(last[column])} M/s"
        yield Figure(f"book {what}, cost at {size}", [first[column] / last[column]], "×", "1,000", 2, False, absolutes)
    reads = f"{number(last[2])} M/s to {number(last[4])} M dependent reads a second in as much memory"
    yield Figure(f"book one by one at {size}, a message", [last[4] / last[2]], "reads", absolutes=reads)
    yield Figure("book, memory of a resting order, most", [max(row[5] for row in rows[1:])], "bytes", bar=64)
    worst = [row[6] / 1e3 for row in rows]
    yield Figure(f"book, longest single insertion while it grows to {last[0]:,.0f}", [max(worst)], "ms of CPU")
