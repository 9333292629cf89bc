"""From a request to its answer, for whatever server carries it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

import msgspec

from agio.gateway import codec, errors
from agio.gateway.row import encode
from agio.ports import Pending, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from agio.gateway.limits import Limits, Usage
    from agio.gateway.operations import Row, Table
    from agio.gateway.row import Call, Venue

log = logging.getLogger(__name__)

SECONDS = 10
"""How long a handler that waits by itself may take; after that the outcome is unknown (-1007)."""


class Asked(msgspec.Struct, eq=False, kw_only=True):
    """A request under way. How it is authorized, and whom its reply is told, is up to its face."""

    row: Row
    usage: Usage
    now: int
    began: int = msgspec.field(default_factory=perf_counter_ns)

    __repr__ = object.__repr__  # a struct's own would tell what clients sent to whatever logs it

    def authorize(self, venue: Venue) -> Call:
        """Parses and authorizes; raises one of `codec.REFUSALS`."""
        raise NotImplementedError

    def tell(self, reply: Reply) -> None:
        """Sends the reply."""
        raise NotImplementedError

    def settle(self, reply: Reply) -> None:
        """Counts the reply, and tells it."""
        row, status = self.row, reply.status
        if status == 200 and row.operation.free:
            self.usage.give_back(row.operation.weight, self.now)
        row.tally.count(status, perf_counter_ns() - self.began)
        self.tell(reply)


class Dispatcher:
    """Routes, limits, authorizes and answers the requests of one table."""

    def __init__(self, venue: Venue, table: Table, limits: Limits) -> None:
        self.venue = venue
        self.table = table
        self.limits = limits
        self.seconds: float = SECONDS
        self.stopping = False
        self.unrouted: dict[int, int] = {}
        """Requests that no row answered, by HTTP status."""
        self.now = venue.shard.now
        self._tasks: set[asyncio.Task[Reply]] = set()

    def answer(self, asked: Asked) -> None:
        """Limits, authorizes and runs one request of any face. Raises nothing: refusals are replies, too."""
        operation = asked.row.operation
        try:
            self.limits.enter(asked.usage, operation.weight, asked.now)
            if self.stopping:
                raise errors.STOPPING.error()
            call = asked.authorize(self.venue)
            if operation.weigh is not None:
                self.limits.spend(asked.usage, operation.weigh(call.values) - operation.weight, asked.now)
            answer = operation.handler(self.venue, call)
        except codec.REFUSALS as error:
            asked.settle(refused(error))
        except Exception as error:  # noqa: BLE001 -- no handler's failure may reach the server or another request
            asked.settle(failure(operation.name, error))
        else:
            if isinstance(answer, Pending):
                answer.then(asked.settle)
            elif isinstance(answer, Reply):
                asked.settle(answer)
            else:
                self._wait(answer, asked)

    def _wait(self, answer: Awaitable[Reply], asked: Asked) -> None:
        task = asyncio.get_running_loop().create_task(self._patiently(answer, asked.row.operation.name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda task: asked.settle(CANCELLED if task.cancelled() else task.result()))

    async def _patiently(self, answer: Awaitable[Reply], name: str) -> Reply:
        try:
            async with asyncio.timeout(self.seconds):
                return await answer
        except TimeoutError:
            return refused(errors.TIMEOUT.error())
        except codec.REFUSALS as error:
            return refused(error)
        except Exception as error:  # noqa: BLE001 -- as above
            return failure(name, error)


def refused(error: Any) -> Reply:
    """One of `codec.REFUSALS` as a reply."""
    return Reply(error.status, codec.error_body(error.code, error.message), -1, -1)


CANCELLED = refused(errors.STOPPING.error())
"""For who still waits for history when everything ends."""


def failure(name: str, reason: Exception) -> Reply:
    """Logs what went wrong; the client gets -1000 and the id under which it was logged."""
    trace = secrets.token_hex(8)
    log.error("%s failed", name, exc_info=reason, extra={"operation": name, "request": trace})
    error = errors.UNKNOWN
    return Reply(error.status, encode({"code": error.code, "msg": error.text, "requestId": trace}), -1, -1)
