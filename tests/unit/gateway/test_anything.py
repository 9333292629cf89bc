"""Any request, whole as HTTP or a frame, is answered: no face raises, whatever stands in it."""

import asyncio
import json
import os
from typing import Any
from urllib.parse import quote

from hypothesis import example, given, settings
from hypothesis import strategies as st

from agio import _core
from agio.gateway.ws_api import WsApiRoom
from tests.unit.gateway.asking import Response, ask_http
from tests.unit.gateway.world import FULL, World

EXAMPLES = settings(max_examples=int(os.environ.get("AGIO_EXAMPLES", "100")), deadline=None)
PATHS = [*{path for _, path in World().dispatcher.table.routes}, *[b"", b"/", b"/api/v3/nothing", b"*"]]
NAMES = st.sampled_from(
    ["symbol", "side", "type", "quantity", "price", "limit", "timestamp", "signature", "orderId", "x"]
)
WORDS = st.sampled_from(
    ["BTCUSDT", "BUY", "LIMIT", "MARKET", "GTC", "1", "0.5", "-1", "", "1e9", "%", "[]", "true", "9" * 25]
)
TARGETS = st.one_of(
    st.sampled_from(PATHS).map(bytes.decode),
    st.text("/:[]@%?#aé.\\", max_size=20),
    st.builds("http://{}{}".format, st.text("[]:@ax.1%", max_size=8), st.sampled_from(PATHS).map(bytes.decode)),
)
PAIRS = st.lists(st.tuples(NAMES | st.text(max_size=4), WORDS | st.text(max_size=6)), max_size=8)


def form(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


async def answered(method: str, target: str, body: bytes, headers: dict[str, str]) -> Response:
    world = World()
    return await ask_http(world.gateway.rest, method, target, body, **headers)


@EXAMPLES
@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", "PATCH"]),
    TARGETS,
    PAIRS.map(form) | st.text(max_size=20),
    st.binary(max_size=40) | PAIRS.map(form).map(str.encode),
    st.fixed_dictionaries(
        {},
        optional={
            "x_mbx_apikey": st.sampled_from([FULL, "", "ü", "x" * 200]),
            "x_mbx_time_unit": st.sampled_from(["MICROSECOND", "", "second"]),
            "accept": st.sampled_from(["text/html", "*/*"]),
            "x_forwarded_for": st.text(max_size=12),
        },
    ),
)
@example("GET", "http://[", "", b"", {})  # no URL at all; it once raised, and the connection hung
def test_any_http_request_is_answered(
    method: str, target: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    response = asyncio.run(answered(method, f"{target}?{query}", body, headers))
    assert 200 <= response.status < 500, "no fault of ours"
    kind = dict(response.headers)["content-type"]
    assert kind.startswith("text/html") or response.body == b"" or json.loads(response.body) is not None


class Connection:
    """`agio.ports.Connection` that keeps what it was sent."""

    remote = "192.0.2.1"

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.sent: list[bytes] = []

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def close(self, *_: Any) -> None:
        self.state["closed"] = True


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
METHODS = sorted(World().dispatcher.table.ws)
FRAMES = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=40) | JSON,
        "method": st.sampled_from(METHODS) | JSON,
        "params": st.dictionaries(
            NAMES | st.just("apiKey") | st.text(max_size=5), WORDS | st.just(FULL) | JSON, max_size=6
        )
        | JSON,
    },
)


async def told(message: bytes) -> list[bytes]:
    world = World()
    room, connection = WsApiRoom(world.dispatcher), Connection()
    assert room.opened(connection, "/ws-api/v3", "")
    room.received(connection, message)
    for _ in range(20):
        await asyncio.sleep(0)
    room.closed(connection)
    return connection.sent


@EXAMPLES
@given(FRAMES.map(json.dumps).map(str.encode) | JSON.map(json.dumps).map(str.encode) | st.binary(max_size=40))
def test_any_frame_is_answered_once(message: bytes) -> None:
    (frame,) = asyncio.run(told(message))
    reply = json.loads(frame)
    assert {"id", "status"} <= reply.keys()
    assert ("result" in reply) != ("error" in reply)
    assert 200 <= reply["status"] < 500, "no fault of ours"


SCHEMA = _core.Schema(
    b"""{"params": [{"name": "symbol", "kind": "symbol"}, {"name": "price", "kind": "decimal"},
    {"name": "limit", "kind": "int", "min": 1, "max": 1000}, {"name": "orderId", "kind": "long"},
    {"name": "side", "kind": "enum", "values": ["BUY", "SELL"]}, {"name": "x", "kind": "bool"}]}"""
)


def read(ask: Any) -> Any:
    try:
        return ask().tuple()
    except _core.ApiError as error:
        return error.args


@EXAMPLES
@given(PAIRS)
def test_query_body_and_pairs_read_alike(pairs: list[tuple[str, str]]) -> None:
    once = list(dict(pairs).items())
    sent = form(once).encode()
    query = read(lambda: SCHEMA.parse(sent, b""))
    assert query == read(lambda: SCHEMA.parse(b"", sent))
    if all(name for name, _ in once):  # `=x` has a name in a form, too: an empty one
        assert query == read(lambda: SCHEMA.parse_pairs(dict(once)))
