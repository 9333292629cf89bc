"""What belongs to an account: orders, history, commission, start-up calls."""

import json
from typing import Any

import pytest

from agio.domain.history import OrderRow, TradeRow
from agio.ports import Reply
from tests.unit.gateway.world import ACCOUNT_BODY, NOW, World, told

GONE = Reply(0, b"", -1, -1)


def row(**changes: Any) -> OrderRow:
    order = OrderRow(
        market=0, order=5, account=1000, client_id="mine", side=1, kind=1, life=1, price=200_000_000,
        quantity=100_000_000, budget=0, executed=50_000_000, notional=100_000_000, prevented=0, status=4, expiry=0,
        prevention=3, prevented_match=None, strategy=None, strategy_type=None, on_book=False, opened=NOW,
        updated=NOW + 1000,
    )  # fmt: skip
    return order._replace(**changes)


ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 5,
    "orderListId": -1,
    "clientOrderId": "mine",
    "price": "2.00000000",
    "origQty": "1.00000000",
    "executedQty": "0.50000000",
    "cummulativeQuoteQty": "1.00000000",
    "status": "CANCELED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "stopPrice": "0.00000000",
    "icebergQty": "0.00000000",
    "time": NOW // 1000,
    "updateTime": NOW // 1000 + 1,
    "isWorking": True,
    "workingTime": NOW // 1000,
    "origQuoteOrderQty": "0.00000000",
    "selfTradePreventionMode": "EXPIRE_MAKER",
}


async def ask(world: World, path: str, query: str = "", **more: Any) -> Any:
    response = await world.sign("GET", path, query, **more)
    assert response.status == 200, response
    return json.loads(response.body)


async def refusal(world: World, path: str, query: str = "") -> tuple[int, str]:
    return told(await world.sign("GET", path, query))


async def test_a_live_order_comes_from_the_shard(world: World) -> None:
    assert await ask(world, "/api/v3/order", "symbol=BTCUSDT&orderId=5") == {"from": "order"}
    assert world.history.asked == []


async def test_an_old_order_comes_from_history_that_has_caught_up(world: World) -> None:
    world.shard.answers["order"] = GONE
    world.history.rows["order"] = row()
    assert list((await ask(world, "/api/v3/order", "symbol=BTCUSDT&orderId=5")).items()) == list(ORDER.items())
    assert world.history.asked == [("reached", 77), ("order", (1000, 0, 5, None))]
    await ask(world, "/api/v3/order", "symbol=BTCUSDT&origClientOrderId=mine")
    assert world.history.asked[-1] == ("order", (1000, 0, None, "mine"))


async def test_an_order_that_is_nowhere(world: World) -> None:
    world.shard.answers["order"] = GONE
    assert await refusal(world, "/api/v3/order", "symbol=BTCUSDT&orderId=5") == (-2013, "Order does not exist.")
    world.history.rows["order"] = row()
    wrong = (-2039, "Client order ID is not correct for this order ID.")
    assert await refusal(world, "/api/v3/order", "symbol=BTCUSDT&orderId=5&origClientOrderId=other") == wrong


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"strategy": 7, "strategy_type": 1_000_000}, {"strategyId": 7, "strategyType": 1_000_000}),
        ({"prevented_match": 3, "prevented": 10**8}, {"preventedMatchId": 3, "preventedQuantity": "1.00000000"}),
        ({"expiry": 1, "status": 5, "life": 2}, {"expiryReason": "UNFILLED_IOC_QUANTITY_EXPIRED"}),
        ({"kind": 2, "price": 0, "budget": 3 * 10**8}, {"type": "MARKET", "origQuoteOrderQty": "3.00000000"}),
        ({"side": 2, "kind": 3, "status": 6}, {"type": "LIMIT_MAKER", "side": "SELL", "status": "EXPIRED_IN_MATCH"}),
    ],
)
async def test_conditional_fields(world: World, changes: dict[str, Any], fields: dict[str, Any]) -> None:
    world.history.rows["orders"] = [row(**changes)]
    (order,) = await ask(world, "/api/v3/allOrders", "symbol=BTCUSDT")
    assert fields.items() <= order.items()


async def test_all_orders(world: World) -> None:
    world.history.rows["orders"] = [row()]
    answer = await ask(world, "/api/v3/allOrders", f"symbol=BTCUSDT&startTime={NOW}&endTime={NOW}&orderId=3&limit=7")
    assert answer == [ORDER]
    bounds = {"from_id": 3, "start": NOW, "end": NOW, "limit": 7}
    assert world.history.asked == [("reached", 77), ("orders", (1000, 0, bounds))]


@pytest.mark.parametrize("path", ["allOrders", "myTrades"])
async def test_windows_are_a_day_at_most(world: World, path: str) -> None:
    day = 86_400_000
    await ask(world, f"/api/v3/{path}", f"symbol=BTCUSDT&startTime={NOW // 1000 - day}&endTime={NOW // 1000}")
    late = await refusal(
        world, f"/api/v3/{path}", f"symbol=BTCUSDT&startTime={NOW // 1000 - day - 1}&endTime={NOW // 1000}"
    )
    assert late == (-1127, "More than 24 hours between startTime and endTime.")


@pytest.mark.parametrize(
    "window",
    [
        f"startTime={NOW // 1000 - 3_600_000}&endTime=9999999999999",  # ccxt's until, a year ahead
        f"startTime={NOW // 1000 - 86_390_000}&endTime={NOW // 1000 + 86_400_000}",
        "startTime=0&endTime=1483228800001",
        f"startTime={NOW - 86_400_000_000}&endTime={NOW + 999}",
    ],
)
async def test_a_window_is_measured_inside_the_range_of_times(world: World, window: str) -> None:
    assert await ask(world, "/api/v3/allOrders", f"symbol=BTCUSDT&{window}") == []


TRADE = TradeRow(0, 8, 5, 200_000_000, 50_000_000, 100_000_000, 1, 2, 1000, 1001, True, NOW, 10, 0, 20, 1, 99)


async def test_my_trades(world: World) -> None:
    world.history.rows["my_trades"] = [TRADE]
    (fill,) = await ask(world, "/api/v3/myTrades", "symbol=BTCUSDT")
    assert fill == {
        "symbol": "BTCUSDT",
        "id": 8,
        "orderId": 1,
        "orderListId": -1,
        "price": "2.00000000",
        "qty": "0.50000000",
        "quoteQty": "1.00000000",
        "commission": "0.00000010",
        "commissionAsset": "BTC",
        "time": NOW // 1000,
        "isBuyer": True,
        "isMaker": True,
        "isBestMatch": True,
    }
    bounds = {"order_id": None, "from_id": None, "start": None, "end": None, "limit": 500}
    assert world.history.asked[-1] == ("my_trades", (1000, 0, bounds))


async def test_a_trade_with_oneself_has_two_sides(world: World) -> None:
    world.history.rows["my_trades"] = [TRADE._replace(seller=1000)]
    sides = await ask(world, "/api/v3/myTrades", "symbol=BTCUSDT")
    assert [(side["orderId"], side["isBuyer"], side["isMaker"]) for side in sides] == [
        (1, True, True),
        (2, False, False),
    ]
    (side,) = await ask(world, "/api/v3/myTrades", "symbol=BTCUSDT&orderId=2")
    assert (side["commission"], side["commissionAsset"]) == ("0.00000020", "USDT")


@pytest.mark.parametrize(
    ("query", "good"),
    [
        ("", True),
        ("orderId=1", True),
        ("startTime=1699999999000", True),
        ("endTime=1699999999000", True),
        ("fromId=1", True),
        ("startTime=1699999998000&endTime=1699999999000", True),
        ("orderId=1&fromId=1", True),
        ("orderId=1&startTime=1699999999000", False),
        ("orderId=1&endTime=1699999999000", False),
        ("fromId=1&startTime=1699999999000", False),
        ("fromId=1&endTime=1699999999000", False),
        ("orderId=1&fromId=1&startTime=1699999999000", False),
        ("fromId=1&startTime=1699999998000&endTime=1699999999000", False),
    ],
)
async def test_my_trades_takes_some_combinations(world: World, query: str, good: bool) -> None:
    response = await world.sign("GET", "/api/v3/myTrades", f"symbol=BTCUSDT&limit=5&{query}".rstrip("&"))
    if good:
        assert response.status == 200
    else:
        assert told(response) == (-1128, "Combination of optional parameters invalid.")


async def test_my_trades_of_one_order_are_cheap(world: World) -> None:
    for query, weight in (("symbol=BTCUSDT&orderId=1", "5"), ("symbol=BTCUSDT", "25")):
        response = await world.sign("GET", "/api/v3/myTrades", query)
        assert dict(response.headers)["x-mbx-used-weight"] == weight


async def test_open_orders_of_all_markets_are_dear(world: World) -> None:
    for query, weight in (("symbol=BTCUSDT", "6"), ("", "86")):
        response = await world.sign("GET", "/api/v3/openOrders", query)
        assert dict(response.headers)["x-mbx-used-weight"] == weight


async def test_account(world: World) -> None:
    assert await ask(world, "/api/v3/account", "omitZeroBalances=true", x_mbx_time_unit="MICROSECOND") == ACCOUNT_BODY
    await ask(world, "/api/v3/account")
    assert world.shard.asked == [("account", 1000, True, True), ("account", 1000, False, False)]


async def test_commission(world: World) -> None:
    answer = await ask(world, "/api/v3/account/commission", "symbol=BTCUSDT")
    assert answer["standardCommission"] == ACCOUNT_BODY["commissionRates"]
    assert answer["discount"]["enabledForAccount"] is False
    assert await refusal(world, "/api/v3/account/commission", "symbol=NOPE") == (-1121, "Invalid symbol.")


async def test_order_counts(world: World) -> None:
    await ask(world, "/api/v3/rateLimit/order")
    assert world.shard.asked == [("order_counts", 1000)]


async def test_coins_are_all_assets(world: World) -> None:
    coins = await ask(world, "/sapi/v1/capital/config/getall")
    assert [(coin["coin"], coin["free"], coin["locked"]) for coin in coins] == [
        ("BTC", "0.00000000", "0.00000000"), ("USDT", "10.00000000", "1.00000000"), ("ETH", "0.00000000", "0.00000000"),
    ]  # fmt: skip
    assert coins[0]["networkList"] == []
    assert not any(coin["depositAllEnable"] or coin["withdrawAllEnable"] for coin in coins)


async def test_trade_fees(world: World) -> None:
    fees = await ask(world, "/sapi/v1/asset/tradeFee")
    assert [fee["symbol"] for fee in fees] == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
    assert await ask(world, "/sapi/v1/asset/tradeFee", "symbol=ETHBTC") == [
        {"symbol": "ETHBTC", "makerCommission": "0.00100000", "takerCommission": "0.00100000"}
    ]


@pytest.mark.parametrize(
    "path", ["margin/allPairs", "margin/isolated/allPairs", "spot/delist-schedule"], ids=lambda path: path
)
async def test_empty_where_empty_is_true(world: World, path: str) -> None:
    """Clients sign these calls or do not."""
    assert await ask(world, f"/sapi/v1/{path}", "recvWindow=10000") == []
    assert await world.get(f"/sapi/v1/{path}") == []


@pytest.mark.parametrize("path", ["/fapi/v1/exchangeInfo", "/dapi/v1/exchangeInfo"])
async def test_no_futures(world: World, path: str) -> None:
    assert (await world.get(path))["symbols"] == []


async def test_system_status(world: World) -> None:
    assert await world.get("/sapi/v1/system/status") == {"status": 0, "msg": "normal"}
    world.shard.condition = "cancels-only"
    assert (await world.get("/sapi/v1/system/status"))["status"] == 1


async def test_listen_keys(world: World) -> None:
    path = "/api/v3/userDataStream"
    made = json.loads((await world.send("POST", path)).body)["listenKey"]
    for method in ("PUT", "DELETE"):
        assert (await world.send(method, path, f"listenKey={made}")).body == b"{}"
    assert told(await world.send("PUT", path, f"listenKey={made}")) == (-1125, "This listenKey does not exist.")
