"""A shard, statistics and a catalogue that obey the test, and the streams on top of them behind a real listener."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from agio.domain.errors import ApiError
from agio.domain.history import Candle
from agio.domain.markets import Asset, Catalog, Filters, LotFilter, Market, NotionalFilter, PriceFilter
from agio.domain.statistics import DayStatistics, TopOfBook
from agio.ports import Reply
from agio.streams.market.inputs import Codec
from agio.streams.market.market import MarketData
from agio.streams.market.pace import Pace
from agio.streams.room import Room
from agio.streams.user import UserData
from agio.wire.limits import Limits
from agio.wire.websocket import Listener
from tests.unit.wire.raw import Client

MINUTE = 60_000_000
START = 1_700_000_000_000_000 // MINUTE * MINUTE


class Trade(NamedTuple):
    market: int
    id: int
    price: int = 100
    quantity: int = 1
    notional: int = 100
    buyer_is_maker: bool = False
    time: int = START

    def json(self, micros: bool) -> bytes:
        return b'{"e":"trade","t":%d,"T":%d}' % (self.id, self.time if micros else self.time // 1000)


class Aggregate(NamedTuple):
    market: int
    id: int

    def json(self, micros: bool) -> bytes:
        return b'{"e":"aggTrade","a":%d}' % self.id


class Level(NamedTuple):
    market: int
    update: int
    is_bid: bool
    price: int
    total: int
    time: int = START


class Top(NamedTuple):
    market: int
    update: int

    def json(self) -> bytes:
        return b'{"u":%d}' % self.update


class UserEvent(NamedTuple):
    account: int
    number: int

    def json(self, micros: bool) -> bytes:
        return b'{"e":"executionReport","i":%d,"micros":%s}' % (self.number, b"true" if micros else b"false")


class CatalogChanged(NamedTuple):
    pass


def depth_update(
    symbol: str,
    first: int,
    last: int,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    time: int,
    micros: bool,
) -> bytes:
    event = {"e": "depthUpdate", "E": time if micros else time // 1000, "s": symbol, "U": first, "u": last}
    return json.dumps({**event, "b": bids, "a": asks}).encode()


CODEC = Codec(Trade, Aggregate, Level, Top, CatalogChanged, depth_update, (ApiError,))


class Shard:
    def __init__(self) -> None:
        self.time = START
        self.watched: list[int] = []
        self.wanted: list[tuple[type, int]] = []
        self.depths = 0
        self.book: Callable[[int], bytes] = lambda limit: b'{"lastUpdateId":%d,"bids":[],"asks":[]}' % limit
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing = False
        self.lost = False

    def now(self) -> int:
        return self.time

    async def depth(self, symbol: str, limit: int) -> Reply:
        self.depths += 1
        await self.gate.wait()
        if self.lost:
            return Reply(0, b"", -1, -1)
        if self.failing:
            raise ApiError(-1008, "Server is currently overloaded with other requests.", 503)
        return Reply(200, self.book(limit), -1, -1)

    def watch(self, account: int) -> None:
        assert account not in self.watched
        self.watched.append(account)

    def unwatch(self, account: int) -> None:
        self.watched.remove(account)

    def want(self, kind: type, market: int) -> None:
        assert (kind, market) not in self.wanted
        self.wanted.append((kind, market))

    def unwant(self, kind: type, market: int) -> None:
        self.wanted.remove((kind, market))


DAY = DayStatistics(
    opened=START - 86_400_000_000, closed=START, open=100, high=130, low=90, last=110, previous_close=95,
    last_quantity=5, volume=1000, quote_volume=1050, first_trade=7, last_trade=9, trades=3,
)  # fmt: skip


class Statistics:
    def __init__(self) -> None:
        self.days: dict[int, DayStatistics] = {}
        self.candles: dict[int, Candle] = {}
        self.last: int | None = None

    def day(self, market: int) -> DayStatistics:
        return self.days.get(market, DAY)

    def last_price(self, market: int) -> int | None:
        return self.last

    def top(self, market: int) -> TopOfBook:
        return TopOfBook(1, 108, 2, 112, 3)

    def candle(self, market: int, interval: str) -> Candle | None:
        return self.candles.get(market)


LOT = LotFilter(0, 0, 1)
FILTERS = Filters(PriceFilter(0, 0, 1), LOT, LOT, NotionalFilter("Off", 0, False, 0, False, 5), 200, "None", 1)


def catalog(*symbols: str) -> Catalog:
    assets = (Asset(0, "BTC", 8), Asset(1, "USDT", 8))
    return Catalog.of(assets, tuple(Market(i, name, 0, 1, "Trading", FILTERS) for i, name in enumerate(symbols)))


class World:
    """Everything, and a client to look at it."""

    def __init__(self) -> None:
        self.shard = cast("Any", Shard())
        self.statistics = Statistics()
        self.catalogue: Any = SimpleNamespace(current=catalog("BTCUSDT", "ETHUSDT"))
        self.pace = Pace(unit=3600)
        self.beats = 1_000_000
        self.market = MarketData(self.shard, self.catalogue, self.statistics, CODEC, self.pace)
        self.user = UserData(self.shard, UserEvent)
        self.room = Room((self.market, self.user), self.shard.now)
        self.market.listed = self.room.rebind
        self.listener = Listener(self.room, Limits(messages_per_second=None, close_grace=0.2))
        self.clients: list[Client] = []
        self.port = 0

    async def dial(self, target: str) -> Client:
        client = await Client.dial(self.port, target)
        self.clients.append(client)
        return client

    def events(self, *events: Any) -> None:
        """A batch: of market events those that are wanted, as a shard hands them over."""
        wanted = [e for e in events if not hasattr(e, "market") or (type(e), e.market) in self.shard.wanted]
        self.market(wanted)
        self.user(wanted)

    def beat(self, count: int = 1) -> None:
        """So many times 100 ms pass."""
        for _ in range(count):
            self.shard.time += 100_000
            self.beats += 1
            self.pace.advance(self.beats)


@asynccontextmanager
async def streams() -> AsyncIterator[World]:
    world = World()
    world.port = await world.listener.start("127.0.0.1", 0)
    try:
        yield world
    finally:
        for client in world.clients:
            client.writer.close()
        await world.listener.stop()


async def ask(client: Client, request: Any) -> Any:
    client.text(request if isinstance(request, str) else json.dumps(request))
    return json.loads(await client.message())


async def subscribe(client: Client, *names: str) -> None:
    assert await ask(client, {"method": "SUBSCRIBE", "params": names, "id": 1}) == {"result": None, "id": 1}


async def event(client: Client) -> Any:
    return json.loads(await client.message())
