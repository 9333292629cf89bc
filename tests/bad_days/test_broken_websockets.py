"""Frames and handshakes that are none, on both WebSocket listeners: each ends its own connection only."""

import asyncio
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.bad_days.client import Client
from tests.exchange import Exchange
from tests.unit.wire.raw import dial, frame

TEXT, BINARY, CONTINUATION, CLOSE, PING = 1, 2, 0, 8, 9
UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
NESTED = b'{"a":' * 20_000 + b"1" + b"}" * 20_000
QUESTION = json.dumps({"id": 1, "method": "time"}).encode()
BROKEN: list[tuple[str, bytes, set[int]]] = [
    ("unmasked", frame(TEXT, QUESTION, mask=False), {1002}),
    ("reserved bits", frame(TEXT, QUESTION, rsv=4), {1002}),
    ("unknown opcode", frame(3, b"?"), {1002}),
    ("binary", frame(BINARY, QUESTION), {1003}),
    ("not UTF-8", frame(TEXT, b"\xff\xfe\xfd"), {1007}),
    ("nothing to continue", frame(CONTINUATION, QUESTION), {1002}),
    ("a message inside another", frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), {1002}),
    ("a ping in pieces", frame(PING, b"a", fin=False), {1002}),
    ("a ping too long", frame(PING, b"a" * 126), {1002}),
    ("a message too long", frame(TEXT, b"a" * 140_000), {1009}),
    ("too many fragments", frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"a", fin=False) * 200, {1008, 1009}),
    ("a length of 2^63", b"\x81\xff" + b"\xff" * 8 + b"\x00" * 4, {1002, 1009}),
]


@pytest.fixture(params=["ws_api", "streams"])
def address(venue: Exchange, client: Client, request: pytest.FixtureRequest) -> tuple[int, str]:
    """Port and path of a listener that must live on."""
    url = urlsplit(venue.ws_api if request.param == "ws_api" else f"{venue.streams}/ws")
    assert url.port
    return url.port, url.path


async def still_serves(port: int, path: str) -> bool:
    """Whether another connection is answered."""
    question = QUESTION if "api" in path else json.dumps({"id": 1, "method": "LIST_SUBSCRIPTIONS"}).encode()
    async with dial(port, path) as other:
        other.write(frame(TEXT, question))
        answer: dict[str, Any] = json.loads(await other.message())
        return answer["id"] == 1 and "result" in answer


@pytest.mark.parametrize(("said", "codes"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_broken_frames(address: tuple[int, str], said: bytes, codes: set[int]) -> None:
    async with dial(*address) as link:
        link.write(said)
        code, _ = await link.closed()
        assert code in codes
        link.write(frame(CLOSE, code.to_bytes(2)))
        await link.ended()
    assert await still_serves(*address)


async def test_who_does_not_answer_a_close_is_cut_off(address: tuple[int, str]) -> None:
    async with dial(*address) as link:
        link.write(frame(BINARY))
        assert (await link.closed())[0] == 1003
        await link.ended()


@pytest.mark.parametrize("address", ["streams"], indirect=True)
@pytest.mark.parametrize(
    "said",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST %s HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"GET %s HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Sec-WebSocket-Version: 99\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\n" + UPGRADE + b"Sec-WebSocket-Version: 13\r\n\r\n",
        b"\x00\xff\x80" * 3000,
        b"GET " + b"a" * 100_000,
    ],
)
async def test_broken_handshakes(address: tuple[int, str], said: bytes) -> None:
    port, path = address
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said.replace(b"%s", path.encode()))
    try:
        heard = await asyncio.wait_for(reader.read(), 8)
        assert heard == b"" or heard.startswith(b"HTTP/1.1 4"), heard[:100]
    except ConnectionError:
        pass
    finally:
        writer.close()
    assert await still_serves(port, path)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", -1135),
        (b"{", -1135),
        (b"[]", -1135),
        (b'{"id": {}, "method": "time"}', -1135),
        (b'{"id": 1}', -1135),
        (b'{"id": 1, "method": 5}', -1135),
        (b'{"id": 1, "method": "fly"}', -1020),
        (b'{"id": 1, "method": "time", "params": [1]}', -1135),
        (b'{"id": 1, "method": "depth", "params": {"symbol": ["BTCUSDT"]}}', -1100),
        (b'{"id": 1, "method": "depth", "params": {"symbol": {"a": 1}}}', -1100),
        (b"[" * 60_000, -1135),
        (b'{"id": 1, "method": "depth", "params": ' + NESTED + b"}", -1135),
    ],
)
async def test_questions_that_are_none_are_answered(venue: Exchange, client: Client, said: bytes, code: int) -> None:
    """JSON that is broken, of other types than are wanted, or nested without end, costs nobody the connection."""
    url = urlsplit(venue.ws_api)
    async with dial(url.port or 0, url.path) as link:
        link.write(frame(TEXT, said))
        answer = json.loads(await link.message())
        assert (answer["status"], answer["error"]["code"]) == (400, code)
        link.write(frame(TEXT, QUESTION))
        assert json.loads(await link.message())["status"] == 200


@pytest.mark.parametrize(
    "said",
    [
        b"{",
        b"[]",
        b"5",
        b'{"id": 1}',
        b'{"id": 1, "method": "FLY"}',
        b'{"id": 1, "method": "SUBSCRIBE", "params": 5}',
        b'{"id": 1, "method": "SUBSCRIBE", "params": [' + NESTED + b"]}",
    ],
)
async def test_requests_to_streams_that_are_none_are_answered(venue: Exchange, client: Client, said: bytes) -> None:
    port = urlsplit(venue.streams).port or 0
    async with dial(port, "/ws") as link:
        link.write(frame(TEXT, said))
        assert "code" in json.loads(await link.message())["error"]
    assert await still_serves(port, "/ws")


async def test_a_client_that_vanishes_takes_its_subscriptions_with_it(venue: Exchange, client: Client) -> None:
    port = urlsplit(venue.streams).port or 0
    for _ in range(20):
        async with dial(port, "/ws/btcusdt@bookTicker/btcusdt@depth@100ms") as link:
            link.writer.transport.abort()
    order = client.place().body["orderId"]
    client.cancel(order)
    assert await still_serves(port, "/ws")
