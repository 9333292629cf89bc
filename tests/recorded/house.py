"""A shard with the house's two accounts and a tape market: tick and lot only, their order limits raised by command."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agio import _core
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.domain.money import ONE, units
from agio.projections.position import Progress
from agio.projections.projector import Projector
from agio.projections.spot.history import SqlHistory
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from agio.shard.handle import Shard

if TYPE_CHECKING:
    from agio.ports import EventBatch, Pending

OPERATOR_KEY = 0
RIGHTS = {"trade": True, "withdraw": True, "deposit": True}
NO_LIMITS = {"ten_seconds": 2**32 - 1, "day": 2**32 - 1, "open": 0}
FUNDS = 10**12 * ONE

ORDER = _core.Schema(
    b"""{"params": [
        {"name": "symbol", "kind": "symbol", "required": true},
        {"name": "side", "kind": "enum", "values": ["BUY", "SELL"], "required": true},
        {"name": "type", "kind": "enum", "values": ["LIMIT", "LIMIT_MAKER"], "required": true},
        {"name": "timeInForce", "kind": "enum", "values": ["GTC", "IOC"]},
        {"name": "quantity", "kind": "decimal"},
        {"name": "price", "kind": "decimal"},
        {"name": "newClientOrderId", "kind": "client_id"},
        {"name": "newOrderRespType", "kind": "enum", "values": ["ACK", "FULL"]}
    ]}"""
)
CANCEL = _core.Schema(
    b"""{"params": [
        {"name": "symbol", "kind": "symbol", "required": true},
        {"name": "origClientOrderId", "kind": "client_id"}
    ]}"""
)


def filters(tick: str, step: str) -> dict[str, Any]:
    """Tick and lot; everything else is off."""
    lot = {"min": 0, "max": 0, "step": 0}
    notional = {"form": "Off", "min": 0, "min_to_market": False, "max": 0, "max_to_market": False, "minutes": 0}
    return {
        "price": {"min": 0, "max": 0, "tick": units(tick)},
        "lot": lot | {"step": units(step)},
        "market_lot": lot,
        "notional": notional,
        "max_orders": 0,
        "prevention": "None",
        "preventions": 1 << 1,
    }


class House:
    """Places and cancels without waiting: `settle` waits for all that is under way, and each has to succeed."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.market = -1
        self.maker = self.taker = 0
        self._under_way: list[Pending] = []

    async def open_market(self, symbol: str, base: str, quote: str, *, tick: str, step: str) -> None:
        """One market, and two accounts with more of both assets than any tape needs."""
        run = self.shard.command
        assets = [
            (await run({"ListAsset": {"name": name, "precision": 8}}))[0]["AssetListed"]["asset"]
            for name in (base, quote)
        ]
        market = {"symbol": symbol, "base": assets[0], "quote": assets[1], "filters": filters(tick, step)}
        self.market = (await run({"ListMarket": market}))[0]["MarketChanged"]["market"]
        self.symbol = symbol
        self.maker, self.taker = [await self._open(assets) for _ in range(2)]

    async def _open(self, assets: list[int]) -> int:
        run = self.shard.command
        terms = {"rights": RIGHTS, "maker": 0, "taker": 0, "limits": dict.fromkeys(NO_LIMITS, 0)}
        account: int = (await run({"OpenAccount": terms}))[0]["AccountChanged"]["account"]
        await run({"SetLimits": {"account": account, "limits": NO_LIMITS}})
        for asset in assets:
            await run({"Deposit": {"account": account, "asset": asset, "amount": FUNDS}})
        return account

    def make(self, side: str, price: str, quantity: str, client_id: str = "") -> None:
        """The maker's order rests."""
        named = f"&newClientOrderId={client_id}" if client_id else ""
        self._place(self.maker, f"side={side}&type=LIMIT_MAKER&quantity={quantity}&price={price}{named}")

    def take(self, side: str, price: str, quantity: str) -> None:
        """The taker's order trades or goes."""
        self._place(self.taker, f"side={side}&type=LIMIT&timeInForce=IOC&quantity={quantity}&price={price}")

    def _place(self, account: int, order: str) -> None:
        values = ORDER.parse(f"symbol={self.symbol}&newOrderRespType=ACK&{order}".encode(), b"")
        self._under_way.append(self.shard.place(values, account, OPERATOR_KEY, False))

    def cancel(self, client_id: str) -> None:
        """The maker's order of that name goes."""
        values = CANCEL.parse(f"symbol={self.symbol}&origClientOrderId={client_id}".encode(), b"")
        self._under_way.append(self.shard.cancel(values, self.maker, OPERATOR_KEY, False))

    async def settle(self) -> None:
        """Waits for everything asked so far."""
        replies, self._under_way = await asyncio.gather(*self._under_way), []
        refused = [reply.body for reply in replies if reply.status != 200]
        assert not refused, refused[:3]


@asynccontextmanager
async def house(folder: Path, start: int) -> AsyncIterator[House]:
    """A house on an empty log whose clock stands at `start` µs until `shard.set_time` moves it."""
    shard = Shard.open(
        str(folder / "log"), asyncio.get_running_loop(), projected=0, durability="memory", manual_time=start
    )
    try:
        yield House(shard)
    finally:
        await asyncio.to_thread(shard.stop)
        shard.close()


@asynccontextmanager
async def history(folder: Path, shard: Shard) -> AsyncIterator[SqlHistory]:
    """What agio's own projection makes of the log, from SQLite in `folder`."""
    failures: list[BaseException] = []
    engine = sqlite_engine(folder / "projection.sqlite", durable=False)
    prepare(engine, PROJECTION)
    progress = Progress()
    writer = Writer(engine, "spot", SpotTables(engine.dialect))
    projector = Projector(shard.rows, writer, progress, shard.now, on_failure=failures.append)
    projector.start()
    answers = SqlHistory(engine, progress, shard.now)
    try:
        yield answers
    finally:
        await asyncio.to_thread(shard.stop)
        await asyncio.to_thread(projector.stop)
        await asyncio.to_thread(answers.close)
        engine.dispose()
    assert not failures


def events_of(venue: House, kind: type) -> list[Any]:
    """A list that from now on gets every durable event of this kind of the house's market."""
    found: list[Any] = []
    venue.shard.want(kind, venue.market)

    def sink(events: "EventBatch") -> None:
        found.extend(event for event in events if type(event) is kind)

    venue.shard.add_sink(sink)
    return found
