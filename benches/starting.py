"""From exec on an empty folder to the first fill, and what an idle exchange keeps in memory."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import time
from typing import TYPE_CHECKING

from benches import processes
from benches.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benches.processes import Exchange

IDLE_SECONDS = 3.0


def measure(folder: Path, *, starts: int) -> Iterator[Figure]:
    """So many starts, each on a folder of its own."""
    seconds = [_start(folder / f"start-{number}") for number in range(starts)]
    yield Figure(
        "exec on an empty folder to first fill",
        seconds,
        "s",
        bar=2.0,
        absolutes="two users' own orders, no liquidity",
        durability="fdatasync",
    )
    with processes.exchange(folder / "idle", liquidity="seeded", unlimited=False) as exchange:
        time.sleep(IDLE_SECONDS)
        megabytes = processes.memory(exchange.pid)
    yield Figure("idle memory, PSS of all processes", [megabytes], "MB", bar=200, absolutes="with seeded liquidity")


def _start(folder: Path) -> float:
    began = time.perf_counter()
    with processes.exchange(folder, unlimited=False) as exchange:
        client = http.client.HTTPConnection(exchange.address)
        statuses = [_place(client, exchange, number, side) for number, side in enumerate(("SELL", "BUY"))]
        took = time.perf_counter() - began
    if statuses != ["NEW", "FILLED"]:
        raise RuntimeError(f"no fill: {statuses}")
    return took


def _place(client: http.client.HTTPConnection, exchange: Exchange, number: int, side: str) -> str:
    user = exchange.users[number]
    query = (
        f"symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.001&price=60000"
        f"&timestamp={time.time_ns() // 1_000_000}"
    )
    signature = hmac.new(user["secret_key"].encode(), query.encode(), hashlib.sha256).hexdigest()
    client.request("POST", f"/api/v3/order?{query}&signature={signature}", headers={"X-MBX-APIKEY": user["api_key"]})
    return str(json.loads(client.getresponse().read()).get("status"))
