"""The one timer behind all that is sent at intervals."""

import asyncio

import pytest

from agio.streams.market.pace import Pace


async def test_multiples_in_order_and_no_catching_up() -> None:
    pace = Pace(unit=3600)
    heard: list[str] = []
    pace.add(10, lambda: heard.append("ten"))
    pace.add(1, lambda: heard.append("one"))
    first = (pace._number // 10 + 2) * 10
    pace.advance(first - 5)  # wherever the machine's clock stands
    heard.clear()
    for number in (first - 1, first, first + 1, first + 1, first + 15):
        pace.advance(number)
    assert heard == ["one", "one", "ten", "one", "one", "ten"]


async def test_one_that_fails_does_not_silence_the_others(caplog: pytest.LogCaptureFixture) -> None:
    pace = Pace(unit=3600)
    heard: list[str] = []

    def fail() -> None:
        raise ValueError("a bug")

    pace.add(1, fail)
    pace.add(1, lambda: heard.append("one"))
    pace.advance(pace._number + 1)
    assert heard == ["one"]
    assert "a bug" in caplog.text


async def test_real_time_and_silence() -> None:
    pace, every = Pace(unit=0.002), 0.01
    heard: list[float] = []

    def beat() -> None:
        heard.append(asyncio.get_running_loop().time())

    began = asyncio.get_running_loop().time()
    pace.add(5, beat)
    await beats(heard, 3)
    pace.remove(5, beat)
    assert len(heard) <= (heard[-1] - began) / every + 2
    assert pace._timer is None
    count = len(heard)
    await asyncio.sleep(3 * every)
    assert len(heard) == count
    pace.add(1, beat)
    await beats(heard, count + 1)
    pace.remove(1, beat)


async def beats(heard: list[float], count: int) -> None:
    """Waits until so many were heard, however busy the machine is."""
    async with asyncio.timeout(10):
        while len(heard) < count:
            await asyncio.sleep(0.001)
