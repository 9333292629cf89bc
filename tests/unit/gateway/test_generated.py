"""Each parameter of each row: missing, empty, malformed, unknown, sent twice, on both faces; exact code and text.

Generated from the operation table: a new row is tested by being there.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from agio.gateway.operations import PUBLIC
from agio.gateway.row import Operation, Param, Security
from agio.gateway.session import Session
from agio.ports import Reply
from tests.unit.gateway.asking import ask_ws
from tests.unit.gateway.world import FULL, NOW, World, told

SYMBOL_RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
ILLEGAL = "Illegal characters found in parameter '{name}'; legal range is '{range}'."
GOOD: dict[str, str] = {
    "symbol": "BTCUSDT",
    "symbols": '["BTCUSDT"]',
    "decimal": "1.5",
    "amount": "1.5",
    "long": "5",
    "int": "5",
    "client_id": "mine-1",
    "bool": "true",
    "time": str(NOW // 1000),
    "text": "8",
}
GOOD_BY_NAME = {
    "strategyType": "1000000",
    "permissions": "SPOT",
    "listenKey": "k" * 64,
    "timestamp": "1",
    "recvWindow": "5000",
}
TOGETHER = {"order.place": ("symbol", "side", "type", "timeInForce", "quantity", "price")}
TOGETHER["order.test"] = TOGETHER["order.place"]
"""What a good request of these rows has, beyond what is mandatory."""
RANGES = {
    "decimal": r"^([0-9]{1,20})(\.[0-9]{1,20})?$",
    "amount": r"^([0-9]{1,20})(\.[0-9]{1,20})?$",
    "long": "^[0-9]{1,20}$",
    "int": "^[0-9]{1,20}$",
    "time": "^[0-9]{1,20}$",
    "symbol": SYMBOL_RANGE,
    "client_id": "^[a-zA-Z0-9-_]{1,36}$",
}
OWN_ERRORS = {
    -1115: "Invalid timeInForce.",
    -1116: "Invalid orderType.",
    -1117: "Invalid side.",
    -1120: "Invalid interval.",
    -1122: "Invalid symbolStatus.",
    -1134: "`strategyType` was less than 1000000.",
    -1139: "Invalid ticker type.",
    -1145: "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.",
    -1210: "Invalid pegPriceType.",
    -1211: "Invalid pegOffsetType.",
}


@dataclass(frozen=True)
class Case:
    row: Operation
    face: str

    def __str__(self) -> str:
        return f"{self.row.name}-{self.face}"


CASES = [Case(row, face) for row in PUBLIC for face in ("rest", "ws") if getattr(row, face)]
PARAMS = [(case, param) for case in CASES for param in case.row.params]


def good(param: Param) -> str:
    if param.values:
        return param.values[0]
    return GOOD_BY_NAME.get(param.name) or GOOD[param.kind]


def request(row: Operation) -> dict[str, str]:
    """The shortest good request."""
    others = {param.required for param in row.params if isinstance(param.required, str)}
    wanted = others | set(TOGETHER.get(row.name, ()))
    return {param.name: good(param) for param in row.params if param.required is True or param.name in wanted}


class Connection:
    remote = "192.0.2.9"

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}

    def send(self, payload: bytes) -> None: ...
    def close(self, code: int, reason: str) -> None: ...


async def ask(case: Case, params: dict[str, str], *, more: str = "") -> Reply:
    """Sends the parameters to one face; `more` is appended to a query as it stands."""
    world = World()
    world.shard.answers["order"] = Reply(200, b"{}", -1, -1)
    world.feeds.keys[1000] = "k" * 64
    row = case.row
    if case.face == "rest":
        assert row.rest
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in params.items()) + more
        response = await world.send(*row.rest, world.signed(query) if row.is_signed else query)
        return Reply(response.status, response.body, -1, -1)
    assert row.ws
    session = Session(Connection(), NOW, "192.0.2.9", micros=False, return_limits=True)
    sent: dict[str, Any] = dict(params)
    if row.session == "only" or row.name == "userDataStream.unsubscribe":
        session.key = world.keys[FULL]
        world.feeds.subscribe(session.connection, 1002, micros=False)
    elif row.security is not Security.NONE:
        sent["apiKey"] = FULL
    if row.is_signed:
        sent = sign(world, sent)
    return await ask_ws(world.dispatcher, row.ws, sent, session, NOW)


def sign(world: World, params: dict[str, Any]) -> dict[str, Any]:
    import hashlib
    import hmac

    from tests.unit.gateway.world import SECRET

    sent = params | {"timestamp": world.shard.time // 1000}
    payload = "&".join(f"{name}={sent[name]}" for name in sorted(sent))
    return sent | {"signature": hmac.new(SECRET, payload.encode(), hashlib.sha256).hexdigest()}


def answer(case: Case, params: dict[str, str], *, more: str = "") -> Reply:
    return asyncio.run(ask(case, params, more=more))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_shortest_request_is_accepted(case: Case) -> None:
    reply = answer(case, request(case.row))
    if case.row.name == "session.logon":
        assert told(reply) == (-1020, "This operation is not supported."), "an HMAC key cannot log on"
        return
    assert reply.status == 200, reply
    json.loads(reply.body)


@pytest.mark.parametrize(("case", "param"), PARAMS, ids=lambda value: getattr(value, "name", str(value)))
def test_each_parameter_is_accepted(case: Case, param: Param) -> None:
    """Whatever else is wrong with such a request, it is not that this parameter cannot be read."""
    reply = answer(case, request(case.row) | {param.name: good(param)})
    if reply.status != 200:
        assert told(reply)[0] in (-1020, -1128, -1127, -1125, -2036), reply


@pytest.mark.parametrize(
    ("case", "param"),
    [(case, param) for case, param in PARAMS if param.required],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_missing(case: Case, param: Param) -> None:
    params = request(case.row)
    if isinstance(param.required, str):
        del params[param.required]
        expected = f"Param '{param.name}' or '{param.required}' must be sent, but both were empty/null!"
    else:
        del params[param.name]
        expected = f"Mandatory parameter '{param.name}' was not sent, was empty/null, or malformed."
    assert told(answer(case, params)) == (-1102, expected)


@pytest.mark.parametrize(("case", "param"), PARAMS, ids=lambda value: getattr(value, "name", str(value)))
def test_empty(case: Case, param: Param) -> None:
    reply = answer(case, request(case.row) | {param.name: ""})
    assert told(reply) == (-1105, f"Parameter '{param.name}' was empty.")


def malformed(param: Param) -> tuple[str, int, str]:
    """A value that cannot be read, and what is said about it."""
    if param.kind in ("enum", "bool"):
        code = param.error or -1130
        return "NOPE", code, OWN_ERRORS.get(code, f"Data sent for parameter '{param.name}' is not valid.")
    if param.kind == "symbols":
        item = SYMBOL_RANGE[1:-1]
        legal = rf'^\[("{item}"(,"{item}"){{0,}}){{0,1}}\]$'
        return '["btc/usdt"]', -1100, ILLEGAL.format(name=param.name, range=legal)
    legal = param.pattern or RANGES[param.kind]
    return "b!d", -1100, ILLEGAL.format(name=param.name, range=legal)


@pytest.mark.parametrize(("case", "param"), PARAMS, ids=lambda value: getattr(value, "name", str(value)))
def test_malformed(case: Case, param: Param) -> None:
    value, code, text = malformed(param)
    assert told(answer(case, request(case.row) | {param.name: value})) == (code, text)


NUMBERS = [(case, param) for case, param in PARAMS if param.kind in ("decimal", "amount")]


@pytest.mark.parametrize(("case", "param"), NUMBERS, ids=lambda value: getattr(value, "name", str(value)))
def test_too_precise(case: Case, param: Param) -> None:
    reply = answer(case, request(case.row) | {param.name: "1.000000001"})
    assert told(reply) == (-1111, f"Parameter '{param.name}' has too much precision.")


RANGED = [(case, param) for case, param in PARAMS if param.min]


@pytest.mark.parametrize(("case", "param"), RANGED, ids=lambda value: getattr(value, "name", str(value)))
def test_too_small(case: Case, param: Param) -> None:
    assert param.min is not None
    code = param.error or -1130
    text = OWN_ERRORS.get(code, f"Data sent for parameter '{param.name}' is not valid.")
    assert told(answer(case, request(case.row) | {param.name: str(param.min - 1)})) == (code, text)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_unknown(case: Case) -> None:
    params = request(case.row)
    keyed = case.face == "ws" and case.row.security is Security.USER_STREAM and case.row.session == "may"
    read = len(params) + (2 if case.row.is_signed else 1 if keyed else 0)
    text = f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{read + 1}'."
    assert told(answer(case, params | {"nobodyKnows": "1"})) == (-1104, text)


@pytest.mark.parametrize("case", [case for case in CASES if case.face == "rest" and case.row.params], ids=str)
def test_duplicate(case: Case) -> None:
    param = case.row.params[0]
    params = request(case.row) | {param.name: good(param)}
    reply = answer(case, params, more=f"&{param.name}={quote(good(param))}")
    assert told(reply) == (-1101, "Duplicate values for a parameter detected.")


@pytest.mark.parametrize("case", [case for case in CASES if case.row.security is not Security.NONE], ids=str)
def test_without_a_key(case: Case) -> None:
    async def bare() -> Reply:
        world = World()
        if case.face == "rest":
            assert case.row.rest
            response = await world.send(*case.row.rest, key=None)
            return Reply(response.status, response.body, -1, -1)
        assert case.row.ws
        session = Session(Connection(), NOW, "192.0.2.9", micros=False, return_limits=True)
        return await ask_ws(world.dispatcher, case.row.ws, {}, session, NOW)

    code, _ = told(asyncio.run(bare()))
    assert code == (-2014 if case.face == "rest" else -2015 if case.row.session == "only" else -1102)


SIGNED = [row for row in PUBLIC if row.is_signed and row.rest]


@pytest.mark.parametrize("row", SIGNED, ids=lambda row: row.name)
@pytest.mark.parametrize(
    ("late", "cut", "code", "text"),
    [
        (0, "timestamp", -1102, "Mandatory parameter 'timestamp' was not sent, was empty/null, or malformed."),
        (0, "signature", -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed."),
        (5001, "", -1021, "Timestamp for this request is outside of the recvWindow."),
        (-1000, "", -1021, "Timestamp for this request was 1000ms ahead of the server's time."),
        (0, "forge", -1022, "Signature for this request is not valid."),
    ],
)
async def test_signed(row: Operation, late: int, cut: str, code: int, text: str, world: World) -> None:
    assert row.rest
    params = request(row) | {"timestamp": str(NOW // 1000 - late)}
    query = world.signed("&".join(f"{name}={quote(value, safe='')}" for name, value in params.items()))
    if cut == "forge":
        query = query.replace("timestamp=", "recvWindow=5000&timestamp=")
    elif cut:
        query = "&".join(part for part in query.split("&") if not part.startswith(cut))
    assert told(await world.send(*row.rest, query)) == (code, text)
