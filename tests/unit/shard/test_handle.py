"""Replies that never come, and those that come too late; over a core that says what the test wants."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from typing import Any, cast

import pytest

from agio.domain.errors import ApiError
from agio.ports import Reply
from agio.shard.handle import LOST, PATIENCE, Shard

Answer = tuple[int, int, bytes, int, int]


class Core:
    """Stands where `agio._core.Shard` would."""

    def __init__(self) -> None:
        self.wake, self._other = os.pipe()
        self.asked: list[int] = []
        self.events: list[Any] = []
        self.answers: list[Answer] = []
        self.roused = 0
        self.condition = "running"

    def fileno(self) -> int:
        return self.wake

    def close(self) -> None:
        os.close(self.wake)
        os.close(self._other)

    def drain(self) -> tuple[list[Any], list[Answer]]:
        answers, self.answers = self.answers, []
        return self.events, answers

    def state(self) -> str:
        return self.condition

    def failure(self) -> str:
        return "the sums of BTC"

    def rouse(self) -> None:
        self.roused += 1

    def order_counts(self, token: int, account: int) -> None:
        if account == 0:
            raise ApiError(-1008, "Server is currently overloaded with other requests.", 503)
        self.asked.append(token)

    def command(self, token: int, command: bytes) -> None:
        self.asked.append(token)

    def live_keys(self, token: int) -> None:
        self.asked.append(token)

    def __getattr__(self, name: str) -> Any:
        return lambda *_: pytest.fail(f"nobody asked for {name}")


@pytest.fixture
def core() -> Iterator[Core]:
    core = Core()
    yield core
    core.close()


def opened(core: Core) -> Shard:
    return Shard(cast("Any", core), asyncio.get_running_loop())


async def test_a_reply_finds_who_asked(core: Core) -> None:
    shard = opened(core)
    first, second = shard.order_counts(1), shard.order_counts(2)
    core.answers = [(core.asked[1], 200, b"2", 3, 4), (core.asked[0], 200, b"1", -1, -1), (99, 200, b"", -1, -1)]
    shard._drain()
    assert await second == Reply(200, b"2", 3, 4)
    assert (await first).body == b"1"
    assert shard.under_way == 0
    shard.close()


async def test_a_sink_that_raises_takes_nothing_from_others(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    shard = opened(core)
    pending = shard.order_counts(1)
    told: list[Any] = []

    def sink(events: Sequence[Any]) -> None:
        told.append(events)

    shard.add_sink(lambda events: events.broken)
    shard.add_sink(sink)
    shard.on_failure(told.append)
    core.events, core.answers, core.condition = [1], [(core.asked[0], 200, b"1", -1, -1)], "failed"
    shard._drain()
    assert (await pending).body == b"1"
    assert told == [[1], "the sums of BTC"]
    assert "'list' object has no attribute 'broken'" in caplog.text
    shard.close()


async def test_who_fails_to_hear_a_reply_takes_none_from_others(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    shard = opened(core)
    first, second = shard.order_counts(1), shard.order_counts(2)
    first.then(lambda reply: reply.broken)  # type: ignore[attr-defined]
    core.answers = [(token, 200, b"1", -1, -1) for token in core.asked]
    shard._drain()
    assert (await second).status == 200
    assert "'Reply' object has no attribute 'broken'" in caplog.text
    shard.close()


async def test_one_wake_for_all_that_is_asked_in_one_turn(core: Core) -> None:
    shard = opened(core)
    for _ in range(3):
        shard.order_counts(1)
    assert core.roused == 0
    await asyncio.sleep(0)
    assert core.roused == 1
    shard.order_counts(1)
    await asyncio.sleep(0)
    assert core.roused == 2
    shard.close()


async def test_who_waits_too_long_is_told_that_the_outcome_is_unknown(core: Core) -> None:
    shard = opened(core)
    early = shard.order_counts(1)
    for _ in range(PATIENCE):
        shard._expire()
        late = shard.order_counts(1)
    assert shard.under_way == 1 + PATIENCE, "nobody has waited for that long"
    shard._expire()
    assert await early is LOST
    assert shard.under_way == PATIENCE
    core.answers = [(core.asked[0], 200, b"at last", -1, -1), (core.asked[-1], 200, b"in time", -1, -1)]
    shard._drain()
    assert (await late).body == b"in time"
    shard.close()


async def test_closing_settles_all(core: Core) -> None:
    shard = opened(core)
    pending = shard.order_counts(1)
    # Were keys that nobody told of taken for no keys, the identity service would revoke all of them.
    asked = [asyncio.ensure_future(shard.command({"Remark": {}})), asyncio.ensure_future(shard.live_keys())]
    await asyncio.sleep(0)
    shard.close()
    assert (await pending) is LOST
    for each in asked:
        with pytest.raises(ApiError) as lost:
            await each
        assert lost.value.code == -1007


async def test_what_is_refused_at_once_is_not_waited_for(core: Core) -> None:
    shard = opened(core)
    with pytest.raises(ApiError):
        shard.order_counts(0)
    assert shard.under_way == 0
    shard.close()


async def test_a_pending_reply_may_be_heard_of_later(core: Core) -> None:
    shard = opened(core)
    pending = shard.order_counts(1)
    core.answers = [(core.asked[0], 200, b"x", -1, -1)]
    shard._drain()
    heard: list[Reply] = []
    pending.then(heard.append)
    assert [reply.body for reply in heard] == [b"x"]
    shard.close()


async def test_a_halt_is_told_once_and_why(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    shard = opened(core)
    shard._drain()
    assert not caplog.records
    core.condition = "halted"
    shard._drain()
    shard._drain()
    assert [(it.levelname, it.message) for it in caplog.records] == [
        ("CRITICAL", "an invariant does not hold; only cancels are taken from here on: the sums of BTC")
    ]
    shard.close()
