"""Clients that ask too much: they are told when to come back, then shut out, and nobody else notices."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from agio.cli.admin_client import Admin
from tests.bad_days.client import LOW, Answer, Client
from tests.exchange import Exchange, User
from tests.unit.wire.raw import dial, frame

HEAVY = "/api/v3/ticker/24hr"
"""Of all markets: weight 80, so that 75 fit into a minute."""
BECAUSE = {"actor": "test", "reason": "somebody who floods"}


def a_trader(venue: Exchange, name: str) -> User:
    """A new user with money, so that no other test's orders are counted with these."""
    admin = Admin(venue.folder)
    account = admin.post("/users", name=name, **BECAUSE)["account"]
    made = admin.post("/keys", user=name, permissions=["read", "trade"], **BECAUSE)
    admin.post("/accounts/deposit", account=account, asset="USDT", amount="1000000", **BECAUSE)
    return User(name, made["api_key"], made["secret"])


def ask_until(client: Client, status: int, most: int) -> tuple[int, Answer]:
    """Asks until it is answered so; how often it was answered otherwise, and the answer."""
    for count in range(most):
        answer = client.send("GET", HEAVY)
        if answer.status == status:
            return count, answer
    raise AssertionError(f"never answered with {status}, at last with {answer}")


def test_too_much_weight_is_429_then_418(venue: Exchange, client: Client) -> None:
    flooder = Client(venue.rest, venue.user, "127.0.0.66")
    count, refused = ask_until(flooder, 429, 160)  # two minutes' worth: one may end meanwhile
    assert count >= 75
    assert refused.code == -1003
    assert refused.body["msg"].startswith(
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE"
    )
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert int(refused.headers["x-mbx-used-weight-1m"]) > 5_900
    count, banned = ask_until(flooder, 418, 400)
    assert banned.code == -1003
    assert "IP banned until" in banned.body["msg"]
    assert 60 < int(banned.headers["retry-after"]) <= 120
    assert flooder.send("GET", "/api/v3/ping").status == 418
    assert flooder.place().status == 418, "orders as well"
    assert client.send("GET", HEAVY).status == 200, "nobody else is meant"


async def test_who_is_banned_has_no_web_socket_either(venue: Exchange, client: Client) -> None:
    flooder = Client(venue.rest, venue.user, "127.0.0.67")
    ask_until(flooder, 418, 600)
    url = urlsplit(venue.ws_api)
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port, local_addr=("127.0.0.67", 0))
    writer.write(
        f"GET {url.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    assert not (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 101")
    writer.close()


def test_too_many_orders_are_429_until_the_ten_seconds_are_over(venue: Exchange, client: Client) -> None:
    trader = Client(venue.rest, a_trader(venue, "hasty"), "127.0.0.68")
    answers = [trader.place(price=LOW, quantity="0.001") for _ in range(230)]  # two windows' worth, and more
    refused = [answer for answer in answers if answer.status != 200]
    assert 100 <= len(answers) - len(refused) <= 200
    assert {(answer.status, answer.code) for answer in refused} == {(429, -1015)}
    assert refused[0].body["msg"] == "Too many new orders; current limit is 100 orders per 10 SECOND."
    assert 1 <= int(refused[0].headers["retry-after"]) <= 10
    assert trader.cancel_all().status == 200, "cancels are never counted"


async def test_more_than_five_messages_a_second_end_a_stream_connection(venue: Exchange, client: Client) -> None:
    port = urlsplit(venue.streams).port or 0
    question = frame(1, json.dumps({"id": 1, "method": "LIST_SUBSCRIPTIONS"}).encode())
    async with dial(port, "/ws") as quiet, dial(port, "/ws") as flooder:
        flooder.write(question * 50)
        code, reason = await flooder.closed()
        assert (code, reason) == (1008, "Too many requests")
        quiet.write(question)
        assert json.loads(await quiet.message()) == {"result": [], "id": 1}


@pytest.mark.parametrize("listener", ["streams", "ws_api"])
async def test_too_many_connections_are_refused(venue: Exchange, client: Client, listener: str) -> None:
    """300 attempts of an address in five minutes."""
    url = urlsplit(getattr(venue, listener))
    path = url.path or "/ws"
    source = "127.0.0.70" if listener == "streams" else "127.0.0.71"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()

    async def attempt() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", url.port, local_addr=(source, 0))
        writer.write(request)
        line = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        return line

    lines = [await attempt() for _ in range(301)]
    assert all(line.startswith(b"HTTP/1.1 101") for line in lines[:300])
    assert lines[300].startswith(b"HTTP/1.1 429")
    async with dial(url.port or 0, path) as other:
        assert other.status == 101
