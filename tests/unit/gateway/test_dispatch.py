"""Routing, keys, limits, deadlines and failures, for any operation."""

import json
import logging
from typing import Any, cast

import pytest

from agio.domain.errors import ApiError
from agio.gateway.limits import Figures
from agio.gateway.rest import RestRequest
from agio.gateway.ws_api import Frame, Message
from agio.ports import Reply
from agio.wire.http_connection import HttpRequest
from tests.unit.gateway.world import FULL, NOW, READER, TRADER, World, told

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=5"
PLACED = Reply(200, b'{"orderId":1}', 3, 9)


def header(response: object, name: str) -> str | None:
    return dict(response.headers).get(name)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("key", "path", "code", "status"),
    [
        (None, "account", -2014, 401),
        ("", "account", -2014, 401),
        ("with space", "account", -2014, 401),
        ("é" * 64, "account", -2014, 401),
        ("A" * 200, "account", -2014, 401),
        ("U" * 64, "account", -2015, 401),
        (TRADER, "account", -2015, 401),
        (READER, "account", None, 200),
    ],
)
async def test_keys(world: World, key: str | None, path: str, code: int | None, status: int) -> None:
    response = await world.sign("GET", f"/api/v3/{path}", key=key)
    assert response.status == status
    if code:
        assert told(response)[0] == code


async def test_a_key_may_do_what_it_is_allowed_and_no_more(world: World) -> None:
    world.shard.answers["place"] = PLACED
    assert (await world.sign("POST", "/api/v3/order", ORDER, key=TRADER)).status == 200
    refused = await world.sign("POST", "/api/v3/order", ORDER, key=READER)
    assert told(refused) == (-2015, "Invalid API-key, IP, or permissions for action.")


async def test_the_key_is_judged_before_the_parameters_and_they_before_the_signature(world: World) -> None:
    assert told(await world.send("POST", "/api/v3/order", "nothing=right", key="U" * 64))[0] == -2015
    assert told(await world.send("POST", "/api/v3/order", "nothing=right"))[0] == -1102
    late = f"timestamp={NOW // 1000 - 9000}&signature=00"
    assert told(await world.send("POST", "/api/v3/order", late))[0] == -1021
    now = f"timestamp={NOW // 1000}&signature=00"
    assert told(await world.send("POST", "/api/v3/order", now))[0] == -1022


async def test_public_calls_ignore_keys(world: World) -> None:
    for key in (None, "", "not a key!", FULL):
        assert await world.get("/api/v3/ping", key=key) == {}


async def test_parameters_may_come_in_the_body(world: World) -> None:
    world.shard.answers["place"] = PLACED
    response = await world.send("POST", "/api/v3/order", body=world.signed(ORDER).encode())
    assert response.status == 200
    (name, values, account, key, micros) = world.shard.asked[0]
    assert (name, values[0], account, key, micros) == ("place", "BTCUSDT", 1000, 1, False)


async def test_order_counts_and_weight_stand_in_headers(world: World) -> None:
    world.shard.answers["place"] = PLACED
    response = await world.sign("POST", "/api/v3/order", ORDER)
    assert header(response, "x-mbx-order-count-10s") == "3"
    assert header(response, "x-mbx-order-count-1d") == "9"
    assert header(response, "x-mbx-used-weight-1m") == "0", "orders that succeed are free"
    assert header(response, "content-type") == "application/json;charset=UTF-8"
    world.shard.answers["place"] = Reply(400, b'{"code":-2010,"msg":"no"}', -1, -1)
    response = await world.sign("POST", "/api/v3/order", ORDER)
    assert header(response, "x-mbx-used-weight-1m") == "1", "those that fail are not"
    assert header(response, "x-mbx-order-count-10s") is None
    assert header(await world.send("GET", "/api/v3/time"), "x-mbx-used-weight") == "2"


@pytest.mark.parametrize(
    ("path", "query", "weight"),
    [
        ("depth", "symbol=BTCUSDT", 5),
        ("depth", "symbol=BTCUSDT&limit=100", 5),
        ("depth", "symbol=BTCUSDT&limit=101", 25),
        ("depth", "symbol=BTCUSDT&limit=1000", 50),
        ("depth", "symbol=BTCUSDT&limit=9999", 250),
        ("depth", "symbol=nobody!", 5),
        ("ticker/24hr", "", 80),
        ("ticker/24hr", "symbol=BTCUSDT", 2),
        ("ticker/24hr", 'symbols=["BTCUSDT","ETHBTC"]', 2),
        ("ticker/price", "", 4),
        ("ticker/price", "symbol=BTCUSDT", 2),
        ("ticker/bookTicker", "", 4),
        ("exchangeInfo", "", 20),
        ("nowhere", "", 1),
    ],
)
async def test_weights(world: World, path: str, query: str, weight: int) -> None:
    response = await world.send("GET", f"/api/v3/{path}", query)
    assert header(response, "x-mbx-used-weight") == str(weight)


async def test_too_much_weight_is_429_and_going_on_is_418() -> None:
    world = World(Figures(weight=3, patience=2))
    for _ in range(3):
        await world.get("/api/v3/ping")
    first = await world.send("GET", "/api/v3/ping")
    assert first.status == 429
    assert header(first, "retry-after") == "60"
    assert header(first, "x-mbx-used-weight") == "3"
    assert (await world.send("GET", "/nowhere")).status == 429, "unknown paths are limited, too"
    banned = await world.send("GET", "/api/v3/ping")
    assert banned.status == 418
    assert header(banned, "retry-after") == "120"
    assert told(banned)[1].startswith(
        f"Way too much request weight used; IP banned until {(NOW + 120_000_000) // 1000}."
    )
    assert await world.get("/api/v3/ping", address="192.0.2.2") == {}
    world.shard.time += 120_000_000
    assert await world.get("/api/v3/ping") == {}


async def test_too_many_orders_say_when_to_come_again(world: World) -> None:
    body = b'{"code":-1015,"msg":"Too many new orders; current limit is 100 orders per 10 SECOND."}'
    world.shard.answers["place"] = Reply(429, body, 101, 101)
    assert header(await world.sign("POST", "/api/v3/order", ORDER), "retry-after") == "10"


@pytest.mark.parametrize("unit", ["MICROSECOND", "microsecond", "MILLISECOND", "millisecond", None])
async def test_time_unit(world: World, unit: str | None) -> None:
    told_time = (await world.get("/api/v3/time", x_mbx_time_unit=unit))["serverTime"]
    assert told_time == (NOW if unit and unit.lower() == "microsecond" else NOW // 1000)


async def test_bad_time_unit(world: World) -> None:
    text = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
    assert await world.refused("/api/v3/time", x_mbx_time_unit="Second") == (-1194, text)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/api/v3/order/oco", 400, -1020),
        ("GET", "/api/v3/ticker", 400, -1020),
        ("GET", "/sapi/v1/margin/account", 400, -1020),
        ("GET", "/fapi/v1/depth", 400, -1020),
        ("GET", "/api/v3/order/oco", 405, -1000),
        ("PATCH", "/api/v3/order", 405, -1000),
        ("POST", "/api/v3/ping", 405, -1000),
    ],
)
async def test_what_binance_has_and_we_have_not(world: World, method: str, path: str, status: int, code: int) -> None:
    response = await world.send(method, path)
    assert response.status == status
    assert told(response)[0] == code
    if status == 405:
        assert header(response, "allow")


async def test_what_nobody_has(world: World) -> None:
    for wants_html, body, kind in (
        (True, b"<html><body><h2>404 Not found</h2></body></html>", "text/html"),
        (False, b"", None),
    ):
        response = await world.send(
            "GET", "/api/v3/exchangie", accept="text/html,*/*" if wants_html else "application/json"
        )
        assert (response.status, response.body) == (404, body)
        assert kind is None or header(response, "content-type") == kind
    assert world.dispatcher.unrouted == {404: 2}


async def test_a_failure_is_logged_under_the_id_that_the_client_gets(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.shard.answers["depth"] = RuntimeError("secret detail")
    with caplog.at_level(logging.ERROR):
        response = await world.send("GET", "/api/v3/depth", "symbol=BTCUSDT")
    error = json.loads(response.body)
    assert (response.status, error["code"]) == (500, -1000)
    assert error["msg"] == "An unknown error occurred while processing the request."
    assert "secret detail" not in str(error)
    assert caplog.records[0].request == error["requestId"]  # type: ignore[attr-defined]
    assert caplog.records[0].exc_info


async def test_a_shard_that_does_not_answer(world: World) -> None:
    world.shard.answers["depth"] = None
    world.dispatcher.seconds = 0.02
    response = await world.send("GET", "/api/v3/depth", "symbol=BTCUSDT")
    assert response.status == 408
    assert told(response)[1].startswith("Timeout waiting for response from backend server.")
    world.shard.answers["order"] = None
    response = await world.sign("GET", "/api/v3/order", "symbol=BTCUSDT&orderId=1")
    assert told(response)[0] == -1007, "handlers that wait themselves have the same deadline"


async def test_refusals_of_ports_are_answers(world: World) -> None:
    world.shard.answers["depth"] = ApiError(-1008, "Server is currently overloaded with other requests.", 503)
    response = await world.send("GET", "/api/v3/depth", "symbol=BTCUSDT")
    assert response.status == 503
    assert told(response)[0] == -1008


async def test_stopping(world: World) -> None:
    world.gateway.stop()
    response = await world.send("GET", "/api/v3/ping")
    assert response.status == 503
    assert told(response) == (-1016, "This service is no longer available.")


async def test_tallies(world: World) -> None:
    await world.get("/api/v3/ping")
    await world.send("GET", "/api/v3/ping", "x=1")
    row = next(row for row in world.dispatcher.table.rows if row.operation.name == "ping")
    assert row.tally.statuses == {200: 1, 400: 1}
    assert sum(row.tally.buckets) == 2


def test_what_a_client_sent_is_not_told_by_a_request_to_a_log() -> None:
    nothing = cast("Any", None)
    http = HttpRequest(nothing, "192.0.2.1", b"POST", b"/?signature=5ec2e7", {b"x-mbx-apikey": b"5ec2e7"}, b"5ec2e7")
    asked = RestRequest(http, b"signature=5ec2e7", nothing, row=nothing, usage=nothing, now=0)
    frame = Frame(
        nothing, nothing, Message("id", "order.place", {"signature": "5ec2e7"}), row=nothing, usage=nothing, now=0
    )
    assert not any("5ec2e7" in told for request in (http, asked, frame) for told in (repr(request), f"{request}"))
