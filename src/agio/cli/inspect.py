"""`agio inspect`: what the log says."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from agio.cli.options import folder_option, interruptible, json_option, say_json
from agio.domain.money import text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NONE = "the log ends before command {}: `agio verify` tells where"


@click.group()
def inspect() -> None:
    """Read the log: commands, events, an order's story."""


def _records(folder: Path, first: int = 1) -> Iterator[dict[str, Any]]:
    from agio.adapters.files.folder import log_of
    from agio.shard import log

    with interruptible():
        yield from log.records(str(log_of(folder)), first)


def _when(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@inspect.command()
@click.argument("first", type=click.IntRange(1), default=1)
@click.option("--count", type=click.IntRange(1), default=20, show_default=True, help="How many commands.")
@folder_option
@json_option
def log(first: int, count: int, folder: Path, as_json: bool) -> None:
    """Commands from sequence FIRST on, with the events that they caused."""
    told = 0
    for record in islice(_records(folder, first), count):
        told += 1
        if as_json:
            say_json(record)
        else:
            _tell(record)
    if told < count:
        click.echo(f"the log ends with command {first + told - 1}" if told else NONE.format(first), err=True)


def _tell(record: dict[str, Any]) -> None:
    (name, fields), *_ = record["command"].items()
    click.echo(f"{record['sequence']:>10}  {_when(record['time'])}  {name} {_brief(fields)}")
    for event in record["events"]:
        (kind, facts), *_ = event.items()
        click.echo(f"{'':>12}{kind} {_brief(facts)}")


def _brief(fields: dict[str, Any]) -> str:
    flat = {name: value for name, value in fields.items() if not isinstance(value, dict) and value not in (None, "")}
    return " ".join(f"{name}={value}" for name, value in flat.items())


@inspect.command()
@click.argument("number", type=int)
@click.option("--symbol", help="The order's market, such as BTCUSDT; by default all that have such an order.")
@folder_option
@json_option
def order(number: int, symbol: str | None, folder: Path, as_json: bool) -> None:
    """Tell the story of order NUMBER: each command and event that touched it."""
    symbols: dict[int, str] = {}
    found = False
    for record in _records(folder):
        for event in record["events"]:
            if changed := event.get("MarketChanged"):
                symbols[changed["market"]] = changed["symbol"]
            execution = event.get("Executed", {}).get("execution")
            if execution and execution["order"]["order"] == number:
                market = symbols.get(execution["order"]["market"], "?")
                if symbol in (None, market):
                    found = True
                    _chapter(record, market, execution, as_json=as_json)
    if not found:
        known = "" if symbol is None or symbol in symbols.values() else f" (the log has no market {symbol})"
        raise click.ClickException(f"the log has no order {number}{f' of {symbol}' if symbol else ''}{known}")


def _chapter(record: dict[str, Any], market: str, execution: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        told = {"sequence": record["sequence"], "time": record["time"], "symbol": market, "execution": execution}
        say_json(told)
        return
    order = execution["order"]
    said = [
        f"{record['sequence']:>10}  {_when(record['time'])}  {execution['kind']:<16}",
        f"{market} {order['side']} {order['kind']} {text(order['quantity'])} at {text(order['price'])}",
        f"executed {text(order['executed'])}, {order['status']}",
    ]
    if order["expiry"] != "None":
        said.append(f"because of {order['expiry']}")
    if fill := execution["fill"]:
        role = "maker" if fill["maker"] else "taker"
        said.append(
            f"trade {fill['trade']} as {role}: {text(fill['quantity'])} at {text(fill['price'])}, "
            f"commission {text(fill['commission'])}"
        )
    if prevented := execution["prevention"]:
        said.append(f"prevented from meeting order {prevented['counter_order']}")
    click.echo("  ".join(said))
