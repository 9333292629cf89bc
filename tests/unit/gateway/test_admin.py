"""Administration: rows that only the owner-only socket serves."""

import json
import logging
from typing import Any

import pytest

from agio.domain.errors import CommandRefused
from agio.ports import Reply
from tests.unit.gateway.world import World, told

BY = {"actor": "ops@desk", "reason": "ticket 7"}
FILTERS = {
    "price": {"min": "0.01", "max": "1000000", "tick": "0.01"},
    "lot": {"min": "0.00001", "max": "9000", "step": "0.00001"},
    "market_lot": {"min": "0", "max": "100", "step": "0"},
    "notional": {"form": "Range", "min": "5", "min_to_market": True, "max": "9000000"},
}
ENGINE_FILTERS = {
    "price": {"min": 1_000_000, "max": 10**14, "tick": 1_000_000},
    "lot": {"min": 1_000, "max": 9 * 10**11, "step": 1_000},
    "market_lot": {"min": 0, "max": 10**10, "step": 0},
    "notional": {
        "form": "Range", "min": 5 * 10**8, "min_to_market": True, "max": 9 * 10**14, "max_to_market": False,
        "minutes": 5,
    },
    "max_orders": 200,
    "prevention": "ExpireMaker",
    "preventions": 0b111110,
}  # fmt: skip


async def post(world: World, path: str, **body: Any) -> Reply:
    return await world.gateway.admin.answer("POST", path, "", json.dumps(BY | body).encode())


async def get(world: World, path: str, query: str = "") -> Any:
    reply = await world.gateway.admin.answer("GET", path, query, b"")
    assert reply.status == 200, reply
    return json.loads(reply.body)


@pytest.mark.parametrize(
    ("path", "body", "command"),
    [
        (
            "accounts/deposit",
            {"account": 1000, "asset": "USDT", "amount": "1.5"},
            {"Deposit": {"account": 1000, "asset": 1, "amount": 150_000_000}},
        ),
        (
            "accounts/withdraw",
            {"account": 1000, "asset": "BTC", "amount": "0.00000001"},
            {"Withdraw": {"account": 1000, "asset": 0, "amount": 1}},
        ),
        (
            "accounts/rights",
            {"account": 1, "trade": False, "withdraw": True, "deposit": True},
            {"SetRights": {"account": 1, "rights": {"trade": False, "withdraw": True, "deposit": True}}},
        ),
        (
            "accounts/commission",
            {"account": 1, "maker": "0", "taker": "0.001"},
            {"SetCommission": {"account": 1, "maker": 0, "taker": 100_000}},
        ),
        (
            "accounts/limits",
            {"account": 1, "day": 5},
            {"SetLimits": {"account": 1, "limits": {"ten_seconds": 0, "day": 5, "open": 0}}},
        ),
        (
            "accounts/cancel",
            {"account": 1, "symbol": "ETHUSDT"},
            {"CancelAll": {"account": 1, "signed": {"key": 0, "sent": 0, "window": 0}, "market": 1}},
        ),
        ("assets", {"name": "SOL"}, {"ListAsset": {"name": "SOL", "precision": 8}}),
        (
            "markets",
            {"symbol": "BTCETH", "base": "BTC", "quote": "ETH", "filters": FILTERS},
            {"ListMarket": {"symbol": "BTCETH", "base": 0, "quote": 2, "filters": ENGINE_FILTERS}},
        ),
        (
            "markets/filters",
            {"symbol": "ETHUSDT", "filters": FILTERS | {"preventions": ["NONE"], "prevention": "NONE"}},
            {"SetFilters": {"market": 1, "filters": ENGINE_FILTERS | {"prevention": "None", "preventions": 2}}},
        ),
        (
            "markets/status",
            {"symbol": "BTCUSDT", "status": "HALT"},
            {"SetMarketStatus": {"market": 0, "status": "Halt"}},
        ),
    ],
)
async def test_commands(world: World, path: str, body: dict[str, Any], command: dict[str, Any]) -> None:
    reply = await post(world, f"/admin/{path}", **body)
    assert reply.status == 200, reply
    assert json.loads(reply.body) == {"events": [{"Done": {}}]}
    assert world.shard.asked == [("command", command)]


async def test_who_and_why_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "agio.gateway.private"):
        await post(world, "/admin/assets", name="SOL")
        await get(world, "/admin/assets")
    (record,) = caplog.records
    assert record.operation == "admin.assets.add"  # type: ignore[attr-defined]
    assert record.asked == BY | {"name": "SOL"}  # type: ignore[attr-defined]
    assert record.status == 200  # type: ignore[attr-defined]
    assert world.shard.remarks == [BY | {"operation": "admin.assets.add"}], "in the exchange's own log, too"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"[]", "Expected `object`"),
        (b'{"name":"SOL","reason":"r"}', "missing required field `actor`"),
        (b'{"name":"SOL","actor":"","reason":"r"}', "length >= 1"),
        (b'{"name":"SOL","actor":"a","reason":"r","more":1}', "unknown field `more`"),
        (b'{"name":"SOL","actor":"a","reason":"r","precision":9}', "<= 8"),
    ],
)
async def test_bad_bodies_say_what_is_wrong(world: World, body: bytes, words: str) -> None:
    reply = await world.gateway.admin.answer("POST", "/admin/assets", "", body)
    code, text = told(reply)
    assert code == -1130
    assert words in text or "truncated" in text
    assert world.shard.asked == []


@pytest.mark.parametrize("amount", ["-1", "1e3", "0.000000001", "", "NaN", 1.5])
async def test_bad_amounts(world: World, amount: Any) -> None:
    assert (await post(world, "/admin/accounts/deposit", account=1, asset="USDT", amount=amount)).status == 400


async def test_a_figure_that_no_command_can_hold_is_told(world: World) -> None:
    world.shard.answers["command"] = ValueError("not a command of this release: expected u64")
    filters = FILTERS | {"lot": {"min": "1", "max": "999999999999999", "step": "1"}}
    reply = await post(world, "/admin/markets/filters", symbol="ETHUSDT", filters=filters)
    assert told(reply) == (-1130, "The body is not what this call takes: not a command of this release: expected u64")


async def test_refusals_have_the_engines_words(world: World) -> None:
    world.shard.answers["command"] = CommandRefused("NameTaken", "The name is taken.")
    assert told(await post(world, "/admin/assets", name="BTC")) == (-1010, "NameTaken: The name is taken.")
    assert told(await post(world, "/admin/users", name="taken")) == (-1010, "NameTaken: The name is taken.")
    assert (await post(world, "/admin/accounts/deposit", account=1, asset="NOPE", amount="1")).status == 404
    assert told(await post(world, "/admin/markets/status", symbol="NOPE", status="HALT"))[0] == -1121


async def test_users_and_keys(world: World) -> None:
    assert (await get(world, "/admin/users"))[0]["name"] == "alice"
    assert json.loads((await post(world, "/admin/users", name="bob")).body)["account"] == 1000
    made = await post(world, "/admin/keys", user="bob", permissions=["read", "trade"])
    assert json.loads(made.body) == {"api_key": "A" * 64, "secret": "B" * 64}
    assert (await post(world, "/admin/keys/revoke", api_key="A" * 64)).status == 200
    assert world.identity.asked == [("bob", "hmac", None, ["read", "trade"]), ("revoke", "A" * 64)]
    assert world.feeds.ended == ["A" * 64], "its user data ends with it"
    assert "secret" not in (await get(world, "/admin/keys"))[0]


async def test_reading(world: World) -> None:
    assert await get(world, "/admin/state") == {
        "state": "running",
        "history": "running",
        "applied": 77,
        "behind": 7,
        "time": world.shard.time,
    }
    assert (await get(world, "/admin/position"))["hash"] == "00"
    assert (await get(world, "/admin/accounts", "account=1000"))["uid"] == 1000
    assert [asset["name"] for asset in await get(world, "/admin/assets")] == ["BTC", "USDT", "ETH"]
    assert [market["symbol"] for market in await get(world, "/admin/markets")] == ["BTCUSDT", "ETHUSDT", "ETHBTC"]
    reply = await world.gateway.admin.answer("GET", "/admin/accounts", "account=many", b"")
    assert told(reply)[0] == -1130


async def test_the_clock_follows_a_jump_when_it_is_told_to(world: World) -> None:
    time = world.shard.time
    world.shard.away = 60_000_000
    assert await get(world, "/admin/clock") == {"time": time, "jump": 60_000_000}
    assert told(await world.gateway.admin.answer("POST", "/admin/clock/confirm", "", b"{}"))[0] == -1130
    assert world.shard.away == 60_000_000
    reply = await world.gateway.admin.answer("POST", "/admin/clock/confirm", "", json.dumps(BY).encode())
    assert json.loads(reply.body) == {"time": time, "jump": None}


@pytest.mark.parametrize(
    ("state", "health", "ready"),
    [
        ("running", 200, 200),
        ("cancels-only", 200, 503),
        ("halted", 200, 503),
        ("stopping", 200, 503),
        ("failed", 503, 503),
    ],
)
async def test_monitors(world: World, state: str, health: int, ready: int) -> None:
    world.shard.condition = state
    assert (await world.gateway.ops.answer("GET", "/health", "", b"")).status == health
    assert (await world.gateway.ops.answer("GET", "/ready", "", b"")).status == ready


@pytest.mark.parametrize(
    ("shard", "history", "state"),
    [
        ("running", "behind", "degraded"),
        ("running", "waiting", "degraded"),
        ("running", "retrying", "degraded"),
        ("running", "failed", "degraded"),
        ("cancels-only", "waiting", "cancels-only"),
    ],
)
async def test_monitors_are_told_of_history_that_falls_behind(
    world: World, shard: str, history: str, state: str
) -> None:
    world.shard.condition, world.history.condition = shard, history
    for path in ("/ready", "/health"):
        reply = await world.gateway.ops.answer("GET", path, "", b"")
        told = json.loads(reply.body)
        assert (told["state"], told["history"]) == (state, history)
        assert reply.status == (503 if (shard, path) == ("cancels-only", "/ready") else 200), "orders are taken, or not"


async def test_a_reason_that_came_too_late_for_the_log_is_answered(world: World) -> None:
    """Nobody waits until the connection is given up."""

    async def stalled(command: dict[str, Any]) -> list[dict[str, Any]]:
        raise CommandRefused("DeadlinePassed", "the command waited too long")

    world.shard.command = stalled  # type: ignore[method-assign]
    reply = await post(world, "/admin/assets", name="SOL")
    assert (reply.status, json.loads(reply.body)["code"]) == (400, -1010)


async def test_monitors_are_told_that_orders_are_refused(world: World) -> None:
    """Because history is too far behind; a restart would not help."""
    world.shard.full, world.history.condition = True, "behind"
    for path, status in (("/ready", 503), ("/health", 200)):
        reply = await world.gateway.ops.answer("GET", path, "", b"")
        assert (reply.status, json.loads(reply.body)["state"]) == (status, "overloaded")


async def test_metrics(world: World) -> None:
    await world.get("/api/v3/ping")
    await world.send("GET", "/nowhere")
    page = (await world.gateway.ops.answer("GET", "/metrics", "", b"")).body.decode()
    assert 'agio_requests_total{operation="ping",status="200"} 1.0' in page
    assert 'agio_requests_total{operation="",status="404"} 1.0' in page
    assert 'agio_request_seconds_count{operation="ping"} 1.0' in page
    assert "# TYPE agio_shard_applied gauge\nagio_shard_applied 77.0" in page
    assert "# TYPE agio_stream_slow_total counter\nagio_stream_slow_total 3.0" in page


async def test_the_ops_listener_administers_nothing(world: World) -> None:
    for method, path in (("GET", "/admin/keys"), ("POST", "/admin/keys")):
        assert (await world.gateway.ops.answer(method, path, "", b"{}")).status == 404


async def test_the_public_face_administers_nothing(world: World) -> None:
    for method, path in (("GET", "/admin/keys"), ("POST", "/admin/accounts/deposit"), ("GET", "/metrics")):
        assert (await world.send(method, path)).status == 404
