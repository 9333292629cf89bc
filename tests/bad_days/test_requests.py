"""Requests that are malformed, oversized, duplicated, unknown or incomplete, badly signed, late, or sent twice."""

from typing import Any

import pytest

from tests.bad_days.client import LOW, Client

MANDATORY = "Mandatory parameter '%s' was not sent, was empty/null, or malformed."


@pytest.mark.parametrize(
    ("terms", "code", "said"),
    [
        ({"symbol": None}, -1102, MANDATORY % "symbol"),
        ({"symbol": ""}, -1105, "Parameter 'symbol' was empty."),
        ({"symbol": "btcusdt"}, -1100, "'symbol'; legal range is"),
        ({"symbol": "NONE"}, -1121, "Invalid symbol."),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "WISH"}, -1116, "Invalid orderType."),
        ({"timeInForce": "XYZ"}, -1115, "Invalid timeInForce."),
        ({"timeInForce": None}, -1102, MANDATORY % "timeInForce"),
        ({"price": None}, -1102, MANDATORY % "price"),
        ({"price": "1e5"}, -1100, "'price'; legal range is"),
        ({"price": "-1"}, -1100, "'price'; legal range is"),
        ({"price": "60000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"quantity": "0"}, -1013, "zero or less"),
        ({"quantity": "NaN"}, -1100, "'quantity'; legal range is"),
        ({"quantity": "9" * 40}, -1100, "'quantity'; legal range is"),
        ({"quantity": "0.0000000001"}, -1111, "too much precision"),
        ({"quoteOrderQty": "5"}, -1106, "sent when not required"),
        ({"newClientOrderId": "x" * 37}, -1100, "'newClientOrderId'; legal range is"),
        ({"newClientOrderId": "ü\n\x00"}, -1100, "'newClientOrderId'; legal range is"),
        ({"unknown": "1"}, -1104, "read '8' parameter(s) but was sent '9'"),
        ({"recvWindow": "x"}, -1100, "'recvWindow'; legal range is"),
    ],
)
def test_orders_that_are_no_orders(client: Client, terms: dict[str, Any], code: int, said: str) -> None:
    answer = client.place(**terms)
    assert (answer.status, answer.code) == (400, code)
    assert said in answer.body["msg"]
    assert client.open_orders() == []


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/v3/depth?symbol=BTCUSDT&symbol=ETHUSDT", 400, -1101),
        ("/api/v3/depth?symbol=%zz", 400, -1100),
        ("/api/v3/depth?symbol=BTC%00USDT", 400, -1100),
        ("/api/v3/depth?symbol=%ff%fe", 400, -1100),
        ("/api/v3/depth?symbol=BTCUSDT&limit=-1", 400, -1100),
        ("/api/v3/depth?symbol=BTCUSDT&limit=99999999999999999999999", 400, -1100),
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, -1120),
        (f"/api/v3/depth?symbol=BTCUSDT&more={'a' * 9000}", 400, -1104),
        (f"/api/v3/depth?{'a' * 17_000}", 414, -1101),
        (f"/api/v3/depth?{'&'.join(f'p{i}=1' for i in range(2000))}", 400, -1101),
        ("/sapi/v1/margin/account", 400, -1020),
        ("/api/v3/nothing", 404, None),
        ("//api/v3/time", 404, None),
        ("/api/v3/../v3/time", 404, None),
    ],
)
def test_questions_that_are_no_questions(client: Client, target: str, status: int, code: int | None) -> None:
    answer = client.send("GET", target)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("method", ["POST", "PATCH", "OPTIONS"])
def test_wrong_methods(client: Client, method: str) -> None:
    answer = client.send(method, "/api/v3/time")
    assert (answer.status, answer.code, answer.headers["allow"]) == (405, -1000, "GET, HEAD")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"a" * 70_000, 413, -1101),
        (b"a=b&" * 10_000, 400, -1101),
        (b'{"symbol": "BTCUSDT"}', 400, -1102),
        (b"\x00\xff\xfe" * 100, 400, -1100),
    ],
)
def test_bodies_that_are_no_bodies(client: Client, body: bytes, status: int, code: int) -> None:
    answer = client.send("POST", "/api/v3/order", body, X_MBX_APIKEY=client.user.api_key)
    assert (answer.status, answer.code) == (status, code)


def test_headers_beyond_the_limit(client: Client) -> None:
    assert client.send("GET", "/api/v3/time", X_Big="b" * 70_000).status == 431


@pytest.mark.parametrize(
    ("key", "parameters", "status", "code"),
    [
        (None, {}, 401, -2014),
        ("", {}, 401, -2014),
        ("unknown", {}, 401, -2015),
        ("A" * 64, {}, 401, -2015),
        ("\xff" * 64, {}, 401, -2014),
        ("own", {"signature": None}, 400, -1102),
        ("own", {"signature": "0" * 64}, 400, -1022),
        ("own", {"signature": "no-hexadecimal"}, 400, -1022),
        ("own", {"timestamp": None}, 400, -1102),
        ("own", {"timestamp": "soon"}, 400, -1100),
        ("own", {"timestamp": 1}, 400, -1021),
        ("own", {"timestamp": 10**15}, 400, -1021),
    ],
)
def test_wrong_signatures(client: Client, key: str | None, parameters: dict[str, Any], status: int, code: int) -> None:
    headers: dict[str, Any] = {} if key is None else {"X_MBX_APIKEY": client.user.api_key if key == "own" else key}
    answer = client.send("GET", f"/api/v3/account?{client.query(**parameters)}", **headers)
    assert (answer.status, answer.code) == (status, code)


def test_a_signature_covers_every_byte(client: Client) -> None:
    query = client.query(symbol="BTCUSDT", limit=10)
    assert client.send("GET", f"/api/v3/myTrades?{query}", X_MBX_APIKEY=client.user.api_key).status == 200
    changed = query.replace("limit=10", "limit=11")
    assert client.send("GET", f"/api/v3/myTrades?{changed}", X_MBX_APIKEY=client.user.api_key).code == -1022


@pytest.mark.parametrize(
    ("skew_ms", "said"),
    [
        (900, None),
        (-4_000, None),
        (-6_000, "Timestamp for this request is outside of the recvWindow."),
        (5_000, "Timestamp for this request was 1000ms ahead of the server's time."),
    ],
)
def test_clients_whose_clock_is_wrong(venue: Any, client: Client, skew_ms: int, said: str | None) -> None:
    answer = Client(venue.rest, client.user, skew_ms=skew_ms).signed("GET", "/api/v3/account")
    assert answer.status == (400 if said else 200)
    assert said is None or answer.body == {"code": -1021, "msg": said}


def test_the_same_signed_request_twice_is_one_order(client: Client) -> None:
    """As at Binance, what saves a client from its own retry is the id that it gives the order."""
    terms = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    query = client.query(**terms, quantity="0.001", price=LOW, newClientOrderId="once")
    first = client.send("POST", f"/api/v3/order?{query}", X_MBX_APIKEY=client.user.api_key)
    again = client.send("POST", f"/api/v3/order?{query}", X_MBX_APIKEY=client.user.api_key)
    assert first.status == 200
    assert (again.status, again.body) == (400, {"code": -2010, "msg": "Duplicate order sent."})
    assert [order["orderId"] for order in client.open_orders()] == [first.body["orderId"]]
    assert client.cancel(first.body["orderId"]).status == 200
    assert client.cancel(first.body["orderId"]).code == -2011
