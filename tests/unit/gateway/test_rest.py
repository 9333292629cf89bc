"""The REST face over real HTTP: what the server makes of a request reaches the table unchanged."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import uvloop

from agio.ports import Reply
from agio.wire.http import HttpListener
from tests.unit.gateway.world import FULL, World

ORDER = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=5"


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Client:
    """One keep-alive connection, written by hand so that the bytes are what the test says."""

    port: int
    world: World
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None)

    async def ask(self, request_line: str, body: bytes | None = None, **headers: str) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        lines = [f"{request_line} HTTP/1.1", "host: x", *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items())]
        if body is not None:
            lines.append(f"content-length: {len(body)}")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return await self._read(reader)

    async def _read(self, reader: asyncio.StreamReader) -> Answer:
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(int(head[0].split(" ")[1]), headers, body)

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    world = World()
    listener = HttpListener(world.gateway.rest)
    client = Client(await listener.start("127.0.0.1", 0), world)
    yield client
    await client.close()
    await listener.stop()


async def test_a_public_call(client: Client) -> None:
    answer = await client.ask("GET /api/v3/ping")
    assert (answer.status, answer.body) == (200, b"{}")
    assert answer.headers["content-type"] == "application/json;charset=utf-8"
    assert answer.headers["x-mbx-used-weight-1m"] == "1"
    assert (await client.ask("GET /api/v3/ping")).headers["x-mbx-used-weight"] == "2"


@pytest.mark.parametrize("where", ["query", "body", "both"])
async def test_signed_parameters_may_be_anywhere(client: Client, where: str) -> None:
    client.world.shard.answers["place"] = Reply(200, b"{}", 1, 1)
    signed = client.world.signed(ORDER)
    query, body = {"query": (signed, ""), "body": ("", signed), "both": ("", "")}[where]
    if where == "both":
        query = "newClientOrderId=a"
        body = client.world.signed(query + ORDER).removeprefix(query)
    answer = await client.ask(f"POST /api/v3/order?{query}".rstrip("?"), body.encode(), X_MBX_APIKEY=FULL)
    assert answer.status == 200, answer
    assert answer.headers["x-mbx-order-count-1d"] == "1"


async def test_a_delete_without_a_body(client: Client) -> None:
    signed = client.world.signed("symbol=BTCUSDT&orderId=1")
    assert (await client.ask(f"DELETE /api/v3/order?{signed}", X_MBX_APIKEY=FULL)).status == 200


async def test_content_type_does_not_matter(client: Client) -> None:
    """python-binance calls its GETs application/json."""
    answer = await client.ask("GET /api/v3/depth?symbol=BTCUSDT", content_type="application/json")
    assert answer.status == 200


async def test_percent_encoding_reaches_the_parser(client: Client) -> None:
    for symbols in ("%5B%22BTCUSDT%22%5D", "[%22BTCUSDT%22]", '["BTCUSDT"]'):
        answer = await client.ask(f"GET /api/v3/ticker/price?symbols={symbols}")
        assert json.loads(answer.body)[0]["symbol"] == "BTCUSDT", answer


async def test_time_unit_and_accept_are_headers(client: Client) -> None:
    answer = await client.ask("GET /api/v3/time", X_MBX_TIME_UNIT="MICROSECOND")
    assert json.loads(answer.body)["serverTime"] == client.world.shard.time
    assert b"<html>" in (await client.ask("GET /nowhere", Accept="text/html,*/*")).body
    assert (await client.ask("GET /nowhere", Accept="application/json")).body == b""


async def test_there_is_no_sbe(client: Client) -> None:
    """faqs/sbe_faq.md: 406 for who accepts nothing else; who takes JSON as well gets it."""
    answer = await client.ask("GET /api/v3/ping", accept="application/sbe", X_MBX_SBE="3:1")
    assert (answer.status, json.loads(answer.body)["code"]) == (406, -1155)
    both = await client.ask("GET /api/v3/ping", accept="application/sbe,application/json", X_MBX_SBE="3:1")
    assert (both.status, both.body) == (200, b"{}")


async def test_too_long_a_query(client: Client) -> None:
    answer = await client.ask(f"GET /api/v3/ping?x={'a' * 20_000}")
    assert answer.status == 414
    assert json.loads(answer.body)["code"] == -1101
    assert client.world.shard.asked == []


@pytest.mark.parametrize("announced", [True, False])
async def test_too_long_a_body(client: Client, announced: bool) -> None:
    if announced:
        answer = await client.ask("POST /api/v3/order", b"x" * 70_000)
    else:
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
        writer.write(b"POST /api/v3/order HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n" + chunk * 3)
        answer = await client._read(reader)
        writer.close()
    assert answer.status == 413
    assert json.loads(answer.body)["code"] == -1101


async def test_a_little_too_long_a_body_gets_binances_answer(client: Client) -> None:
    answer = await client.ask("POST /api/v3/order", b"x" * 20_000, X_MBX_APIKEY=FULL)
    assert (answer.status, json.loads(answer.body)["code"]) == (400, -1101)


async def test_broken_escapes(client: Client) -> None:
    answer = await client.ask("GET /api/v3/depth?symbol=%zz")
    assert (answer.status, json.loads(answer.body)["code"]) == (400, -1100)


async def test_a_head_is_a_get_without_its_body(client: Client) -> None:
    client._streams = reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    for path, status in (("time", 200), ("depth", 400), ("order/test", 405), ("executionRules", 400), ("nowhere", 404)):
        writer.write(b"HEAD /api/v3/%b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        assert head.startswith(b"HTTP/1.1 %d " % status), path
    assert (await client.ask("GET /api/v3/time")).status == 200, "nothing of them is left on the line"


async def test_methods_that_a_path_does_not_take(client: Client) -> None:
    answer = await client.ask("OPTIONS /api/v3/ping")
    assert (answer.status, answer.headers["allow"]) == (405, "get, head")
    assert (await client.ask("PATCH /api/v3/order")).headers["allow"] == "delete, get, head, post"


async def test_pages_from_anywhere_may_read_answers(client: Client) -> None:
    """As at Binance, for dashboards in browsers. What needs a key is not for them: its header is not allowed."""
    for path in ("ping", "depth", "nowhere"):
        answer = await client.ask(f"GET /api/v3/{path}", origin="http://example.com")
        assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-headers" not in answer.headers


async def test_a_gets_parameters_stand_in_its_query(client: Client) -> None:
    """rest-api.md; what works here must not fail at Binance."""
    answer = await client.ask("GET /api/v3/depth", b"symbol=BTCUSDT")
    assert (answer.status, json.loads(answer.body)["code"]) == (400, -1102)
    signed = client.world.signed("symbol=BTCUSDT").encode()
    answer = await client.ask("GET /api/v3/openOrders", signed, X_MBX_APIKEY=FULL)
    assert (answer.status, json.loads(answer.body)["code"]) == (400, -1102)
    assert client.world.shard.asked == []


async def test_only_listed_proxies_are_believed(client: Client) -> None:
    limits = client.world.dispatcher.limits
    await client.ask("GET /api/v3/ping", X_Forwarded_For="203.0.113.9")
    assert limits.of("127.0.0.1", client.world.shard.time).weight == 1
    client.world.gateway.rest._proxies = frozenset({"127.0.0.1"})
    await client.ask("GET /api/v3/ping", X_Forwarded_For="198.51.100.7, 203.0.113.9")
    assert limits.of("203.0.113.9", client.world.shard.time).weight == 1
    assert limits.of("198.51.100.7", client.world.shard.time).weight == 0
