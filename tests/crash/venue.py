"""An exchange that is killed and comes back, and the comparison of what came back with what its clients know."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from agio.shard import log
from tests.crash.client import Client, admin, session
from tests.crash.ledger import Ledger, Row, balances
from tests.crash.load import SYMBOL, trading
from tests.exchange import AGIO, Exchange, start

OPTIONS = ("--liquidity", "none", "--unlimited")
LONGEST = 0.6
"""Seconds of load before an end."""


WORTH = 20
"""Orders that are acknowledged, at least, before an end."""


class Venue:
    """An exchange that dies and is started again on the same folder, and what its clients know of it."""

    def __init__(self, folder: Path, chance: random.Random, *options: str) -> None:
        self.folder = folder
        self.chance = chance
        self.options = (*OPTIONS, *options)
        self.ledger = Ledger()
        self.funds: dict[str, dict[str, Decimal]] = {}
        self.trades: dict[str, list[Row]] = {}
        self.kills = 0
        self.hash = ""
        self.snapshots = 0

    async def begin(self) -> Exchange:
        return await asyncio.to_thread(start, self.folder, *self.options)

    async def kill_while_starting(self) -> None:
        """A crash of the recovery itself."""
        command = (str(AGIO), "dev", "--json", "--port-base", "0", "--data", str(self.folder), *self.options)
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await asyncio.sleep(self.chance.uniform(0.1, 0.8))
        process.kill()
        await process.wait()
        self.kills += 1

    async def end_under_load(self, exchange: Exchange, how: signal.Signals, name: str) -> None:
        """Lets them trade for a while; then the process is sent `how`."""
        async with trading(exchange, self.ledger, self.chance, name):
            already = self.acknowledged()
            await asyncio.sleep(self.chance.uniform(0.05, LONGEST))
            while self.acknowledged() < already + WORTH:  # a slow machine has to have said something, too
                await asyncio.sleep(0.01)
            exchange.process.send_signal(how)
            code = await asyncio.to_thread(exchange.process.wait)
        assert code == (0 if how == signal.SIGTERM else -how), exchange.errors.read_text()
        self.kills += how == signal.SIGKILL

    def acknowledged(self) -> int:
        """Orders of which somebody was told."""
        return sum(order.known is not None for order in self.ledger.orders.values())

    def verify(self) -> None:
        """The log is whole; remembers the hash of all state as a replay from zero gives it."""
        found = log.verify(str(self.folder / "log"))
        assert not found["damage"], found
        self.hash = found["hash"]
        self.snapshots = found["snapshots"]

    async def measure(self, exchange: Exchange) -> None:
        """The beginning: what everybody has."""
        self.hash = (await admin(self.folder, "/admin/position"))["hash"]
        await self.check(exchange)

    async def check(self, exchange: Exchange, since: int | None = None) -> None:
        """The exchange that came back is the one that went, as far as anybody was told. `since`: as of `faults`."""
        position = await admin(self.folder, "/admin/position")
        assert position["hash"] == self.hash, "another state than a replay from zero gives"
        wrong = [fault async for fault in self.faults(exchange, since)]
        assert not wrong, "\n".join(wrong[:20])

    async def faults(self, exchange: Exchange, since: int | None = None) -> AsyncIterator[str]:
        """What is wrong, in words. Without `since`, of the orders that may have changed since the last reading."""
        since = self.ledger.first_moving() if since is None else since
        orders: dict[str, list[Row]] = {}
        live: dict[str, list[Row]] = {}
        async with session() as own:
            for client in (Client(exchange, user, own) for user in exchange.users):
                orders[client.name] = await client.pages("/api/v3/allOrders", "orderId", since)
                live[client.name] = await client.ask("GET", "/api/v3/openOrders", symbol=SYMBOL)
                known = self.trades.setdefault(client.name, [])
                known += await client.pages("/api/v3/myTrades", "fromId", known[-1]["id"] + 1 if known else 0)
            for fault in (*self.ledger.judge(orders, since), *self.ledger.judge_trades(self.trades)):
                yield fault
            for client in (Client(exchange, user, own) for user in exchange.users):
                for fault in await self._judge_account(client, live[client.name]):
                    yield fault
            book = await Client(exchange, exchange.user, own).look("/api/v3/depth", symbol=SYMBOL, limit=5000)
        for fault in self._judge_book(book, [row for rows in live.values() for row in rows]):
            yield fault

    async def _judge_account(self, client: Client, live: list[Row]) -> list[str]:
        faults = []
        numbers = {row["orderId"] for row in live}
        expected = {order.known["orderId"] for order in self.ledger.open(client.name) if order.known}
        if numbers != expected:
            faults.append(f"{client.name}'s open orders: {numbers ^ expected} are in one list only")
        account = await client.ask("GET", "/api/v3/account")
        has = {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in account["balances"]}
        funds = self.funds.setdefault(client.name, {asset: sum(both, Decimal(0)) for asset, both in has.items()})
        ought = balances(funds, self.trades[client.name], live)
        if has != ought:
            faults.append(f"{client.name} has {has} and ought to have {ought}")
        return faults

    def _judge_book(self, book: dict[str, Any], open_orders: list[Row]) -> Iterator[str]:
        if book["lastUpdateId"] < self.ledger.update:
            yield f"the book stands at {book['lastUpdateId']}, and {self.ledger.update} was seen"
        self.ledger.update = book["lastUpdateId"]
        for side, name in (("BUY", "bids"), ("SELL", "asks")):
            ought: dict[str, Decimal] = {}
            for row in open_orders:
                if row["side"] == side:
                    left = Decimal(row["origQty"]) - Decimal(row["executedQty"])
                    ought[row["price"]] = ought.get(row["price"], Decimal(0)) + left
            has = {price: Decimal(total) for price, total in book[name]}
            if has != ought:
                yield f"{name} are {has} and the open orders make {ought}"

    async def sweep(self, exchange: Exchange) -> None:
        """Cancels everything."""
        async with session() as own:
            for user in exchange.users:
                orders = self.ledger.open(user.name)
                if not orders:
                    continue
                client = Client(exchange, user, own)
                rows = await client.ask("DELETE", "/api/v3/openOrders", symbol=SYMBOL)
                assert len(rows) == len(orders)
                for order in orders:
                    order.cancel_sent = True
                    assert order.known
                    order.known = {**order.known, "status": "CANCELED"}
