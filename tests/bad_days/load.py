"""Clients that place orders until nobody answers any more, and remember what they were told."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from agio.cli.admin_client import Admin
from tests.bad_days.client import Client
from tests.exchange import Exchange

CLIENTS = 8
LOST = (http.client.HTTPException, OSError, json.JSONDecodeError)


def raise_limits(exchange: Exchange) -> None:
    """No count of orders stands in the load's way."""
    admin = Admin(exchange.folder)
    many = {"ten_seconds": 2**31, "day": 2**31, "open": 2**31, "actor": "test", "reason": "a long load"}
    for user in exchange.users:
        admin.post("/accounts/limits", account=admin.account(user.name), **many)


@dataclass
class Told:
    """What all clients together know."""

    placed: dict[str, int] = field(default_factory=dict)
    """Acknowledged orders, by the client's id."""
    unknown: set[str] = field(default_factory=set)
    """Orders that were asked for, and whose fate nobody told."""
    answers: Counter[tuple[int, int | None]] = field(default_factory=Counter)
    """Refusals, by status and code."""


def keep_placing(client: Client, name: str, told: Told, stop: threading.Event) -> None:
    """One client, one order after the other; it gives up when the connection breaks or cannot be made."""
    number = 0
    while not stop.is_set():
        number += 1
        own = f"{name}-{number}"
        told.unknown.add(own)
        try:
            answer = client.place(newClientOrderId=own)
        except LOST:
            return
        if answer.status == 200:
            told.placed[own] = answer.body["orderId"]
            told.unknown.discard(own)
            continue
        told.answers[answer.status, answer.code] += 1
        if answer.code != -1007:
            told.unknown.discard(own)


@contextmanager
def placing(exchange: Exchange) -> Iterator[Told]:
    """Orders are being placed inside the block."""
    told, stop = Told(), threading.Event()
    clients = [Client(exchange.rest, exchange.users[i % 2], f"127.0.1.{i + 1}") for i in range(CLIENTS)]
    threads = [
        threading.Thread(target=keep_placing, args=(client, f"c{i}", told, stop), daemon=True)
        for i, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield told
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)


def judge(exchange: Exchange, told: Told) -> None:
    """What the exchange has now is what was told, each order once, and of what was not told nothing twice."""
    found: Counter[str] = Counter()
    numbers: dict[str, int] = {}
    for user in exchange.users:
        for order in Client(exchange.rest, user).open_orders():
            found[order["clientOrderId"]] += 1
            numbers[order["clientOrderId"]] = order["orderId"]
    assert told.placed.items() <= numbers.items(), "an acknowledged order is lost"
    assert set(found) <= told.placed.keys() | told.unknown, "an order that was refused, or that nobody asked for"
    assert set(found.values()) <= {1}, "an order is there twice"
