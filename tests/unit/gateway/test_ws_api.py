"""The WebSocket API: frames, sessions, subscriptions, limits."""

import asyncio
import base64
import json
from typing import Any

import pytest

from agio.domain.errors import ApiError
from agio.gateway.limits import Figures
from agio.ports import Reply
from tests.unit.gateway.world import ED, FULL, NOW, World

PLACED = Reply(200, b'{"orderId":1}', 3, 9)
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "5"}
UNIT = "timeUnit=MICROSECOND"


class Socket:
    """An `agio.ports.Connection` that remembers, with a client's way of asking."""

    def __init__(self, world: World, query: str = "", remote: str = "192.0.2.1") -> None:
        self.world = world
        self.remote = remote
        self.state: dict[str, Any] = {}
        self.sent: list[bytes] = []
        self.ended: tuple[int, str] | None = None
        self.is_open = world.gateway.ws_api.opened(self, "/ws-api/v3", query)

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    def close(self, code: int, reason: str) -> None:
        self.ended = (code, reason)

    async def raw(self, message: bytes) -> dict[str, Any]:
        """Sends a frame and waits for the answer to it."""
        before = len(self.sent)
        self.world.gateway.ws_api.received(self, message)
        for _ in range(200):
            await asyncio.sleep(0)
            if len(self.sent) > before:
                answer: dict[str, Any] = json.loads(self.sent[before])
                return answer
        raise AssertionError("no answer")

    async def ask(self, method: str, id: Any = 1, **params: Any) -> dict[str, Any]:  # noqa: A002
        return await self.raw(json.dumps({"id": id, "method": method, "params": params}).encode())

    async def signed(self, method: str, key: str = FULL, **params: Any) -> dict[str, Any]:
        return await self.ask(method, **self.sign(key, params))

    def sign(self, key: str, params: dict[str, Any]) -> dict[str, Any]:
        import hashlib
        import hmac

        from tests.unit.gateway.world import SECRET

        sent = params | {"apiKey": key, "timestamp": self.world.shard.time // 1000}
        payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent)).encode()
        if key == ED:
            return sent | {"signature": base64.b64encode(self.world.ed_private.sign(payload)).decode()}
        return sent | {"signature": hmac.new(SECRET, payload, hashlib.sha256).hexdigest()}


@pytest.fixture
def socket(world: World) -> Socket:
    return Socket(world)


def error(answer: dict[str, Any]) -> tuple[int, int]:
    return answer["status"], answer["error"]["code"]


async def test_an_answer_has_its_id_status_result_and_limits(socket: Socket) -> None:
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 3}
    assert await socket.ask("time", id="é-1") == {
        "id": "é-1",
        "status": 200,
        "result": {"serverTime": NOW // 1000},
        "rateLimits": [weight],
    }


@pytest.mark.parametrize("id_", [None, 0, -(2**63), 2**63 - 1, "text", "", "é" * 36])
async def test_ids(socket: Socket, id_: Any) -> None:
    assert (await socket.ask("ping", id=id_))["id"] == id_


async def test_params_may_be_left_out_or_null(socket: Socket) -> None:
    assert (await socket.raw(b'{"id":1,"method":"ping"}'))["status"] == 200
    assert (await socket.raw(b'{"id":1,"method":"v3/ping","params":null}'))["status"] == 200


@pytest.mark.parametrize(
    ("message", "id_", "code", "text"),
    [
        (b"not json", None, -1135, "Invalid JSON Request"),
        (b"[]", None, -1135, "Invalid JSON Request"),
        (b'{"id":{},"method":"ping"}', None, -1135, "Invalid JSON Request"),
        (b'{"id":1.5,"method":"ping"}', None, -1135, "Invalid JSON Request"),
        (b'{"id":true,"method":"ping"}', None, -1135, "Invalid JSON Request"),
        (b'{"method":"ping"}', None, -1135, "Invalid JSON Request"),
        (b'{"id":9223372036854775808,"method":"ping"}', None, -1135, "Invalid JSON Request"),
        (b'{"id":-9223372036854775809,"method":"ping"}', None, -1135, "Invalid JSON Request"),
        (b'{"id":"%b","method":"ping"}' % (b"x" * 37), None, -1135, "Invalid JSON Request"),
        (b'{"id":1}', 1, -1135, "Invalid JSON Request"),
        (b'{"id":1,"method":7}', 1, -1135, "Invalid JSON Request"),
        (b'{"id":1,"method":7.5}', 1, -1135, "Invalid JSON Request"),
        (b'{"id":1,"method":"ping","params":[]}', 1, -1135, "Invalid 'params' in JSON request; expected an object."),
        (b'{"id":1,"method":"nothing"}', 1, -1020, "This operation is not supported."),
        (b'{"id":1,"method":"order.cancelReplace"}', 1, -1020, "This operation is not supported."),
        (b'{"id":1,"method":"depth","params":{}}', 1, -1102,
         "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        (b'{"id":1,"method":"depth","params":{"symbol":"NOPE"}}', 1, -1121, "Invalid symbol."),
    ],
)  # fmt: skip
async def test_bad_requests(socket: Socket, message: bytes, id_: Any, code: int, text: str) -> None:
    answer = await socket.raw(message)
    assert (answer["id"], answer["status"], answer["error"]) == (id_, 400, {"code": code, "msg": text})
    assert answer["rateLimits"][0]["count"] > 2, "counted like any other"


async def test_parameters_are_json_values(socket: Socket) -> None:
    answer = await socket.ask("exchangeInfo", symbols=["BTCUSDT", "ETHBTC"], showPermissionSets=False)
    assert [symbol["symbol"] for symbol in answer["result"]["symbols"]] == ["BTCUSDT", "ETHBTC"]
    assert answer["result"]["rateLimits"][-1]["rateLimitType"] == "CONNECTIONS"
    assert (await socket.ask("depth", symbol="BTCUSDT", limit=7))["status"] == 200
    assert socket.world.shard.asked == [("depth", "BTCUSDT", 7)]


async def test_orders(socket: Socket) -> None:
    socket.world.shard.answers["place"] = PLACED
    answer = await socket.signed("order.place", **ORDER)
    assert answer["result"] == {"orderId": 1}
    assert [(limit["rateLimitType"], limit["interval"], limit["count"]) for limit in answer["rateLimits"]] == [
        ("ORDERS", "SECOND", 3), ("ORDERS", "DAY", 9), ("REQUEST_WEIGHT", "MINUTE", 2),
    ]  # fmt: skip
    assert socket.world.shard.asked[0][2:] == (1000, 1, False)


@pytest.mark.parametrize("price", ["5.10", "0.00001", "92233720368.12345671", "50000.0"])
async def test_a_number_without_quotes_is_what_was_written(socket: Socket, price: str) -> None:
    """To the signature, which is made over it, and to the order: no digit is lost on the way through a float."""
    socket.world.shard.answers["place"] = PLACED
    order = ORDER | {"price": price}
    frame = json.dumps({"id": 1, "method": "order.place", "params": socket.sign(FULL, order)})
    assert (await socket.raw(frame.replace(f'"{price}"', price).encode()))["status"] == 200
    await socket.signed("order.place", **order)
    (_, bare, *_), (_, quoted, *_) = socket.world.shard.asked
    assert bare == quoted


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"apiKey": None}, 400, -1102),
        ({"apiKey": 5}, 401, -2014),
        ({"apiKey": "U" * 64}, 401, -2015),
        ({"signature": "00"}, 400, -1022),
        ({"timestamp": 1}, 400, -1021),
        ({"price": "6"}, 400, -1022),
    ],
)
async def test_refused_orders(socket: Socket, change: dict[str, Any], status: int, code: int) -> None:
    params = socket.sign(FULL, ORDER) | change
    sent = {name: value for name, value in params.items() if value is not None}
    assert error(await socket.ask("order.place", **sent)) == (status, code)
    assert socket.world.shard.asked == []


async def test_rate_limits_can_be_hidden(world: World) -> None:
    silent = Socket(world, "returnRateLimits=false")
    assert "rateLimits" not in await silent.ask("ping")
    assert "rateLimits" in await silent.ask("ping", returnRateLimits=True)
    for no in (False, "false", "FALSE"):
        assert "rateLimits" not in await Socket(world).ask("ping", returnRateLimits=no)
    assert (await silent.ask("session.status"))["result"]["returnRateLimits"] is False


@pytest.mark.parametrize(("name", "code"), [("symbol", -1100), ("returnRateLimits", -1130)])
@pytest.mark.parametrize("nest", [('{"a":', "}"), ("[", "]")])
async def test_values_of_any_depth_are_refused(socket: Socket, name: str, code: int, nest: tuple[str, str]) -> None:
    """Also where they can just be read, and no more: deeper ones are no JSON to us."""
    opens, closes = nest
    codes = set()
    for depth in range(700, 1000):
        value = opens * depth + "1" + closes * depth
        answer = await socket.raw(f'{{"id":1,"method":"depth","params":{{"symbol":"X","{name}":{value}}}}}'.encode())
        codes.add(answer["error"]["code"])
    assert codes == {code, -1135}


async def test_microseconds(world: World) -> None:
    assert (await Socket(world, UNIT).ask("time"))["result"]["serverTime"] == NOW
    with pytest.raises(ApiError) as refused:
        Socket(world, "timeUnit=HOUR")
    assert (refused.value.code, refused.value.status) == (-1194, 400)


async def test_there_is_no_sbe(world: World) -> None:
    assert Socket(world, "responseFormat=json").is_open
    with pytest.raises(ApiError) as refused:
        Socket(world, "responseFormat=sbe&sbeSchemaId=3&sbeSchemaVersion=1")
    assert (refused.value.code, refused.value.status) == (-1155, 400)


async def test_only_its_own_path_is_served(world: World) -> None:
    socket = Socket(world)
    assert socket.is_open
    assert not world.gateway.ws_api.opened(socket, "/ws", "")


async def test_a_connection_costs_two(socket: Socket) -> None:
    assert socket.world.dispatcher.limits.of("192.0.2.1", NOW).weight == 2


async def test_too_much_weight_and_a_ban() -> None:
    world = World(Figures(weight=4, patience=1))
    socket = Socket(world)
    for _ in range(2):
        assert (await socket.ask("ping"))["status"] == 200
    refused = await socket.ask("ping")
    assert error(refused) == (429, -1003)
    assert refused["error"]["data"] == {"serverTime": NOW // 1000, "retryAfter": (NOW + 60_000_000) // 1000}
    banned = await socket.ask("ping")
    assert error(banned) == (418, -1003)
    assert banned["error"]["data"]["retryAfter"] == (NOW + 120_000_000) // 1000
    assert socket.ended
    with pytest.raises(ApiError) as again:
        Socket(world)
    assert (again.value.code, again.value.status) == (-1003, 418), "a banned address cannot connect"


async def test_refusals_tell_microseconds_where_they_were_asked_for() -> None:
    socket = Socket(World(Figures(weight=2)), UNIT)
    assert (await socket.ask("ping"))["error"]["data"] == {"serverTime": NOW, "retryAfter": NOW + 60_000_000}


async def test_several_requests_are_under_way_at_once(world: World) -> None:
    socket = Socket(world)
    world.shard.answers["depth"] = None
    world.gateway.ws_api.received(socket, b'{"id":"slow","method":"depth","params":{"symbol":"BTCUSDT"}}')
    await asyncio.sleep(0)
    assert (await socket.ask("ping", id="fast"))["id"] == "fast"


async def test_requests_under_way_are_bounded() -> None:
    world = World(Figures(in_flight=2))
    socket = Socket(world)
    world.shard.answers["depth"] = None
    for _ in range(2):
        world.gateway.ws_api.received(socket, b'{"id":1,"method":"depth","params":{"symbol":"BTCUSDT"}}')
    await asyncio.sleep(0)
    assert error(await socket.ask("ping")) == (429, -1003)


# --- sessions ---


async def test_logging_on_and_off(socket: Socket) -> None:
    nobody = {
        "apiKey": None,
        "authorizedSince": None,
        "connectedSince": NOW // 1000,
        "returnRateLimits": True,
        "serverTime": NOW // 1000,
        "userDataStream": False,
    }
    assert (await socket.ask("session.status"))["result"] == nobody
    somebody = nobody | {"apiKey": ED, "authorizedSince": NOW // 1000}
    assert (await socket.signed("session.logon", key=ED))["result"] == somebody
    assert (await socket.ask("session.status"))["result"] == somebody
    answer = await socket.ask("account.status", timestamp=NOW // 1000)
    assert answer["result"]["uid"] == 1000
    assert socket.world.shard.asked[-1] == ("account", 1001, False, False)
    assert (await socket.ask("session.logout"))["result"] == nobody
    assert error(await socket.ask("account.status", timestamp=NOW // 1000)) == (400, -1102)


async def test_only_ed25519_keys_log_on(socket: Socket) -> None:
    assert error(await socket.signed("session.logon")) == (400, -1020)


async def test_a_session_still_needs_a_good_timestamp(socket: Socket) -> None:
    await socket.signed("session.logon", key=ED)
    assert error(await socket.ask("account.status")) == (400, -1102)
    assert error(await socket.ask("account.status", timestamp=NOW // 1000 - 5001)) == (400, -1021)
    assert (await socket.ask("account.status", timestamp=NOW // 1000 - 5001, recvWindow=6000))["status"] == 200


async def test_another_key_may_sign_a_request(socket: Socket) -> None:
    await socket.signed("session.logon", key=ED)
    await socket.signed("account.status")
    assert socket.world.shard.asked[-1] == ("account", 1000, False, False)
    forged = socket.sign(FULL, {}) | {"signature": "00"}
    assert error(await socket.ask("account.status", **forged)) == (400, -1022), "the logon does not stand for it"


async def test_a_revoked_key_ends_the_logon_and_its_user_data(socket: Socket) -> None:
    await socket.signed("session.logon", key=ED)
    await socket.ask("userDataStream.subscribe")
    await socket.signed("userDataStream.subscribe.signature")
    del socket.world.keys[ED]
    assert error(await socket.ask("account.status", timestamp=NOW // 1000)) == (401, -2015)
    assert (await socket.ask("session.status"))["result"]["apiKey"] is None
    assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}], "the other key's"


async def test_user_data_of_the_logon_ends_with_it(socket: Socket) -> None:
    assert error(await socket.ask("userDataStream.subscribe")) == (401, -2015)
    await socket.signed("session.logon", key=ED)
    assert (await socket.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
    assert error(await socket.ask("userDataStream.subscribe")) == (400, -2035)
    assert (await socket.signed("userDataStream.subscribe.signature"))["result"] == {"subscriptionId": 1}
    assert (await socket.ask("session.status"))["result"]["userDataStream"] is True
    await socket.ask("session.logout")
    assert (await socket.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]
    assert (await socket.ask("userDataStream.unsubscribe", subscriptionId=1))["result"] == {}
    assert error(await socket.ask("userDataStream.unsubscribe")) == (400, -2036)


async def test_a_lost_connection_ends_its_subscriptions(socket: Socket) -> None:
    await socket.signed("userDataStream.subscribe.signature")
    socket.world.gateway.ws_api.closed(socket)
    assert socket.world.feeds.open == {}
    before = len(socket.sent)
    socket.world.gateway.ws_api.received(socket, b'{"id":1,"method":"ping"}')
    await asyncio.sleep(0)
    assert len(socket.sent) == before


async def test_listen_keys(socket: Socket) -> None:
    made = (await socket.ask("userDataStream.start", apiKey=FULL))["result"]["listenKey"]
    for method in ("ping", "stop"):
        assert (await socket.ask(f"userDataStream.{method}", apiKey=FULL, listenKey=made))["result"] == {}
    assert error(await socket.ask("userDataStream.ping", apiKey=FULL, listenKey=made)) == (400, -1125)


@pytest.mark.parametrize(("query", "time"), [("", NOW // 1000), (UNIT, NOW)])
def test_a_farewell_has_the_connections_unit(world: World, query: str, time: int) -> None:
    told = json.loads(world.gateway.ws_api.farewell(Socket(world, query)))
    assert told == {"event": {"e": "serverShutdown", "E": time}}


async def test_the_reply_is_queued_before_the_subscriptions_first_event(socket: Socket) -> None:
    """In the same tick in which `subscribe` returns: what the feeds send comes in the next one."""
    feeds, order = socket.world.feeds, []
    subscribe = feeds.subscribe

    def spied(connection: Any, account: int, micros: bool, key: str = "") -> int:
        asyncio.get_running_loop().call_soon(lambda: order.append(len(socket.sent)))
        return subscribe(connection, account, micros, key)

    feeds.subscribe = spied  # type: ignore[method-assign]
    await socket.signed("userDataStream.subscribe.signature")
    await asyncio.sleep(0)
    assert order == [1]
