"""Traders that go on until the exchange dies, and write down what they were told."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from tests.crash.client import Client, Refused, Unanswered, session
from tests.crash.ledger import Ledger, Order, brief
from tests.exchange import Exchange

TRADERS = 8
UNKNOWN_ORDER = -2011
SYMBOL = "BTCUSDT"
MIDDLE = 6_000_000
"""Prices in cents."""


class Trader:
    """Places, asks and cancels, one request after the other, its own orders only: so what it learns never goes back."""

    def __init__(self, client: Client, ledger: Ledger, name: str, chance: random.Random) -> None:
        self._client = client
        self._ledger = ledger
        self._name = name
        self._chance = chance
        self._mine: list[Order] = []
        self._count = 0

    async def run(self) -> None:
        """Until nobody answers any more."""
        try:
            while True:
                await self._step()
        except Unanswered:
            return

    async def _step(self) -> None:
        open_ones = [order for order in self._mine[-50:] if order.is_open and not order.cancel_sent]
        chance = self._chance.random()
        if not open_ones or chance < 0.6:
            await self._place()
        elif chance < 0.85:
            await self._cancel(self._chance.choice(open_ones))
        else:
            await self._look(self._chance.choice(open_ones))

    def _new(self) -> Order:
        self._count += 1
        chance = self._chance
        terms = {
            "symbol": SYMBOL,
            "side": chance.choice(("BUY", "SELL")),
            "type": "LIMIT",
            "timeInForce": chance.choices(("GTC", "IOC", "FOK"), (8, 1, 1))[0],
            "price": f"{(MIDDLE + chance.randint(-12, 12) * 10) / 100:.8f}",
            "origQty": f"{chance.randint(10, 60) / 100_000:.8f}",
        }
        return Order(self._client.name, f"{self._name}-{self._count}", terms)

    async def _place(self) -> None:
        order = self._new()
        self._ledger.orders[order.client_id] = order
        asked = {name: value for name, value in order.terms.items() if name != "origQty"}
        try:
            reply = await self._client.ask(
                "POST", "/api/v3/order", quantity=order.terms["origQty"], newClientOrderId=order.client_id, **asked
            )
        except Refused:
            order.refused = True
            return
        order.known = reply
        self._mine.append(order)
        for fill in reply["fills"]:
            self._ledger.trades[fill["tradeId"]] = brief(fill["price"], fill["qty"])

    async def _cancel(self, order: Order) -> None:
        assert order.known
        order.cancel_sent = True
        try:
            reply = await self._client.ask("DELETE", "/api/v3/order", symbol=SYMBOL, orderId=order.known["orderId"])
        except Refused as refused:
            order.cancel_refused = refused.code == UNKNOWN_ORDER
            if order.cancel_refused:
                return
            raise
        order.known = {**reply, "clientOrderId": order.client_id}

    async def _look(self, order: Order) -> None:
        assert order.known
        order.known = await self._client.ask("GET", "/api/v3/order", symbol=SYMBOL, orderId=order.known["orderId"])


async def listen(exchange: Exchange, ledger: Ledger, ready: asyncio.Event) -> None:
    """Writes down the trades and updates that the streams tell of, until they end."""
    url = f"{exchange.streams}/stream?streams=btcusdt@trade/btcusdt@depth@100ms"
    async with aiohttp.ClientSession() as streams, streams.ws_connect(url) as socket:
        ready.set()
        async for message in socket:
            if message.type != aiohttp.WSMsgType.TEXT:
                break
            data = message.json()["data"]
            if data["e"] == "trade":
                ledger.trades[data["t"]] = brief(data["p"], data["q"])
            elif data["e"] == "depthUpdate":
                assert data["U"] > ledger.update, "an update's number was given twice"
                ledger.update = data["u"]


@asynccontextmanager
async def trading(exchange: Exchange, ledger: Ledger, chance: random.Random, name: str) -> AsyncIterator[None]:
    """Trade is going on inside the block, which has to end the exchange."""
    sessions = [session() for _ in range(TRADERS)]
    users = exchange.users
    traders = [
        Trader(
            Client(exchange, users[place % len(users)], own), ledger, f"{name}-{place}", random.Random(chance.random())
        )
        for place, own in enumerate(sessions)
    ]
    ready = asyncio.Event()
    tasks = [asyncio.create_task(listen(exchange, ledger, ready))]
    await ready.wait()
    tasks += [asyncio.create_task(trader.run()) for trader in traders]
    try:
        yield
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        for own in sessions:
            await own.close()
