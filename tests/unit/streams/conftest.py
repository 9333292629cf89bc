"""Streams are tested on the loop that they run on, over real sockets, with a shard that obeys the test."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from tests.unit.streams.fakes import World, streams


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with streams() as world:
        yield world
