"""A gateway over ports that obey the test; parsing and signatures are the extension's own."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

from agio import _core
from agio.domain.errors import ApiError, CommandRefused
from agio.domain.history import AggregateRow, Candle, OrderRow, TradeRow
from agio.domain.keys import ApiKey
from agio.domain.markets import Asset, Catalog, Filters, LotFilter, Market, NotionalFilter, PriceFilter
from agio.domain.statistics import DayStatistics, TopOfBook
from agio.gateway.dispatch import Dispatcher
from agio.gateway.gateway import Gateway
from agio.gateway.limits import Figures
from agio.ports import KeyRow, NewKey, Reply, User
from tests.unit.gateway.asking import Response, ask_http

NOW = 1_700_000_040_000_000
"""A multiple of a minute and not of five."""
SECRET = b"s" * 64
FULL, READER, TRADER, ED, RSA = "F" * 64, "R" * 64, "T" * 64, "E" * 64, "S" * 64
ED_SEED = bytes(range(32))
ACCOUNT_BODY = {
    "makerCommission": 10,
    "takerCommission": 10,
    "buyerCommission": 0,
    "sellerCommission": 0,
    "commissionRates": {"maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000"},
    "canTrade": True,
    "canWithdraw": True,
    "canDeposit": True,
    "brokered": False,
    "requireSelfTradePrevention": False,
    "preventSor": False,
    "updateTime": 1,
    "accountType": "SPOT",
    "balances": [{"asset": "USDT", "free": "10.00000000", "locked": "1.00000000"}],
    "permissions": ["SPOT"],
    "uid": 1000,
}


def market(number: int, symbol: str, base: int, quote: int, status: str = "Trading", form: str = "Range") -> Market:
    filters = Filters(
        PriceFilter(1_000_000, 100_000_000_000_000, 1_000_000),
        LotFilter(1_000, 900_000_000_000, 1_000),
        LotFilter(0, 10_000_000_000, 0),
        NotionalFilter(form, 500_000_000, True, 900_000_000_000_000, False, 5),
        200,
        "ExpireMaker",
        0b111110,
    )
    return Market(number, symbol, base, quote, status, filters)


ASSETS = (Asset(0, "BTC", 8), Asset(1, "USDT", 8), Asset(2, "ETH", 8))
MARKETS = (
    market(0, "BTCUSDT", 0, 1),
    market(1, "ETHUSDT", 2, 1, "Halt", "Minimum"),
    market(2, "ETHBTC", 2, 0, "Trading", "Off"),
)


class Shard:
    """`agio.ports.ShardPort` that remembers what it was asked and answers what the test says."""

    def __init__(self) -> None:
        self.time = NOW
        self.condition = "running"
        self.full = False
        self.away: int | None = None
        self.asked: list[tuple[Any, ...]] = []
        self.remarks: list[dict[str, str]] = []
        self.answers: dict[str, Any] = {"account": Reply(200, json.dumps(ACCOUNT_BODY).encode(), -1, -1)}

    def now(self) -> int:
        return self.time

    def state(self) -> str:
        return self.condition

    def applied(self) -> int:
        return 77

    def overloaded(self) -> bool:
        return self.full

    def jump(self) -> int | None:
        return self.away

    def confirm_jump(self) -> None:
        self.away = None

    def _answer(self, name: str, *arguments: Any) -> Awaitable[Reply]:
        self.asked.append((name, *arguments))
        answer = self.answers.get(name, Reply(200, b'{"from":"%s"}' % name.encode(), -1, -1))
        if isinstance(answer, Exception):
            raise answer
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        if answer is not None:
            future.set_result(answer)
        return future

    def place(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]:
        return self._answer("place", values.tuple(), account, key, micros)

    def test_order(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]:
        return self._answer("test_order", values.tuple(), account, key, micros)

    def cancel(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]:
        return self._answer("cancel", values.tuple(), account, key, micros)

    def cancel_all(self, values: Any, account: int, key: int, micros: bool) -> Awaitable[Reply]:
        return self._answer("cancel_all", values.tuple(), account, key, micros)

    def order(self, values: Any, account: int, micros: bool) -> Awaitable[Reply]:
        return self._answer("order", values.tuple(), account, micros)

    def open_orders(self, values: Any, account: int, micros: bool) -> Awaitable[Reply]:
        return self._answer("open_orders", values.tuple(), account, micros)

    def account(self, account: int, omit_zero: bool, micros: bool) -> Awaitable[Reply]:
        return self._answer("account", account, omit_zero, micros)

    def depth(self, symbol: str, limit: int) -> Awaitable[Reply]:
        return self._answer("depth", symbol, limit)

    def average_price(self, symbol: str, micros: bool) -> Awaitable[Reply]:
        return self._answer("average_price", symbol, micros)

    def order_counts(self, account: int) -> Awaitable[Reply]:
        return self._answer("order_counts", account)

    async def command(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        if "Remark" in command:
            self.remarks.append(command["Remark"])
            return []
        self.asked.append(("command", command))
        answer = self.answers.get("command", [{"Done": {}}])
        if isinstance(answer, Exception):
            raise answer
        return cast("list[dict[str, Any]]", answer)

    async def position(self) -> dict[str, Any]:
        return {"sequence": 77, "hash": "00"}

    def watch(self, account: int) -> None: ...
    def want(self, kind: type, market: int) -> None: ...
    def unwant(self, kind: type, market: int) -> None: ...
    def unwatch(self, account: int) -> None: ...


class History:
    """`agio.ports.History` over rows that the test lays out; every call is remembered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.rows: dict[str, Any] = {}
        self.condition = "running"

    def state(self) -> str:
        return self.condition

    def position(self) -> int:
        return 70

    async def reached(self, sequence: int) -> None:
        self.asked.append(("reached", sequence))

    def _rows(self, name: str, *arguments: Any) -> Any:
        self.asked.append((name, arguments))
        return self.rows.get(name, [])

    async def order(self, account: int, market: int, order_id: int | None, client_id: str | None) -> OrderRow | None:
        return cast("OrderRow | None", self._rows("order", account, market, order_id, client_id) or None)

    async def orders(self, account: int, market: int, **bounds: Any) -> list[OrderRow]:
        return cast("list[OrderRow]", self._rows("orders", account, market, bounds))

    async def my_trades(self, account: int, market: int, **bounds: Any) -> list[TradeRow]:
        return cast("list[TradeRow]", self._rows("my_trades", account, market, bounds))

    async def trades(self, market: int, **bounds: Any) -> list[TradeRow]:
        return cast("list[TradeRow]", self._rows("trades", market, bounds))

    async def aggregates(self, market: int, **bounds: Any) -> list[AggregateRow]:
        return cast("list[AggregateRow]", self._rows("aggregates", market, bounds))

    async def candles(self, market: int, interval: str, **bounds: Any) -> list[Candle]:
        return cast("list[Candle]", self._rows("candles", market, interval, bounds))


class Statistics:
    """`agio.ports.Statistics`: one busy market, the others silent."""

    def day(self, market: int) -> DayStatistics:
        if market:
            return DayStatistics(NOW - 86_400_000_000, NOW, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, 0)
        prices = {"open": 300_000_000, "high": 400_000_000, "low": 100_000_000, "last": 200_000_000}
        return DayStatistics(
            opened=NOW - 86_400_000_000, closed=NOW, previous_close=300_000_000, last_quantity=5, volume=600_000_000,
            quote_volume=1_500_000_000, first_trade=7, last_trade=9, trades=3, **prices,
        )  # fmt: skip

    def last_price(self, market: int) -> int | None:
        return None if market else 200_000_000

    def top(self, market: int) -> TopOfBook:
        return TopOfBook(0, 0, 0, 0, 0) if market else TopOfBook(3, 199_000_000, 10, 201_000_000, 20)

    def candle(self, market: int, interval: str) -> Candle | None:
        return None


class Feeds:
    """`agio.ports.UserFeeds` that only counts."""

    def __init__(self) -> None:
        self.open: dict[Any, dict[int, int]] = {}
        self.keys: dict[int, str] = {}
        self.ended: list[str] = []
        self._next = itertools.count()

    def subscribe(self, connection: Any, account: int, micros: bool, key: str = "") -> int:
        active = self.open.setdefault(id(connection), {})
        if account in active.values():
            raise ApiError(-2035, "User Data Stream subscription already active.")
        number = next(self._next)
        active[number] = account
        return number

    def unsubscribe(self, connection: Any, subscription: int | None) -> None:
        active = self.open.get(id(connection), {})
        ended = list(active) if subscription is None else [subscription]
        if not active or not set(ended) <= set(active):
            raise ApiError(-2036, "User Data Stream subscription not active.")
        for number in ended:
            del active[number]

    def active(self, connection: Any) -> list[int]:
        return list(self.open.get(id(connection), {}))

    def revoked(self, key: str) -> None:
        self.ended.append(key)

    def closed(self, connection: Any) -> None:
        self.open.pop(id(connection), None)

    def create_listen_key(self, account: int, holder: str = "") -> str:
        return self.keys.setdefault(account, "k" * 64)

    def extend_listen_key(self, listen_key: str, account: int) -> None:
        if self.keys.get(account) != listen_key:
            raise ApiError(-1125, "This listenKey does not exist.")

    def close_listen_key(self, listen_key: str, account: int) -> None:
        self.extend_listen_key(listen_key, account)
        del self.keys[account]


class IdentityAdmin:
    """`agio.ports.IdentityAdmin` with one user."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def add_user(self, name: str) -> User:
        if name == "taken":
            raise CommandRefused("NameTaken", "The name is taken.")
        return User(1, name, 1000, NOW)

    async def users(self) -> list[User]:
        return [User(1, "alice", 1000, NOW)]

    async def add_key(self, *arguments: Any) -> NewKey:
        self.asked.append(arguments)
        return NewKey("A" * 64, "B" * 64)

    async def keys(self) -> list[KeyRow]:
        return [KeyRow("A" * 64, 1, 1000, "hmac", ("read",), NOW, False)]

    async def revoke_key(self, api_key: str) -> None:
        self.asked.append(("revoke", api_key))


def api_key(name: str, number: int, account: int = 1000, *, read: bool = True, trade: bool = True) -> ApiKey:
    return ApiKey(name, number, account, "hmac", _core.Verifier.hmac(SECRET), read, trade, False)


def ed25519_key() -> tuple[ApiKey, Any]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    private = Ed25519PrivateKey.from_private_bytes(ED_SEED)
    verifier = _core.Verifier.ed25519(private.public_key().public_bytes_raw())
    return ApiKey(ED, 4, 1001, "ed25519", verifier, True, True, False), private


class World:
    """A gateway and the fakes behind it."""

    def __init__(self, figures: Figures | None = None) -> None:
        self.shard, self.history, self.feeds, self.identity = Shard(), History(), Feeds(), IdentityAdmin()
        ed, self.ed_private = ed25519_key()
        keys = (api_key(FULL, 1), api_key(READER, 2, trade=False), api_key(TRADER, 3, read=False), ed)
        self.keys = {key.name: key for key in keys}
        self.catalogue = SimpleNamespace(current=Catalog.of(ASSETS, MARKETS))
        self.gateway = Gateway(
            shard=self.shard,
            history=self.history,
            statistics=Statistics(),
            catalogue=self.catalogue,
            identity=cast("Any", SimpleNamespace(key=self.keys.get)),
            feeds=self.feeds,
            admin=self.identity,
            figures=figures,
            gauges={"shard": lambda: {"applied": 77}},
            counters={"stream": lambda: {"slow": 3}},
        )

    @property
    def dispatcher(self) -> Dispatcher:
        return self.gateway.public

    def signed(self, query: str = "", **more: Any) -> str:
        """The query with a timestamp and a good signature."""
        stamp = "" if "timestamp" in query or "timestamp" in more else urlencode({"timestamp": self.shard.time // 1000})
        unsigned = "&".join(part for part in (query, urlencode(more), stamp) if part)
        return f"{unsigned}&signature={hmac.new(SECRET, unsigned.encode(), hashlib.sha256).hexdigest()}"

    async def send(
        self,
        method: str,
        path: str,
        query: str = "",
        *,
        key: str | None = FULL,
        address: str = "192.0.2.1",
        **more: Any,
    ) -> Response:
        """One request, as it stands."""
        body = more.pop("body", b"")
        target = f"{path}?{query}" if query else path
        return await ask_http(self.gateway.rest, method, target, body, peer=address, x_mbx_apikey=key, **more)

    async def sign(self, method: str, path: str, query: str = "", **more: Any) -> Response:
        """One request, signed."""
        return await self.send(method, path, self.signed(query), **more)

    async def get(self, path: str, query: str = "", **more: Any) -> Any:
        """The decoded answer of a public call; it has to succeed."""
        response = await self.send("GET", path, query, **more)
        assert response.status == 200, response
        return json.loads(response.body)

    async def refused(self, path: str, query: str = "", **more: Any) -> tuple[int, str]:
        """Code and text of a public call; it has to fail."""
        return told(await self.send("GET", path, query, **more))


def told(response: Response | Reply) -> tuple[int, str]:
    """Code and text of a refusal."""
    assert response.status >= 400, response
    error = json.loads(response.body)
    return error["code"], error["msg"]
