"""An order through the whole line: table, extension, log, engine and back. Identity and history are played."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlencode

import msgspec
import pytest

from agio import _core
from agio.domain.keys import ApiKey
from agio.gateway.gateway import Gateway
from agio.gateway.spot.results import Account, Canceled, Order, OrderAck, OrderFull, OrderResult
from agio.services.markets.catalogue import LiveCatalogue
from agio.shard.handle import Shard
from tests.unit.gateway.asking import Response, ask_http
from tests.unit.gateway.test_account import ORDER as ORDER_FIELDS
from tests.unit.gateway.test_admin import FILTERS
from tests.unit.gateway.world import Feeds, History, IdentityAdmin, Statistics, told

BY = {"actor": "test", "reason": "set up"}
ALL = {"trade": True, "withdraw": True, "deposit": True}
LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "100"}


class Line:
    """A gateway on a real shard."""

    def __init__(self, shard: Shard) -> None:
        self.shard = shard
        self.catalogue = LiveCatalogue(shard.catalog, _core.CatalogChanged)
        shard.add_sink(self.catalogue)
        self.keys: dict[str, ApiKey] = {}
        self.gateway = Gateway(
            shard=shard,
            history=History(),
            statistics=Statistics(),
            catalogue=self.catalogue,
            identity=cast("Any", SimpleNamespace(key=self.keys.get)),
            feeds=Feeds(),
            admin=IdentityAdmin(),
        )

    async def admin(self, path: str, **body: Any) -> Any:
        reply = await self.gateway.admin.answer("POST", f"/admin/{path}", "", json.dumps(BY | body).encode())
        assert reply.status == 200, reply
        return json.loads(reply.body)

    async def user(self, name: str, **money: str) -> None:
        """An account with a key of that name, and money."""
        fees = {"maker": 0, "taker": 100_000, "limits": {"ten_seconds": 0, "day": 0, "open": 0}}
        account = (await self.shard.command({"OpenAccount": {"rights": ALL} | fees}))[0]["AccountChanged"]["account"]
        may = {"read": True, "trade": True, "withdraw": False}
        number = (await self.shard.command({"AddKey": {"account": account, "permissions": may}}))[0]["KeyAdded"]["key"]
        verifier = _core.Verifier.hmac(name.encode())
        self.keys[name] = ApiKey(name, number, account, "hmac", verifier, True, True, False)
        for asset, amount in money.items():
            await self.admin("accounts/deposit", account=account, asset=asset, amount=amount)

    async def send(self, user: str, method: str, path: str, **params: str) -> Response:
        query = urlencode(params | {"timestamp": self.shard.now() // 1000})
        signature = hmac.new(user.encode(), query.encode(), hashlib.sha256).hexdigest()
        target = f"/api/v3/{path}?{query}&signature={signature}"
        return await ask_http(self.gateway.rest, method, target, x_mbx_apikey=user)

    async def ask(self, user: str, method: str, path: str, **params: str) -> Any:
        response = await self.send(user, method, path, **params)
        assert response.status == 200, response
        return json.loads(response.body)


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    shard = Shard.open(str(tmp_path), asyncio.get_running_loop(), projected=0, durability="memory")
    line = Line(shard)
    await line.admin("assets", name="BTC")
    await line.admin("assets", name="USDT")
    await line.admin("markets", symbol="BTCUSDT", base="BTC", quote="USDT", filters=FILTERS)
    await line.user("alice", USDT="1000")
    await line.user("bob", BTC="5")
    yield line
    shard.stop()
    shard.close()


async def test_place_query_fill_and_cancel(line: Line) -> None:
    placed = await line.ask("alice", "POST", "order", **LIMIT, newClientOrderId="mine")
    assert (placed["status"], placed["orderId"], placed["clientOrderId"]) == ("NEW", 1, "mine")
    sold = await line.ask("bob", "POST", "order", **LIMIT | {"side": "SELL", "quantity": "0.06"})
    assert sold["status"] == "FILLED"
    assert [(fill["price"], fill["qty"], fill["commissionAsset"]) for fill in sold["fills"]] == [
        ("100.00000000", "0.06000000", "USDT")
    ]
    order = await line.ask("alice", "GET", "order", symbol="BTCUSDT", orderId="1")
    assert (order["status"], order["executedQty"]) == ("PARTIALLY_FILLED", "0.06000000")
    assert await line.ask("alice", "GET", "openOrders") == [order]
    depth = json.loads((await line.send("alice", "GET", "depth")).body)
    assert depth["code"] == -1102
    canceled = await line.ask("alice", "DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
    assert (canceled["status"], canceled["origClientOrderId"]) == ("CANCELED", "mine")
    balances = {one["asset"]: one for one in (await line.ask("alice", "GET", "account"))["balances"]}
    assert balances["USDT"]["free"] == "994.00000000"
    assert balances["BTC"]["free"] == "0.06000000", "the maker pays nothing"


async def test_what_the_shard_and_history_write_of_an_order_has_one_form(line: Line) -> None:
    await line.ask("alice", "POST", "order", **LIMIT)
    order = await line.ask("alice", "GET", "order", symbol="BTCUSDT", orderId="1")
    assert list(order) == list(ORDER_FIELDS)


async def test_replies_have_the_fields_that_the_documents_declare(line: Line) -> None:
    def declared(reply: Any, form: Any) -> bool:
        return bool(msgspec.to_builtins(msgspec.convert(reply, type=form)) == reply)

    labels = {"strategyId": "7", "strategyType": "1000000"}
    sell = {"side": "SELL", "quantity": "0.06", "selfTradePreventionMode": "DECREMENT"}
    await line.user("carol", BTC="1", USDT="100")
    assert declared(await line.ask("carol", "POST", "order", **LIMIT | labels, newOrderRespType="ACK"), OrderAck)
    met = await line.ask("carol", "POST", "order", **LIMIT | labels | sell)
    assert [match["makerOrderId"] for match in met["preventedMatches"]] == [1]
    assert declared(met, OrderFull)
    assert declared(await line.ask("carol", "GET", "order", symbol="BTCUSDT", orderId="1"), Order)
    canceled = await line.ask("carol", "DELETE", "order", symbol="BTCUSDT", orderId="1")
    assert (canceled["preventedQuantity"], canceled["strategyId"]) == ("0.06000000", 7)
    assert declared(canceled, Canceled)
    expired = await line.ask("carol", "POST", "order", **LIMIT | {"timeInForce": "IOC"}, newOrderRespType="RESULT")
    assert declared(expired, OrderResult)
    assert declared(await line.ask("carol", "GET", "account"), Account)


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"price": "100.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0.01"}, -1013, "Filter failure: NOTIONAL"),
        ({"price": "99999"}, -2010, "Account has insufficient balance for requested action."),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "MARKET"}, -1106, "Parameter 'timeInForce' sent when not required."),
    ],
)
async def test_refusals(line: Line, change: dict[str, str], code: int, text: str) -> None:
    response = await line.send("alice", "POST", "order", **LIMIT | change)
    assert told(response) == (code, text)
    assert dict(response.headers)["x-mbx-used-weight"] == "1"


async def test_a_test_order_changes_nothing(line: Line) -> None:
    before = line.shard.applied()
    assert await line.ask("alice", "POST", "order/test", **LIMIT) == {}
    tested = await line.ask("alice", "POST", "order/test", **LIMIT, computeCommissionRates="true")
    assert tested["standardCommissionForOrder"] == {"maker": "0.00000000", "taker": "0.00100000"}
    assert line.shard.applied() == before


@pytest.mark.parametrize("change", [{"price": "99999"}, {"side": "SELL", "quantity": "1000"}])
async def test_a_test_order_asks_for_no_money(line: Line, change: dict[str, str]) -> None:
    assert told(await line.send("alice", "POST", "order", **LIMIT | change))[0] == -2010
    assert await line.ask("alice", "POST", "order/test", **LIMIT | change) == {}


async def test_a_test_order_has_to_fit_the_filters(line: Line) -> None:
    response = await line.send("alice", "POST", "order/test", **LIMIT | {"price": "100.001"})
    assert told(response) == (-1013, "Filter failure: PRICE_FILTER")


async def test_nothing_to_cancel(line: Line) -> None:
    for path, params in (("openOrders", {}), ("order", {"orderId": "7"})):
        response = await line.send("alice", "DELETE", path, symbol="BTCUSDT", **params)
        assert told(response) == (-2011, "Unknown order sent.")


async def test_too_many_orders(line: Line) -> None:
    await line.admin("accounts/limits", account=line.keys["alice"].account, ten_seconds=1)
    await line.ask("alice", "POST", "order", **LIMIT)
    response = await line.send("alice", "POST", "order", **LIMIT)
    assert response.status == 429
    assert told(response) == (-1015, "Too many new orders; current limit is 1 orders per 10 SECOND.")
    assert 0 < int(dict(response.headers)["retry-after"]) <= 10


async def test_average_price_and_commission(line: Line) -> None:
    untraded = json.loads((await ask_http(line.gateway.rest, "GET", "/api/v3/avgPrice?symbol=BTCUSDT")).body)
    assert untraded == {"mins": 5, "price": "0.00000000", "closeTime": -1}
    await line.ask("alice", "POST", "order", **LIMIT)
    await line.ask("bob", "POST", "order", **LIMIT | {"side": "SELL"})
    average = json.loads((await ask_http(line.gateway.rest, "GET", "/api/v3/avgPrice?symbol=BTCUSDT")).body)
    assert average["price"] == "100.00000000"
    commission = await line.ask("alice", "GET", "account/commission", symbol="BTCUSDT")
    assert commission["standardCommission"]["taker"] == "0.00100000"


async def test_position(line: Line) -> None:
    reply = await line.gateway.admin.answer("GET", "/admin/position", "", b"")
    assert json.loads(reply.body)["sequence"] == line.shard.applied()
