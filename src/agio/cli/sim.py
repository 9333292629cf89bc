"""`agio sim`: seeds through the simulator."""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from agio.cli.options import json_option, say_json, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agio.shard.simulation import Run


@click.command()
@click.option("--seeds", default=20, show_default=True, type=click.IntRange(1), help="How many seeds.")
@click.option("--seed", "first", type=int, help="The first seed; alone, the only one.  [default: 1]")
@click.option("--fresh", is_flag=True, help="Begin at a seed that nobody has chosen.")
@click.option("--lives", default=0, help="How often the process is started, at most.")
@click.option("--requests", default=0, help="The most requests of one life.")
@click.option("--accounts", default=0, help="How many accounts trade.")
@click.option("--without", multiple=True, metavar="KIND", help="Leaves a kind of trouble out; `--kinds` lists them.")
@click.option("--kinds", is_flag=True, help="Lists the kinds of trouble, and stops.")
@click.option("--shrink", is_flag=True, help="Looks for a smaller run that finds the same.")
@click.option("--places", is_flag=True, help="Shows where processes have died: every call to the disk.")
@json_option
@click.pass_context
def sim(context: click.Context, /, seeds: int, first: int | None, **chosen: Any) -> None:
    """Run the exchange's core through crashes, bad disks, bad clocks and bad clients, and audit every command.

    A seed decides everything. Ends with 1 when something is found, and prints the command that repeats it.
    """
    from agio.shard import simulation

    if chosen.pop("kinds"):
        table([{"kind": name, "what": what} for name, what in simulation.known().kinds])
        return
    alone = first is not None and context.get_parameter_source("seeds") is click.core.ParameterSource.DEFAULT
    begin = secrets.randbits(48) if chosen.pop("fresh") else first or 1
    shrink, places, as_json = chosen.pop("shrink"), chosen.pop("places"), chosen.pop("as_json")
    numbers = {**chosen, "without": list(chosen["without"])}
    cpu = time.process_time()
    runs = _run_all(range(begin, begin + (1 if alone else seeds)), lambda seed: simulation.run(seed, **numbers))
    seconds = time.process_time() - cpu
    if shrink:
        runs = [simulation.run(run.seed, shrink=True, **numbers) if run.finding else run for run in runs]
    if as_json:
        say_json({"seconds": seconds, "runs": [_plain(run) for run in runs]})
    else:
        _tell(runs, seconds)
        if places:
            table(tally(runs))
    if any(run.finding for run in runs):
        raise SystemExit(1)


def _run_all(seeds: range, run: Callable[[int], Run]) -> list[Run]:
    """All seeds, with progress."""
    label = f"seeds from {seeds[0]}"
    with click.progressbar(seeds, label=label, show_pos=True, file=sys.stderr) as progress:
        return [run(seed) for seed in progress]


def _tell(runs: list[Run], seconds: float) -> None:
    for run in runs:
        if run.finding:
            click.echo(f"FOUND in seed {run.seed}, life {run.life}: {run.finding.check}: {run.finding.what}")
            click.echo(f"  again: {run.again}")
    counts = total(runs)
    click.echo(
        f"{len(runs)} seeds from {runs[0].seed}: {counts['commands']:,} commands audited, {counts['trades']:,} trades, "
        f"{counts['starts']:,} starts, {counts['recoveries']:,} recoveries, {counts['torn']:,} torn tails, "
        f"{counts['poisons']:,} commands that broke the engine"
    )
    damages: Counter[str] = Counter()
    for run in runs:
        damages.update({outcome: times for _, outcome, times in run.damages})
    click.echo(
        "damage on copies: " + ", ".join(f"{times:,} {outcome.lower()}" for outcome, times in sorted(damages.items()))
    )
    if seconds:
        pace = {name: counts[name] / seconds for name in ("commands", "recoveries")}
        click.echo(f"{pace['commands']:,.0f} commands and {pace['recoveries']:,.0f} recoveries a CPU second")


def total(runs: Iterable[Run]) -> Counter[str]:
    """The sums of all runs."""
    sums: Counter[str] = Counter()
    for run in runs:
        sums.update(run.counts)
    return sums


def tally(runs: Iterable[Run]) -> list[dict[str, Any]]:
    """Calls and deaths of each place, over all runs."""
    rows: dict[tuple[str, str, str], list[int]] = {}
    for run in runs:
        for phase, call, file, calls, deaths in run.places:
            row = rows.setdefault((phase, call, file), [0, 0, 0, 0])
            for index, number in enumerate((calls, *deaths)):
                row[index] += number
    names = ("calls", "died before", "during", "after")
    return [
        {"while": phase, "call": f"{call} {file}", **dict(zip(names, numbers, strict=True))}
        for (phase, call, file), numbers in sorted(rows.items())
    ]


def _plain(run: Run) -> Any:
    import msgspec

    return msgspec.to_builtins(run)
