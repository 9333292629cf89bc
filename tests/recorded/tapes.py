"""Recorded market data, as it was recorded: numbers stay text until somebody computes with them."""

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agio.domain.money import units

Levels = dict[str, str]
"""Totals by price."""


@dataclass
class Capture:
    """A raw recording of the spot streams of BTCUSDT, 2024-08-08 23:54:15 to 24:00:01 UTC."""

    snapshot: dict[str, Any] = field(default_factory=dict)
    depth: list[dict[str, Any]] = field(default_factory=list)
    """Differences behind the snapshot, in order."""
    tops: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """By update id: best bid and its total, best ask and its total, 10^-8."""
    trades: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, recorded: Path) -> "Capture":
        capture = cls()
        decode = msgspec.json.Decoder().decode
        with gzip.open(recorded / "l2_capture" / "spot_btcusdt_20240808.log.gz") as file:
            for line in file:
                capture.take(decode(line.partition(b" ")[2]))
        last = capture.snapshot["lastUpdateId"]
        capture.depth = [message for message in capture.depth if message["u"] > last]
        return capture

    def take(self, message: dict[str, Any]) -> None:
        data = message.get("data", message)
        match message.get("stream", "").partition("@")[2]:
            case "":
                self.snapshot = data
            case "depth@100ms":
                self.depth.append(data)
            case "bookTicker":
                self.tops[data["u"]] = tuple(units(data[name]) for name in "bBaA")  # type: ignore[assignment]
            case "trade":
                self.trades.append(data)


class Aggregate(NamedTuple):
    """Binance's GET /api/v3/aggTrades."""

    id: int
    price: str
    quantity: str
    first: int
    last: int
    time: int
    """ms"""
    buyer_is_maker: bool

    @property
    def trades(self) -> int:
        return self.last - self.first + 1


def aggregates(recorded: Path) -> list[Aggregate]:
    """XRPETH, 2019-10-11."""
    with gzip.open(recorded / "xrpeth_2019" / "XRPETH-aggTrades.csv.gz", "rt") as file:
        return [
            Aggregate(int(a), p, q, int(f), int(last), int(time), maker == "true")
            for a, p, q, f, last, time, maker, _ in list(csv.reader(file))[1:]
        ]


def minutes(recorded: Path) -> Iterator[tuple[int, ...]]:
    """Binance's own 1-minute candles of the same day: opening µs, open, high, low, close, volume, 10^-8."""
    with (recorded / "xrpeth_2019" / "XRPETH-1m-klines.csv").open() as file:
        for opened, *figures in list(csv.reader(file))[1:]:
            yield int(opened) * 1000, *map(units, figures)
