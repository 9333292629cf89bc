"""User data: subscriptions of WebSocket API connections, and listen keys."""

import asyncio
import json
import threading
import time
from collections.abc import Iterable
from typing import Any

import pytest

from agio.domain.errors import ApiError
from agio.streams.user import UserData, listen_keys
from agio.streams.user import feeds as limits
from agio.streams.user.listen_keys import KeptKey
from tests.unit.streams.fakes import START, Shard, UserEvent, World, ask, event


class Wire:
    """A connection that remembers."""

    def __init__(self) -> None:
        self.remote = "127.0.0.1"
        self.state: dict[str, Any] = {}
        self.sent: list[Any] = []

    def send(self, payload: bytes) -> None:
        self.sent.append(json.loads(payload))

    def close(self, code: int, reason: str) -> None:
        raise AssertionError("user data closes nothing")


@pytest.fixture
def shard() -> Shard:
    return Shard()


@pytest.fixture
async def user(shard: Shard) -> UserData:
    return UserData(shard, UserEvent)  # type: ignore[arg-type]


def report(subscription: int, number: int, *, micros: bool = False) -> dict[str, Any]:
    return {
        "subscriptionId": subscription,
        "event": {"e": "executionReport", "i": number, "micros": micros},
    }


def terminated(subscription: int, time: int = START // 1000) -> dict[str, Any]:
    return {"subscriptionId": subscription, "event": {"e": "eventStreamTerminated", "E": time}}


def refusal(call: Any, *arguments: Any) -> int:
    with pytest.raises(ApiError) as refused:
        call(*arguments)
    return refused.value.code


async def test_events_of_the_account_and_no_other(user: UserData, shard: Shard) -> None:
    one, two = Wire(), Wire()
    assert user.subscribe(one, 7, False) == 0
    assert user.subscribe(two, 7, True) == 0
    assert user.subscribe(two, 8, True) == 1
    await asyncio.sleep(0)
    user([UserEvent(7, 1), UserEvent(8, 2), UserEvent(9, 3)])
    assert one.sent == [report(0, 1)]
    assert two.sent == [report(0, 1, micros=True), report(1, 2, micros=True)]
    assert shard.watched == [7, 8]


async def test_no_event_precedes_the_reply_to_its_subscription(user: UserData) -> None:
    wire = Wire()
    number = user.subscribe(wire, 7, False)
    user([UserEvent(7, 1)])
    wire.send(b'{"reply":%d}' % number)
    user([UserEvent(7, 2)])
    await asyncio.sleep(0)
    user([UserEvent(7, 3)])
    assert wire.sent == [{"reply": 0}, report(0, 1), report(0, 2), report(0, 3)]


async def test_the_end_follows_the_reply_and_nothing_follows_the_end(user: UserData, shard: Shard) -> None:
    wire = Wire()
    user.subscribe(wire, 7, False)
    user.subscribe(wire, 8, True)
    await asyncio.sleep(0)
    user.unsubscribe(wire, 0)
    user([UserEvent(7, 1), UserEvent(8, 2)])
    wire.send(b'{"reply":0}')
    await asyncio.sleep(0)
    user([UserEvent(7, 3)])
    assert wire.sent == [report(1, 2, micros=True), {"reply": 0}, terminated(0)]
    assert user.active(wire) == [1]
    assert shard.watched == [8]
    user.unsubscribe(wire, None)
    await asyncio.sleep(0)
    assert wire.sent[-1] == terminated(1, START)
    assert shard.watched == []


async def test_user_data_ends_with_the_key_that_asked_for_it(user: UserData, shard: Shard) -> None:
    one, two = Wire(), Wire()
    user.subscribe(one, 7, False, "lost")
    user.subscribe(two, 7, False, "kept")
    user.subscribe(two, 8, False, "lost")
    await asyncio.sleep(0)
    user.revoked("lost")
    user([UserEvent(7, 1), UserEvent(8, 2)])
    await asyncio.sleep(0)
    assert one.sent == [terminated(0)]
    assert two.sent == [report(0, 1), terminated(1)]
    assert (user.active(one), user.active(two), shard.watched) == ([], [0], [7])
    user.revoked("lost")


async def test_a_listen_key_ends_with_each_key_that_knows_it(world: World) -> None:
    """The account has one for all: whoever holds a revoked API key must not go on listening while others prolong it."""
    user = world.user
    key, other = user.create_listen_key(7, "kept"), user.create_listen_key(8, "kept")
    assert user.create_listen_key(7, "lost") == key
    thief, friend = await world.dial(f"/ws/{key}"), await world.dial(f"/ws/{other}")
    user.revoked("nobody")
    user.revoked("lost")
    assert (await event(thief))["e"] == "listenKeyExpired"
    world.events(UserEvent(7, 1), UserEvent(8, 2))
    assert (await event(friend))["i"] == 2
    assert await thief.quiet(0.02)
    assert refusal(user.extend_listen_key, key, 7) == -1125
    assert user.create_listen_key(7, "kept") != key
    assert user.create_listen_key(8, "kept") == other


async def test_begun_and_ended_in_one_tick(user: UserData, shard: Shard) -> None:
    wire = Wire()
    user.subscribe(wire, 7, False)
    user([UserEvent(7, 1)])
    user.unsubscribe(wire, None)
    await asyncio.sleep(0)
    assert wire.sent == [report(0, 1), terminated(0)]
    assert shard.watched == []


async def test_refusals(user: UserData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_ACTIVE", 3)
    monkeypatch.setattr(limits, "MAX_IDS", 5)
    wire = Wire()
    assert refusal(user.unsubscribe, wire, None) == -2036
    assert [user.subscribe(wire, account, False) for account in (1, 2, 3)] == [0, 1, 2]
    assert refusal(user.subscribe, wire, 2, False) == -2035
    assert refusal(user.subscribe, wire, 4, False) == -1191
    assert refusal(user.unsubscribe, wire, 9) == -2036
    user.unsubscribe(wire, None)
    assert refusal(user.unsubscribe, wire, None) == -2036
    assert [user.subscribe(wire, account, False) for account in (1, 2)] == [3, 4]
    assert refusal(user.subscribe, wire, 3, False) == -2042
    assert user.subscribe(Wire(), 3, False) == 0


async def test_a_closed_connection_leaves_nothing(user: UserData, shard: Shard) -> None:
    wire, other = Wire(), Wire()
    user.subscribe(wire, 7, False)
    user.subscribe(other, 7, False)
    user.closed(wire)
    assert shard.watched == [7]
    user.closed(other)
    user.closed(other)
    assert shard.watched == []
    assert refusal(user.subscribe, other, 7, False) == -1001
    assert user.gauges() == {"subscriptions": 0, "watched_accounts": 0, "listen_keys": 0}


async def test_stop_ends_all(user: UserData, shard: Shard) -> None:
    wires = [Wire(), Wire()]
    for wire in wires:
        user.subscribe(wire, 7, False)
    await user.stop()
    await asyncio.sleep(0)
    assert [wire.sent for wire in wires] == [[terminated(0)]] * 2
    assert shard.watched == []


async def test_a_listen_key_is_a_stream(world: World) -> None:
    key = world.user.create_listen_key(7)
    assert len(key) == 64
    raw = await world.dial(f"/ws/{key}")
    combined = await world.dial(f"/stream?streams=btcusdt@trade/{key}&timeUnit=MICROSECOND")
    live = await world.dial("/ws")
    assert await ask(live, {"method": "SUBSCRIBE", "params": [key], "id": 1}) == {"result": None, "id": 1}
    world.events(UserEvent(7, 1), UserEvent(8, 2))
    plain = {"e": "executionReport", "i": 1, "micros": False}
    assert await event(raw) == plain
    assert await event(live) == plain
    assert await event(combined) == {"stream": key, "data": {**plain, "micros": True}}
    assert world.shard.watched == [7]


async def test_a_listen_key_of_nobody_is_silent(world: World) -> None:
    client = await world.dial("/ws/" + "x" * 64)
    assert client.status == 101
    world.events(UserEvent(7, 1))
    assert await client.quiet(0.02)


async def test_one_key_an_account_and_only_its_own(user: UserData) -> None:
    key = user.create_listen_key(7)
    assert user.create_listen_key(7) == key
    assert user.create_listen_key(8) != key
    for call in (user.extend_listen_key, user.close_listen_key):
        assert refusal(call, key, 8) == -1125
        assert refusal(call, "nonsense", 7) == -1125
    user.close_listen_key(key, 7)
    assert refusal(user.extend_listen_key, key, 7) == -1125
    assert user.create_listen_key(7) != key


async def test_a_closed_key_is_silent(world: World) -> None:
    key = world.user.create_listen_key(7)
    client = await world.dial(f"/ws/{key}")
    world.user.close_listen_key(key, 7)
    world.events(UserEvent(7, 1))
    assert await client.quiet(0.02)
    assert world.shard.watched == []


async def test_a_key_expires_unless_it_is_extended(shard: Shard) -> None:
    user = UserData(shard, UserEvent, lifetime=1.0)  # type: ignore[arg-type]
    key, other = user.create_listen_key(7), user.create_listen_key(8)
    for _ in range(5):  # with so much room that a busy machine does not come too late
        await asyncio.sleep(0.3)
        user.extend_listen_key(key, 7)
    assert refusal(user.extend_listen_key, other, 8) == -1125
    assert user.create_listen_key(7) == key


class Keeper:
    """Where listen keys are kept."""

    def __init__(self) -> None:
        self.kept: list[KeptKey] = []

    def read(self) -> list[KeptKey]:
        return self.kept

    def write(self, keys: Iterable[KeptKey]) -> None:
        assert threading.current_thread() is not threading.main_thread(), "a slow disk would hold the event loop"
        self.kept = list(keys)


def again(keeper: Keeper, shard: Shard, holders: dict[str, int], lifetime: float = 3600.0) -> UserData:
    """User data of another process."""
    user = UserData(shard, UserEvent, lifetime=lifetime)  # type: ignore[arg-type]
    user.keep_listen_keys(keeper, lambda name, account: holders.get(name) == account)
    return user


async def test_listen_keys_outlast_a_restart(shard: Shard) -> None:
    keeper, holders = Keeper(), {"a": 7, "b": 7, "c": 8, "d": 9}
    first = again(keeper, shard, holders)
    key, closed, lost = (
        first.create_listen_key(7, "a"),
        first.create_listen_key(8, "c"),
        first.create_listen_key(9, "d"),
    )
    first.create_listen_key(7, "b")
    first.close_listen_key(closed, 8)
    await first.stop()
    assert all(kept.ends == START + 3600 * 10**6 for kept in keeper.kept)
    second = again(keeper, shard, holders | {"d": 10})  # an older log was restored: that API key is another account's
    second.extend_listen_key(key, 7)
    assert second.create_listen_key(7, "a") == key
    assert refusal(second.extend_listen_key, closed, 8) == -1125
    assert refusal(second.extend_listen_key, lost, 9) == -1125
    second.revoked("b")
    assert refusal(second.extend_listen_key, key, 7) == -1125
    await second.stop()
    assert keeper.kept == []


async def test_a_listen_key_that_a_revoked_key_knows_ends_with_a_kill_in_between(shard: Shard) -> None:
    keeper = Keeper()
    keeper.kept = [KeptKey(name * 64, account, ("a", "b"), START + 10**9) for name, account in (("k", 7), ("l", 8))]
    user = UserData(shard, UserEvent)  # type: ignore[arg-type]
    user.keep_listen_keys(keeper, lambda name, account: (name, account) != ("b", 7))
    assert refusal(user.extend_listen_key, "k" * 64, 7) == -1125
    user.extend_listen_key("l" * 64, 8)
    await user.stop()


async def test_a_restart_gives_a_listen_key_no_more_time(shard: Shard) -> None:
    keeper = Keeper()
    keeper.kept = [KeptKey("k" * 64, 7, ("a",), START + 50_000), KeptKey("l" * 64, 8, ("c",), START)]
    user = again(keeper, shard, {"a": 7, "c": 8})
    assert refusal(user.extend_listen_key, "l" * 64, 8) == -1125
    await asyncio.sleep(0.1)
    assert refusal(user.extend_listen_key, "k" * 64, 7) == -1125


async def test_listen_keys_are_kept_while_the_exchange_runs(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen_keys, "KEEP_AFTER", 0.01)
    keeper = Keeper()
    key = again(keeper, shard, {}).create_listen_key(7, "a")
    await asyncio.sleep(0.05)
    assert [kept.name for kept in keeper.kept] == [key]


async def test_a_stop_keeps_what_changed_while_keys_were_written(shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen_keys, "KEEP_AFTER", 0.01)

    class Slow(Keeper):
        def write(self, keys: Iterable[KeptKey]) -> None:
            keys = list(keys)
            time.sleep(0.1)
            super().write(keys)

    keeper = Slow()
    user = again(keeper, shard, {})
    user.create_listen_key(7, "a")
    await asyncio.sleep(0.05)  # it is being written
    user.create_listen_key(8, "b")
    await user.stop()
    assert sorted(kept.account for kept in keeper.kept) == [7, 8]


async def test_those_who_listen_are_told_of_the_end(world: World) -> None:
    key = world.user.create_listen_key(7)
    client = await world.dial(f"/ws/{key}")
    world.user._keys._expire(world.user._keys._by_name[key])
    assert await event(client) == {"e": "listenKeyExpired", "E": START // 1000, "listenKey": key}
    assert world.shard.watched == []
    client.writer.close()
    while world.room.gauges()["topics"]:
        await asyncio.sleep(0.001)
