"""A projector that takes nothing: the shard refuses new orders in the end, says that it does, and recovers."""

from collections.abc import Callable

import pytest

from agio.domain.errors import ApiError
from agio.shard import batch
from tests.unit.shard.test_batch import COIN, CUSTOMER, Exchange, exchange

__all__ = ["exchange"]

UNLIMITED = {"ten_seconds": 1 << 31, "day": 1 << 31, "open": 1 << 31}
MANY = batch.place(CUSTOMER, 0, batch.BUY, COIN, COIN, life=batch.IOC) * 10_000
"""Each is accepted and expires: two events."""


def test_a_shard_that_is_overloaded_says_so(exchange: Callable[[str], Exchange]) -> None:
    shard = exchange("log")
    shard.command({"SetLimits": {"account": CUSTOMER, "limits": UNLIMITED}})
    taken = 0
    while not shard.core.overloaded():
        shard.batch(MANY)
        taken += 10_000
        assert taken < 2_000_000, "what waits is bounded"
    assert shard.core.state() == "running", "nothing is broken"
    with pytest.raises(ApiError) as refused:
        shard.batch(MANY)
    assert (refused.value.code, refused.value.status) == (-1008, 503)
    assert shard.position()["sequence"] >= taken, "questions are answered"
    while shard.core.rows(0) is not None:
        pass
    assert not shard.core.overloaded()
    assert len(shard.batch(MANY)) == 10_000
