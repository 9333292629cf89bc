"""A random session through the gateway's own operations: what history answers is what the streams have told."""

import asyncio
import json
import random
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from agio import _core
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.domain.intervals import MINUTE
from agio.gateway.operations import PUBLIC
from agio.gateway.row import Call
from agio.ports import Reply
from agio.projections.position import Progress
from agio.projections.projector import Projector
from agio.projections.spot.history import SqlHistory
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from agio.services.markets.catalogue import LiveCatalogue
from agio.shard.handle import Shard
from tests.unit.shard.test_batch import FILTERS, NOON

if TYPE_CHECKING:
    from agio.ports import EventBatch
    from agio.projections.rows import Rows

ROWS = {row.name: row for row in PUBLIC}
UNSIGNED = {
    name: _core.Schema(json.dumps({"params": [param.describe() for param in row.params]}).encode())
    for name, row in ROWS.items()
}
NO_LIMITS = {"ten_seconds": 2**32 - 1, "day": 2**32 - 1, "open": 0}
RIGHTS = {"trade": True, "withdraw": True, "deposit": True}
PREVENTIONS = ("NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT")
FIELDS = {
    "s": "symbol", "i": "orderId", "p": "price", "q": "origQty", "z": "executedQty", "Z": "cummulativeQuoteQty",
    "X": "status", "f": "timeInForce", "o": "type", "S": "side", "O": "time", "T": "updateTime", "W": "workingTime",
    "Q": "origQuoteOrderQty", "V": "selfTradePreventionMode", "j": "strategyId", "J": "strategyType",
    "v": "preventedMatchId", "A": "preventedQuantity", "eR": "expiryReason",
}  # fmt: skip
"""Of an executionReport, and as a query names them."""
SAME = {
    "orderListId": -1, "stopPrice": "0.00000000", "icebergQty": "0.00000000", "isWorking": True,
}  # fmt: skip
ROUNDS = 400


class Told:
    """What the user streams have said of orders and fills."""

    def __init__(self) -> None:
        self.orders: dict[tuple[int, int], dict[str, Any]] = {}
        self.fills: list[tuple[int, dict[str, Any]]] = []

    def __call__(self, events: "EventBatch") -> None:
        for event in events:
            if type(event) is _core.UserEvent and (report := json.loads(event.json(True)))["e"] == "executionReport":
                self._learn(event.account, report)

    def _learn(self, account: int, report: dict[str, Any]) -> None:
        named = {name: report[short] for short, name in FIELDS.items() if short in report}
        named["clientOrderId"] = report["C"] or report["c"]
        self.orders[account, report["i"]] = SAME | named
        if report["x"] == "TRADE":
            fill = {
                "symbol": report["s"], "id": report["t"], "orderId": report["i"], "orderListId": -1,
                "price": report["L"], "qty": report["l"], "quoteQty": report["Y"], "commission": report["n"],
                "commissionAsset": report["N"], "time": report["T"], "isBuyer": report["S"] == "BUY",
                "isMaker": report["m"], "isBestMatch": True,
            }  # fmt: skip
            self.fills.append((account, fill))

    def of(self, account: int) -> list[dict[str, Any]]:
        """An account's orders, oldest first."""
        return [order for (owner, _), order in sorted(self.orders.items()) if owner == account]


class Session:
    """Operations on a shard whose projection can be held back."""

    def __init__(self, shard: Shard, history: SqlHistory) -> None:
        self.shard = shard
        self.told = Told()
        self.projecting = threading.Event()
        self.projecting.set()
        catalogue = LiveCatalogue(shard.catalog, _core.CatalogChanged)
        shard.add_sink(catalogue)
        shard.add_sink(self.told)
        self._venue = cast("Any", SimpleNamespace(shard=shard, history=history, catalogue=catalogue))
        self._venue.market = lambda symbol: catalogue.current.by_symbol[symbol]

    async def open(self) -> list[tuple[int, int]]:
        """A market, and accounts with their keys."""
        run = self.shard.command
        for name in ("BTC", "USDT"):
            await run({"ListAsset": {"name": name, "precision": 8}})
        await run({"ListMarket": {"symbol": "BTCUSDT", "base": 0, "quote": 1, "filters": FILTERS}})
        return [await self._account(maker, taker) for maker, taker in ((0, 100_000), (12_345, 77_777), (75_000, 0))]

    async def _account(self, maker: int, taker: int) -> tuple[int, int]:
        run = self.shard.command
        terms = {"rights": RIGHTS, "maker": maker, "taker": taker, "limits": NO_LIMITS}
        account = (await run({"OpenAccount": terms}))[0]["AccountChanged"]["account"]
        may = {"read": True, "trade": True, "withdraw": False}
        key = (await run({"AddKey": {"account": account, "permissions": may}}))[0]["KeyAdded"]["key"]
        for asset in (0, 1):
            await run({"Deposit": {"account": account, "asset": asset, "amount": 10**14}})
        self.shard.watch(account)
        return account, key

    async def ask(self, name: str, account: int, key: int = 0, **params: Any) -> Any:
        """The operation's answer; None when it is refused."""
        values = UNSIGNED[name].parse(urlencode(params).encode(), b"")
        answer = ROWS[name].handler(self._venue, Call(values, True, account, key))
        reply = answer if isinstance(answer, Reply) else await answer
        return json.loads(reply.body) if reply.status == 200 else None

    async def all(self, name: str, account: int, first: str, number: str) -> list[Any]:
        """All pages of a list, by `first`, which each row bears as `number`."""
        found: list[Any] = []
        while page := await self.ask(name, account, symbol="BTCUSDT", limit=97, **{first: self._behind(found, number)}):
            found += page
        return found

    @staticmethod
    def _behind(found: list[Any], number: str) -> int:
        return found[-1][number] + 1 if found else 0


@asynccontextmanager
async def session(folder: Path) -> AsyncIterator[Session]:
    """On an empty log, with a projection."""
    shard = Shard.open(
        str(folder / "log"), asyncio.get_running_loop(), projected=0, durability="memory", manual_time=NOON
    )
    engine = sqlite_engine(folder / "projection.db", durable=False)
    prepare(engine, PROJECTION)
    progress, failures = Progress(), list[BaseException]()
    history = SqlHistory(engine, progress, shard.now)
    found = Session(shard, history)

    def source(timeout_ms: int) -> "Rows | None":
        found.projecting.wait()
        return shard.rows(timeout_ms)

    writer = Writer(engine, "spot", SpotTables(engine.dialect))
    projector = Projector(source, writer, progress, shard.now, on_failure=failures.append)
    projector.start()
    try:
        yield found
    finally:
        found.projecting.set()
        await asyncio.to_thread(shard.stop)
        await asyncio.to_thread(projector.stop)
        await asyncio.to_thread(history.close)
        shard.close()
        engine.dispose()
    assert not failures


def terms(chance: random.Random) -> dict[str, Any]:
    """An order of any kind, near 100, with or without what may be left out."""
    kind = chance.choice(("LIMIT", "LIMIT", "LIMIT", "MARKET", "LIMIT_MAKER"))
    asked: dict[str, Any] = {"symbol": "BTCUSDT", "side": chance.choice(("BUY", "SELL")), "type": kind}
    if kind != "MARKET":
        asked["price"] = f"{100 + chance.randrange(-40, 41) / 100:.2f}"
    if kind == "LIMIT":
        asked["timeInForce"] = chance.choice(("GTC", "GTC", "IOC", "FOK"))
    by_budget = kind == "MARKET" and chance.random() < 0.5
    asked["quoteOrderQty" if by_budget else "quantity"] = f"{chance.randrange(1, 10**9) / 10**8:.8f}"
    optional = {
        "newClientOrderId": chance.choice(("a", "A", "x" * 36, "X" * 36)),
        "selfTradePreventionMode": chance.choice(PREVENTIONS),
        "strategyId": chance.choice((0, 2**63 - 1)),
        "strategyType": chance.choice((1_000_000, 2**31 - 1)),
    }
    return asked | {name: value for name, value in optional.items() if chance.random() < 0.4}


async def trade(one: Session, chance: random.Random, account: int, key: int) -> None:
    """Some orders at once, or a cancel."""
    mine = [order for order in one.told.of(account) if order["status"] in ("NEW", "PARTIALLY_FILLED")]
    if mine and chance.random() < 0.3:
        await one.ask("order.cancel", account, key, symbol="BTCUSDT", orderId=chance.choice(mine)["orderId"])
    else:
        orders = [one.ask("order.place", account, key, **terms(chance)) for _ in range(chance.choice((1, 1, 5)))]
        await asyncio.gather(*orders)


async def look(one: Session, chance: random.Random, account: int) -> None:
    """One of the account's orders, open or not, by its number and by its client id; and all that are open."""
    mine = one.told.of(account)
    order = chance.choice(mine[-30:])
    asked = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert await one.ask("order.status", account, **asked) == order
    newest = [other for other in mine if other["clientOrderId"] == order["clientOrderId"]][-1]
    asked = {"symbol": "BTCUSDT", "origClientOrderId": order["clientOrderId"]}
    assert await one.ask("order.status", account, **asked) == newest
    still = [order for order in mine if order["status"] in ("NEW", "PARTIALLY_FILLED")]
    found = await one.ask("openOrders.status", account, symbol="BTCUSDT")
    assert sorted(found, key=lambda order: order["orderId"]) == still


async def test_history_is_what_the_streams_told(tmp_path: Path) -> None:
    chance = random.Random(1)
    async with session(tmp_path) as one:
        accounts = await one.open()
        for _ in range(ROUNDS):
            if chance.random() < 0.3:
                one.shard.set_time(one.shard.now() + chance.choice((1, 999, MINUTE - one.shard.now() % MINUTE)))
            if chance.random() < 0.05:
                (one.projecting.clear if one.projecting.is_set() else one.projecting.set)()
            account, key = chance.choice(accounts)
            await trade(one, chance, account, key)
            if one.told.of(account):
                await look(one, chance, account)
        one.projecting.set()
        for account, _ in accounts:
            assert await one.all("allOrders", account, "orderId", "orderId") == one.told.of(account)
            fills = [fill for owner, fill in one.told.fills if owner == account]
            fills.sort(key=lambda fill: (fill["id"], not fill["isBuyer"]))
            assert await one.all("myTrades", account, "fromId", "id") == fills
        assert {order["status"] for order in one.told.orders.values()} == {
            "NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH",
        }  # fmt: skip
