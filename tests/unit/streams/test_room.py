"""Handshakes and control requests of the stream listener."""

import asyncio
import json
from typing import Any

import pytest

from agio.streams import room
from tests.unit.streams.fakes import START, CatalogChanged, Top, Trade, World, ask, catalog, event, subscribe


async def test_raw(world: World) -> None:
    client = await world.dial("/ws/btcusdt@trade")
    world.events(Trade(0, 1), Trade(1, 2), Trade(0, 3))
    assert [(await event(client))["t"] for _ in range(2)] == [1, 3]


@pytest.mark.parametrize(
    "target",
    [
        "/stream?streams=btcusdt@trade/ethusdt@trade",
        "/stream?streams=btcusdt%40trade%2Fethusdt%40trade",
        "/stream/?timeUnit=MILLISECOND&streams=btcusdt@trade/ethusdt@trade",
    ],
)
async def test_combined(world: World, target: str) -> None:
    client = await world.dial(target)
    world.events(Trade(0, 1), Trade(1, 2))
    assert await event(client) == {"stream": "btcusdt@trade", "data": {"e": "trade", "t": 1, "T": START // 1000}}
    assert (await event(client))["stream"] == "ethusdt@trade"


async def test_several_raw_names_in_one_path(world: World) -> None:
    client = await world.dial("/ws/btcusdt@trade/ethusdt%40trade")
    world.events(Trade(1, 2), Trade(0, 1))
    assert [(await event(client))["t"] for _ in range(2)] == [2, 1]


async def test_forms_of_one_stream(world: World) -> None:
    """Raw or combined, ms or µs: each connection has its own way, and order holds for each."""
    targets = ["/ws/btcusdt@trade", "/ws/btcusdt@trade?timeUnit=MICROSECOND", "/stream?streams=btcusdt@trade"]
    clients = [await world.dial(target) for target in (*targets, targets[2] + "&timeUnit=microsecond")]
    world.events(Trade(0, 1))
    ms, us = {"e": "trade", "t": 1, "T": START // 1000}, {"e": "trade", "t": 1, "T": START}
    wrapped = [{"stream": "btcusdt@trade", "data": data} for data in (ms, us)]
    assert [await event(client) for client in clients] == [ms, us, *wrapped]


@pytest.mark.parametrize(
    ("target", "status"),
    [("/", 404), ("/other", 404), ("/ws-api/v3", 404), ("/ws?timeUnit=NANOSECOND", 400), ("/ws/" + "x/" * 1025, 400)],
)
async def test_refused_handshakes(world: World, target: str, status: int) -> None:
    client = await world.dial(target)
    assert client.status == status
    assert world.room.gauges() == {"topics": 0, "sessions": 0}


@pytest.mark.parametrize("target", ["/ws", "/ws/", "/ws/0", "/ws/nosuch@trade", "/stream", "/ws/BTCUSDT@trade"])
async def test_unknown_names_are_tolerated_and_silent(world: World, target: str) -> None:
    client = await world.dial(target)
    assert client.status == 101
    world.events(Trade(0, 1))
    assert await client.quiet()
    await subscribe(client, "btcusdt@trade", "btcusdt@kline_1m@+08:00", "btcusdt@nosuch", "nosuch@trade")
    world.events(Trade(0, 2))
    got = await event(client)
    assert got.get("data", got)["t"] == 2


async def test_subscribe_list_unsubscribe(world: World) -> None:
    client = await world.dial("/ws")
    await subscribe(client, "btcusdt@trade", "nosuch@trade")
    await subscribe(client, "btcusdt@trade")
    world.events(Trade(0, 1))
    assert (await event(client))["t"] == 1
    listed = await ask(client, {"method": "LIST_SUBSCRIPTIONS", "id": "a-b"})
    assert listed == {"result": ["btcusdt@trade", "nosuch@trade"], "id": "a-b"}
    answer = await ask(client, {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade", "never@was"], "id": None})
    assert answer == {"result": None, "id": None}
    world.events(Trade(0, 2))
    assert await client.quiet()
    assert world.room.gauges()["topics"] == 1


async def test_properties(world: World) -> None:
    client = await world.dial("/ws/btcusdt@trade")
    assert await ask(client, {"method": "GET_PROPERTY", "params": ["combined"], "id": 1}) == {"result": False, "id": 1}
    assert await ask(client, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2}) == {
        "result": None,
        "id": 2,
    }
    assert (await ask(client, {"method": "GET_PROPERTY", "params": ["combined"], "id": 3}))["result"] is True
    world.events(Trade(0, 1))
    assert (await event(client))["stream"] == "btcusdt@trade"


def request(method: str, *params: Any) -> dict[str, Any]:
    return {"method": method, "params": params, "id": 4}


UNKNOWN = (
    "Invalid request: unknown variant `NOPE`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, "
    "`SET_PROPERTY`, `GET_PROPERTY` at line 1 column 16"
)
NO_NAME = "Invalid request: property name must be a string"
BAD_ID = "Invalid request: request ID must be an unsigned integer"
REFUSED: dict[str, tuple[Any, int, str, Any]] = {
    "no json": ("{", 3, "Invalid JSON: expected value at line 1 column 1", None),
    "no json, second line": ('{"a":\n x}', 3, "Invalid JSON: expected value at line 2 column 2", None),
    "no object": ("[1]", 2, "Invalid request: missing field `method` at line 1 column 3", None),
    "no method": ('{"id":1}', 2, "Invalid request: missing field `method` at line 1 column 8", None),
    "unknown method": ('{"method":"NOPE","id":1}', 2, UNKNOWN, None),
    "no id": ({"method": "LIST_SUBSCRIPTIONS"}, 2, BAD_ID, None),
    "an id that is a number with a point": ({"method": "LIST_SUBSCRIPTIONS", "id": 1.5}, 2, BAD_ID, None),
    "an id that is a truth": ({"method": "LIST_SUBSCRIPTIONS", "id": True}, 2, BAD_ID, None),
    "an id too long": ({"method": "LIST_SUBSCRIPTIONS", "id": "x" * 37}, 2, BAD_ID, None),
    "an id too big": ({"method": "LIST_SUBSCRIPTIONS", "id": 1 << 63}, 2, BAD_ID, None),
    "too many": (request("GET_PROPERTY", "combined", 1), 2, "Invalid request: too many parameters", 4),
    "no property": ({"method": "GET_PROPERTY", "id": 4}, 2, NO_NAME, 4),
    "no name": (request("SET_PROPERTY", 1, 2), 2, NO_NAME, 4),
    "unknown property": (request("SET_PROPERTY", "x", True), 0, "Unknown property", 4),
    "no truth": (request("SET_PROPERTY", "combined", 1), 1, "Invalid value type: expected Boolean", 4),
    "no list": ({"method": "SUBSCRIBE", "params": "x", "id": 4}, 2, "Invalid request: params must be a list", 4),
    "a space": (request("SUBSCRIBE", "a b"), 2, "Invalid request: invalid stream", 4),
    "no text": (request("SUBSCRIBE", 1), 2, "Invalid request: invalid stream", 4),
    "a name too long": (request("SUBSCRIBE", "x" * 257), 2, "Invalid request: invalid stream", 4),
    "nothing": (request("SUBSCRIBE"), 2, "Invalid request: params must name a stream", 4),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
async def test_refused_requests(world: World, case: str) -> None:
    asked, code, message, id_ = REFUSED[case]
    client = await world.dial("/ws")
    error = {"code": code, "msg": message}
    assert await ask(client, asked) == {**error, "error": error, "id": id_}
    assert (await ask(client, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["result"] == []


async def test_1024_streams(world: World) -> None:
    client = await world.dial("/ws")
    await subscribe(client, *[f"x{n}@trade" for n in range(1024)])
    refused = await ask(client, {"method": "SUBSCRIBE", "params": ["one@more"], "id": 9})
    assert refused["code"] == 2
    await subscribe(client, "x0@trade")
    assert world.room.gauges()["topics"] == 1024


async def test_a_closed_connection_leaves_nothing(world: World) -> None:
    client = await world.dial("/ws/btcusdt@trade/btcusdt@depth/btcusdt@kline_1m/!miniTicker@arr/btcusdt@depth5")
    assert world.room.gauges() == {"topics": 5, "sessions": 1}
    client.writer.close()
    while world.room.gauges() != {"topics": 0, "sessions": 0}:
        await asyncio.sleep(0.001)
    assert world.pace._beats == {}
    assert not any(world.market._inputs.routes._sinks.values())


async def test_a_market_listed_later_comes_alive(world: World) -> None:
    client = await world.dial("/ws/newusdt@trade")
    world.catalogue.current = catalog("BTCUSDT", "ETHUSDT", "NEWUSDT")
    world.events(CatalogChanged())
    await asyncio.sleep(0)
    world.events(Trade(2, 5))
    assert (await event(client))["t"] == 5


async def test_names_that_mean_nothing_are_forgotten_when_too_many_are_made_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each connection may make up 1,024 of them: without a bound ten thousand would fill the memory."""
    monkeypatch.setattr(room, "MOST_SILENT", 10)
    one, two = await world.dial("/ws"), await world.dial("/ws/first/btcusdt@trade")
    assert await ask(one, request("SUBSCRIBE", *map(str, range(100)))) == {"result": None, "id": 4}
    assert (await ask(one, request("LIST_SUBSCRIPTIONS")))["result"] == list(map(str, range(9)))
    assert await ask(one, request("SUBSCRIBE", "ethusdt@trade", "first")) == {"result": None, "id": 4}
    assert world.room.gauges()["topics"] == 12, "what means something, or is there already, is never forgotten"
    world.events(Trade(0, 1), Trade(1, 2))
    assert (await event(one))["t"] == 2
    assert (await event(two))["t"] == 1
    await ask(one, request("UNSUBSCRIBE", *map(str, range(100))))
    assert await ask(two, request("SUBSCRIBE", "later")) == {"result": None, "id": 4}
    assert (await ask(two, request("LIST_SUBSCRIPTIONS")))["result"] == ["first", "btcusdt@trade", "later"]


async def test_book_ticker_and_aggregates(world: World) -> None:
    from tests.unit.streams.fakes import Aggregate

    client = await world.dial("/stream?streams=btcusdt@bookTicker/btcusdt@aggTrade")
    world.events(Top(0, 8), Aggregate(0, 9), Top(1, 1))
    assert await event(client) == {"stream": "btcusdt@bookTicker", "data": {"u": 8}}
    assert await event(client) == {"stream": "btcusdt@aggTrade", "data": {"e": "aggTrade", "a": 9}}


async def test_the_reply_comes_before_the_first_event(world: World) -> None:
    client = await world.dial("/ws")
    client.text(json.dumps({"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 1}))
    while not world.room.gauges()["topics"]:
        await asyncio.sleep(0)
        world.events(Trade(0, 1))
    world.events(Trade(0, 2))
    assert await event(client) == {"result": None, "id": 1}


async def test_server_shutdown(world: World) -> None:
    raw, combined = await world.dial("/ws"), await world.dial("/stream?timeUnit=MICROSECOND")
    world.listener.announce(world.room.farewell)
    assert await event(raw) == {"e": "serverShutdown", "E": START // 1000}
    assert await event(combined) == {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": START}}
