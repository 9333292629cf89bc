"""A batch is the same commands as one by one: the same state, and an answer for each."""

import json
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agio import _core
from agio.domain.errors import ApiError
from agio.shard import batch

CUSTOMER, OTHER = 1000, 1001
COIN = 10**8
NOON = 1_700_000_000_000_000


class Exchange:
    """A shard with two customers and one market, asked and waited for."""

    def __init__(self, folder: Path) -> None:
        self.core = _core.Shard(str(folder), projected=0, durability="page-cache", manual_time=NOON)
        self._token = 0
        for command in SETUP:
            assert self.command(command)[0] == 200, command

    def ask(self, call: Callable[..., None], *arguments: Any) -> tuple[int, bytes]:
        self._token += 1
        call(self._token, *arguments)
        self.core.rouse()
        until = time.monotonic() + 10
        while time.monotonic() < until:
            select.select([self.core], [], [], 1)
            for token, status, body, *_ in self.core.drain()[1]:
                assert token == self._token, "nobody else has asked"
                return status, body
        pytest.fail("no answer came")

    def command(self, command: dict[str, Any]) -> tuple[int, bytes]:
        return self.ask(self.core.command, json.dumps(command).encode())

    def batch(self, *commands: bytes) -> list[batch.Result]:
        status, body = self.ask(self.core.batch, b"".join(commands))
        assert status == 200
        return list(batch.results(body))

    def position(self) -> Any:
        return json.loads(self.ask(self.core.position)[1])


NONE = {"min": 0, "max": 0, "step": 0}
FILTERS = {
    "price": {"min": 0, "max": 0, "tick": 1},
    "lot": NONE | {"step": 1},
    "market_lot": NONE,
    "notional": {
        "form": "Off", "min": 0, "min_to_market": False, "max": 0, "max_to_market": False, "minutes": 0,
    },
    "max_orders": 0,
    "prevention": "ExpireMaker",
    "preventions": 62,
}  # fmt: skip
ACCOUNT = {
    "rights": {"trade": True, "withdraw": True, "deposit": True},
    "maker": 0,
    "taker": 0,
    "limits": {"ten_seconds": 10_000, "day": 10_000, "open": 10_000},
}
SETUP: list[dict[str, Any]] = [
    {"ListAsset": {"name": "BTC", "precision": 8}},
    {"ListAsset": {"name": "USDT", "precision": 8}},
    {"ListMarket": {"symbol": "BTCUSDT", "base": 0, "quote": 1, "filters": FILTERS}},
    {"OpenAccount": ACCOUNT},
    {"OpenAccount": ACCOUNT},
    *(
        {"Deposit": {"account": account, "asset": asset, "amount": 10**6 * COIN}}
        for account in (CUSTOMER, OTHER)
        for asset in (0, 1)
    ),
]


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Callable[[str], Exchange]]:
    made: list[Exchange] = []

    def make(name: str) -> Exchange:
        made.append(Exchange(tmp_path / name))
        return made[-1]

    yield make
    for each in made:
        each.core.stop()


COMMANDS = [
    batch.place(CUSTOMER, 0, batch.BUY, 100 * COIN, COIN),
    batch.place(OTHER, 0, batch.SELL, 101 * COIN, 2 * COIN),
    batch.place(CUSTOMER, 0, batch.BUY, 101 * COIN, COIN),
    batch.place(OTHER, 0, batch.SELL, 0, COIN // 2, kind=batch.MARKET),
    batch.cancel(CUSTOMER, 0, 1),
    batch.cancel(CUSTOMER, 0, 1),
    batch.place(CUSTOMER, 7, batch.BUY, COIN, COIN),
    batch.place(CUSTOMER, 0, batch.SELL, 102 * COIN, COIN, life=batch.IOC),
]


def signed(name: str, **fields: Any) -> dict[str, Any]:
    return {name: {"signed": {"key": 0, "sent": 0, "window": 0}, **fields}}


def order(account: int, market: int, side: str, price: int, quantity: int, kind: str, life: str) -> dict[str, Any]:
    fields = {"account": account, "market": market, "side": side, "price": price, "quantity": quantity, "kind": kind}
    nothing = {"budget": 0, "client_id": "", "prevention": None, "strategy": None, "strategy_type": None}
    return signed("Place", life=life, **fields, **nothing)


def cancel(account: int, number: int) -> dict[str, Any]:
    ids = {"client_id": "", "cancel_id": "", "restriction": "None"}
    return signed("Cancel", account=account, market=0, order=number, **ids)


SINGLY = [
    order(CUSTOMER, 0, "Buy", 100 * COIN, COIN, "Limit", "Gtc"),
    order(OTHER, 0, "Sell", 101 * COIN, 2 * COIN, "Limit", "Gtc"),
    order(CUSTOMER, 0, "Buy", 101 * COIN, COIN, "Limit", "Gtc"),
    order(OTHER, 0, "Sell", 0, COIN // 2, "Market", "Gtc"),
    cancel(CUSTOMER, 1),
    cancel(CUSTOMER, 1),
    order(CUSTOMER, 7, "Buy", COIN, COIN, "Limit", "Gtc"),
    order(CUSTOMER, 0, "Sell", 102 * COIN, COIN, "Limit", "Ioc"),
]


def test_a_batch_comes_to_the_same_state_as_its_commands_one_by_one(exchange: Callable[[str], Exchange]) -> None:
    together, singly = exchange("together"), exchange("singly")
    assert together.position()["hash"] == singly.position()["hash"], "else the following shows nothing"
    results = together.batch(*COMMANDS)
    statuses = [singly.command(command)[0] for command in SINGLY]
    assert together.position() == singly.position()
    assert [400 if result.reason else 200 for result in results] == statuses


def test_each_command_has_its_result(exchange: Callable[[str], Exchange]) -> None:
    results = exchange("one").batch(*COMMANDS)
    assert [(result.order, result.executed, result.status) for result in results] == [
        (1, 0, 1),
        (2, 0, 1),
        (3, COIN, 3),
        (4, COIN // 2, 3),
        (1, COIN // 2, 4),
        (0, 0, 0),
        (0, 0, 0),
        (5, 0, 5),
    ]
    assert [bool(result.reason) for result in results] == [False] * 5 + [True, True, False]


def test_batches_larger_than_a_group_are_answered_once_and_in_order(exchange: Callable[[str], Exchange]) -> None:
    one = exchange("one")
    results = one.batch(*(batch.place(CUSTOMER, 0, batch.BUY, COIN + n, 1000) for n in range(3000)))
    assert [result.order for result in results] == list(range(1, 3001))
    assert one.position()["sequence"] == len(SETUP) + 3000


def test_batches_under_way_at_once_have_results_of_their_own(exchange: Callable[[str], Exchange]) -> None:
    core = exchange("one").core
    sizes = [1, 1500, 3, 700]
    for token, size in enumerate(sizes):
        core.batch(token, b"".join(batch.place(CUSTOMER, 0, batch.BUY, COIN, 1000) for _ in range(size)))
        core.position(100 + token)
    core.rouse()
    bodies: dict[int, bytes] = {}
    until = time.monotonic() + 10
    while len(bodies) < 2 * len(sizes) and time.monotonic() < until:
        select.select([core], [], [], 1)
        bodies |= {token: body for token, _, body, *_ in core.drain()[1]}
    orders = [[result.order for result in batch.results(bodies[token])] for token in range(len(sizes))]
    assert [len(each) for each in orders] == sizes
    assert [order for each in orders for order in each] == list(range(1, sum(sizes) + 1))


def test_what_are_no_commands_does_nothing(exchange: Callable[[str], Exchange]) -> None:
    one = exchange("one")
    before = one.position()
    good = batch.place(CUSTOMER, 0, batch.BUY, COIN, COIN)
    for bad in (b"", good + b"\0", good[:-1], good * 16_385):
        with pytest.raises(ValueError, match="batch"):
            one.core.batch(1, bad)
    assert one.position() == before


def test_a_stopped_shard_takes_none(exchange: Callable[[str], Exchange]) -> None:
    one = exchange("one")
    one.core.stop()
    with pytest.raises(ApiError):
        one.core.batch(1, batch.place(CUSTOMER, 0, batch.BUY, COIN, COIN))
