"""Questions to SQL take turns by account."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from agio.domain.errors import ApiError
from agio.projections.pool import Pool

MINE, THEIRS = 7, 8


class Slow:
    """A question that takes until somebody lets it go."""

    def __init__(self) -> None:
        self.begun = 0
        self._go = threading.Semaphore(0)

    def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        assert self._go.acquire(timeout=10)
        return number

    def finish(self, count: int = 1) -> None:
        self._go.release(count)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(2, "test")
    yield pool
    pool.close()


async def until(slow: Slow, begun: int) -> None:
    async with asyncio.timeout(5):
        while slow.begun < begun:
            await asyncio.sleep(0.001)


async def test_who_asks_often_keeps_no_one_else_waiting(pool: Pool) -> None:
    slow = Slow()
    mine = [asyncio.create_task(pool.ask(MINE, slow)) for _ in range(5)]
    await until(slow, 1)
    async with asyncio.timeout(5):
        assert await pool.ask(THEIRS, str, 5) == "5"
        assert await pool.ask(None, int, "9", base=10) == 9
    assert slow.begun == 1, "one of an account at a time"
    slow.finish(5)
    assert sorted(await asyncio.gather(*mine)) == [1, 2, 3, 4, 5]
    assert len(pool._turns) == 0


async def test_who_gives_up_has_not_had_his_turn_until_the_thread_is_done(pool: Pool) -> None:
    slow = Slow()
    first, second, third = (asyncio.create_task(pool.ask(MINE, slow)) for _ in range(3))
    await until(slow, 1)
    first.cancel()
    second.cancel()
    await asyncio.sleep(0.02)
    assert slow.begun == 1
    slow.finish()
    await until(slow, 2)
    slow.finish()
    assert await third == 2
    assert second.cancelled()


async def test_a_question_that_fails_ends_its_turn(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        await pool.ask(MINE, divmod, 1, 0)
    assert await pool.ask(MINE, divmod, 7, 2) == (3, 1)


async def test_after_the_end_there_are_no_answers(pool: Pool) -> None:
    slow = Slow()
    under_way, waiting = (asyncio.create_task(pool.ask(MINE, slow)) for _ in range(2))
    await until(slow, 1)
    slow.finish()
    await asyncio.to_thread(pool.close)
    assert await under_way == 1
    for refused in (waiting, pool.ask(THEIRS, slow), pool.ask(None, slow)):
        with pytest.raises(ApiError) as error:
            await refused
        assert (error.value.code, error.value.status) == (-1016, 503)
