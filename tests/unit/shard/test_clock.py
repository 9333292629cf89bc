"""What is said of a wall clock that jumps."""

import logging

import pytest

from agio.shard.clock import SECOND, ClockWatch


class Clocks:
    """A log's clock and a monotonic one, as the test sets them."""

    def __init__(self) -> None:
        self.log, self.monotonic = 10**15, 0
        self.away: int | None = None

    def now(self) -> int:
        return self.log

    def jump(self) -> int | None:
        return self.away

    def pass_by(self, seconds: float) -> None:
        self.log += int(seconds * SECOND)
        self.monotonic += int(seconds * SECOND)


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def watch(clocks: Clocks, caplog: pytest.LogCaptureFixture) -> ClockWatch:
    caplog.set_level(logging.INFO)
    return ClockWatch(clocks, lambda: clocks.monotonic)


def test_a_clock_that_runs_is_not_spoken_of(
    clocks: Clocks, watch: ClockWatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        clocks.pass_by(1)
        clocks.log += 500
        watch.look()
    assert not caplog.messages


def test_a_jump_that_waits_is_told_once_and_its_end_as_well(
    clocks: Clocks, watch: ClockWatch, caplog: pytest.LogCaptureFixture
) -> None:
    clocks.away = -3_600 * SECOND
    for _ in range(3):
        clocks.pass_by(1)
        watch.look()
    (told,) = caplog.messages
    assert "jumped by -3600.0 s" in told
    assert "agio clock confirm" in told
    clocks.away = None
    watch.look()
    assert "agree again" in caplog.messages[1]


def test_a_jump_that_was_followed_is_told(clocks: Clocks, watch: ClockWatch, caplog: pytest.LogCaptureFixture) -> None:
    clocks.pass_by(1)
    clocks.log += 60 * SECOND
    for _ in range(3):
        watch.look()
    assert ["jumped forward by 60.0 s" in told for told in caplog.messages] == [True]
