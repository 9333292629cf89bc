"""On a real shard: a client that follows the streams to the letter has what a fresh read gives."""

import asyncio
import gc
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from agio.domain.errors import CommandRefused
from agio.domain.money import ONE, units
from agio.projections.spot.statistics import MarketsStatistics
from agio.services.markets.catalogue import LiveCatalogue
from agio.services.markets.listing import MarketSpec
from agio.shard.handle import Shard
from agio.streams.codec import CODEC, USER_EVENT
from agio.streams.market import MarketData
from agio.streams.room import Room
from agio.streams.user import UserData
from agio.wire.websocket import Listener
from tests.unit.streams.fakes import event
from tests.unit.wire.raw import Client

SPEC = MarketSpec("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", "50000")
SIGNED = {"key": 0, "sent": 0, "window": 0}
RIGHTS = {"trade": True, "withdraw": True, "deposit": True}


class Venue:
    """One shard, one market, two rich accounts, streams behind a listener."""

    def __init__(self, folder: Path) -> None:
        loop = asyncio.get_running_loop()
        self.shard = Shard.open(str(folder), loop, projected=0, durability="memory")
        self.catalogue = LiveCatalogue(self.shard.catalog, CODEC.catalog_changed)
        statistics = MarketsStatistics(self.shard.now)
        market = MarketData(self.shard, self.catalogue, statistics, CODEC)
        self.user = UserData(self.shard, USER_EVENT)
        room = Room((market, self.user), self.shard.now)
        market.listed = room.rebind
        for sink in (self.catalogue, statistics, market, self.user):
            self.shard.add_sink(sink)
        self.listener = Listener(room)

    async def open_market(self) -> None:
        for name in ("BTC", "USDT"):
            await self.shard.command({"ListAsset": {"name": name, "precision": 8}})
        listed = {"symbol": SPEC.symbol, "base": 0, "quote": 1, "filters": SPEC.filters()}
        await self.shard.command({"ListMarket": listed})

    async def account(self) -> int:
        limits = dict.fromkeys(("ten_seconds", "day", "open"), 1_000_000)
        opened = {"rights": RIGHTS, "maker": 100_000, "taker": 100_000, "limits": limits}
        number = int((await self.shard.command({"OpenAccount": opened}))[0]["AccountChanged"]["account"])
        for asset in (0, 1):
            await self.shard.command({"Deposit": {"account": number, "asset": asset, "amount": 10**6 * ONE}})
        return number

    async def place(self, account: int, side: str, price: str, quantity: str) -> None:
        order = {
            "account": account, "signed": SIGNED, "market": 0, "side": side, "kind": "Limit",
            "life": "Gtc", "price": units(price), "quantity": units(quantity), "budget": 0, "client_id": "",
            "prevention": None, "strategy": None, "strategy_type": None,
        }  # fmt: skip
        await self.shard.command({"Place": order})

    async def storm(self, accounts: list[int], seed: int, orders: int) -> None:
        """Random orders around one price, so that levels come, shrink, trade and go; now and then all are cancelled."""
        chance = random.Random(seed)
        for _ in range(orders):
            account, side = chance.choice(accounts), chance.choice(("Buy", "Sell"))
            if chance.random() < 0.05:
                with suppress(CommandRefused):
                    await self.shard.command({"CancelAll": {"account": account, "signed": SIGNED, "market": 0}})
            await self.place(account, side, f"{50_000 + chance.randint(-8, 8)}.00", f"0.0{chance.randint(1, 9)}")


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[tuple[Venue, int]]:
    venue = Venue(tmp_path / "log")
    port = await venue.listener.start("127.0.0.1", 0)
    yield venue, port
    await venue.listener.stop()
    await asyncio.to_thread(venue.shard.stop)
    venue.shard.close()


async def said(client: Client, names: list[str]) -> dict[str, list[Any]]:
    """All that came on each stream, until none has anything more to say."""
    found: dict[str, list[Any]] = {name: [] for name in names}
    while True:
        try:
            _, payload = await client.receive(0.3)
        except TimeoutError:
            return found
        message = json.loads(payload)
        found[message["stream"]].append(message["data"])


async def test_old_state_and_events_equal_a_fresh_read(venue: tuple[Venue, int]) -> None:
    world, port = venue
    names = [
        f"btcusdt@{kind}" for kind in ("depth@100ms", "trade", "aggTrade", "bookTicker", "depth5@100ms", "kline_1d")
    ]
    client = await Client.dial(port, f"/stream?streams={'/'.join(names)}")
    await world.open_market()
    accounts = [await world.account(), await world.account()]
    await world.storm(accounts, 1, 60)
    snapshot = json.loads((await world.shard.depth("BTCUSDT", 5000)).body)
    await world.storm(accounts, 2, 240)
    events = await said(client, names)
    fresh = json.loads((await world.shard.depth("BTCUSDT", 5000)).body)

    book = {"bids": dict(snapshot["bids"]), "asks": dict(snapshot["asks"])}
    nonce = snapshot["lastUpdateId"]
    previous = None
    for update in events["btcusdt@depth@100ms"]:
        assert previous is None or update["U"] == previous + 1
        previous = update["u"]
        if update["u"] <= nonce:
            continue
        for side, levels in (("bids", update["b"]), ("asks", update["a"])):
            book[side].update(levels)
    assert previous == fresh["lastUpdateId"]
    zero = "0.00000000"
    for side in ("bids", "asks"):
        assert {price: total for price, total in book[side].items() if total != zero} == dict(fresh[side])

    best = events["btcusdt@bookTicker"][-1]
    tops = [side[0] if side else [zero, zero] for side in (fresh["bids"], fresh["asks"])]
    assert [[best["b"], best["B"]], [best["a"], best["A"]]] == tops
    assert events["btcusdt@depth5@100ms"][-1] == {
        "lastUpdateId": fresh["lastUpdateId"],
        "bids": fresh["bids"][:5],
        "asks": fresh["asks"][:5],
    }
    check_trades(events["btcusdt@trade"], events["btcusdt@aggTrade"])
    await asyncio.sleep(2)
    (*_, candle) = (await said(client, names))["btcusdt@kline_1d"] or events["btcusdt@kline_1d"]
    assert candle["k"]["n"] == len(events["btcusdt@trade"])
    client.writer.close()
    assert units(candle["k"]["v"]) == sum(units(trade["q"]) for trade in events["btcusdt@trade"])


async def test_a_fill_costs_the_same_in_a_sweep_of_many(venue: tuple[Venue, int]) -> None:
    """Reading the whole command again for each of its fills, the loop stood still for seconds."""
    world, _ = venue
    await world.open_market()
    maker, taker = await world.account(), await world.account()
    told: list[bytes] = []
    world.shard.add_sink(lambda events: told.extend(e.json(False) for e in events if type(e) is USER_EVENT))
    world.shard.watch(taker)
    costs = []
    for fills in (300, 1200):
        for place in range(fills):
            await world.place(maker, "Sell", f"{50_000 + place // 100}", "0.01")
        told.clear()
        gc.collect()  # nothing of other tests is looked through meanwhile: that costs more than all fills
        gc.disable()
        began = time.thread_time()
        await world.place(taker, "Buy", "60000", f"{fills / 100}")
        costs.append((time.thread_time() - began) / fills)
        gc.enable()
        assert len(told) == fills + 2, "it is new, fills and has a position"
    assert costs[1] < 2 * costs[0]


def check_trades(trades: list[Any], aggregates: list[Any]) -> None:
    """Trades have dense numbers; aggregates cover them all, in order."""
    assert len(trades) > 20
    assert [trade["t"] for trade in trades] == list(range(trades[0]["t"], trades[0]["t"] + len(trades)))
    by_id = {trade["t"]: trade for trade in trades}
    covered = [list(range(aggregate["f"], aggregate["l"] + 1)) for aggregate in aggregates]
    assert [number for numbers in covered for number in numbers] == list(by_id)
    for aggregate, numbers in zip(aggregates, covered, strict=True):
        assert units(aggregate["q"]) == sum(units(by_id[number]["q"]) for number in numbers)
        assert {by_id[number]["p"] for number in numbers} == {aggregate["p"]}


async def test_user_data(venue: tuple[Venue, int]) -> None:
    world, port = venue
    await world.open_market()
    mine, other = await world.account(), await world.account()
    client = await Client.dial(port, f"/ws/{world.user.create_listen_key(mine)}")
    await world.place(other, "Sell", "50000", "0.01")
    await world.place(mine, "Buy", "50000", "0.02")
    placed, traded, position = [await event(client) for _ in range(3)]
    assert [report[field] for report in (placed, traded) for field in "exX"] == [
        "executionReport", "NEW", "NEW", "executionReport", "TRADE", "PARTIALLY_FILLED",
    ]  # fmt: skip
    assert position["e"] == "outboundAccountPosition"
    assert {balance["a"] for balance in position["B"]} == {"BTC", "USDT"}
    assert await client.quiet()
    client.writer.close()
