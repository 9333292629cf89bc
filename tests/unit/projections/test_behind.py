"""What is said of a projection that does not keep up."""

import logging

import pytest

from agio.projections.behind import AGAIN, LONG, SAMPLES, BehindWatch
from agio.projections.position import Progress


class Log:
    """Commands that come, and the time, as the test sets them."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.last, self.full, self.time = 0, False, 0.0
        self.watch = BehindWatch(self.progress, lambda: self.last, lambda: self.full, lambda: self.time)

    def second(self, *, commands: int, projected: int) -> None:
        self.last += commands
        self.progress.sequence += projected
        self.time += 1
        self.watch.look()


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    caplog.set_level(logging.INFO)
    return Log()


def test_who_keeps_up_is_not_spoken_of(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.second(commands=1000, projected=0)
    for _ in range(600):
        log.second(commands=1000, projected=1000)
    assert log.progress.behind == 0, "it has all that was there a second ago"
    for _ in range(600):
        log.second(commands=0, projected=0 if log.progress.sequence == log.last else 1000)
    assert log.progress.behind == 0, "an idle exchange is not behind"
    assert not caplog.messages


def test_how_far_behind_is_counted_in_time(log: Log) -> None:
    for _ in range(60):
        log.second(commands=1000, projected=500)
    assert log.progress.behind == 29, "what is projected now came half a minute ago"


def test_who_falls_behind_is_spoken_of_now_and_then(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(int(LONG + AGAIN) + 2):
        log.second(commands=10, projected=0)
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("history is 60 commands and 5 s behind the log: who asks")
    log.second(commands=0, projected=log.last)
    log.second(commands=0, projected=0)
    assert caplog.messages[2:] == ["history has caught up with the log"]


def test_that_orders_are_refused_is_said_at_once(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    log.full = True
    for _ in range(3):
        log.second(commands=10**6, projected=0)
    (told,) = caplog.records
    assert told.levelno == logging.ERROR
    assert "new orders are refused (-1008)" in told.message
    log.full = False
    log.second(commands=0, projected=log.last)
    assert caplog.messages[1:] == ["history has caught up with the log"]


def test_what_is_remembered_is_bounded(log: Log) -> None:
    for _ in range(SAMPLES + 100):
        log.second(commands=1, projected=0)
    assert len(log.watch._seen) == SAMPLES
    assert log.progress.behind == SAMPLES + 99
