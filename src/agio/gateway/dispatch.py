"""From a request to its answer, for whatever server carries it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from agio.gateway import auth, codec, errors, known
from agio.gateway.row import Call, Venue, encode
from agio.ports import Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from agio.gateway.limits import Limits, Usage
    from agio.gateway.operations import Row, Table

log = logging.getLogger(__name__)

SECONDS = 10
"""How long a request may take; after that its outcome is unknown (-1007)."""
JSON = ("content-type", "application/json;charset=UTF-8")
HTML = ("content-type", "text/html")
NO_PAGE = b"<html><body><h2>404 Not found</h2></body></html>"
TIME_UNITS = {None: False, "MILLISECOND": False, "millisecond": False, "MICROSECOND": True, "microsecond": True}
LOST = 0
"""The status of a request that was under way when the shard broke."""


class Source(Protocol):
    """A request of one of the faces, which knows how its parameters and key arrived."""

    def authorize(self, row: Row, venue: Venue, now: int) -> Call:
        """Parses and authorizes; raises one of `codec.REFUSALS`."""
        ...


class Request(NamedTuple):
    """One HTTP request, as it arrived: query and body are raw bytes, over which signatures are made."""

    method: str
    path: str
    query: bytes
    body: bytes
    address: str
    """The client's, as limits count it."""
    api_key: str | None = None
    time_unit: str | None = None
    wants_html: bool = False

    def authorize(self, row: Row, venue: Venue, now: int) -> Call:
        """Security NONE ignores keys; the others ask for one."""
        operation, schema = row.operation, row.rest_schema
        assert schema is not None
        micros = TIME_UNITS.get(self.time_unit)
        if micros is None:
            raise errors.BAD_TIME_UNIT.error()
        if not row.is_keyed:
            return Call(schema.parse(self.query, self.body), micros)
        key = auth.admit(venue.identity, self.api_key, operation.security)
        if row.is_signed:
            return Call(schema.authorize(self.query, self.body, key.verifier, now), micros, key)
        return Call(schema.parse(self.query, self.body), micros, key)


class Response(NamedTuple):
    """What to send back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Deadlines:
    """Ends waiting for what is not answered in time; one timer serves all futures."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._waiting: dict[asyncio.Future[Reply], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, answer: Awaitable[Reply]) -> Awaitable[Reply]:
        """The answer, when it comes; ApiError -1007 when it does not."""
        if not isinstance(answer, asyncio.Future):
            return self._patiently(answer)
        loop = answer.get_loop()
        self._waiting[answer] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_later(self._seconds / 10, self._sweep, loop)
        return answer

    async def _patiently(self, answer: Awaitable[Reply]) -> Reply:
        try:
            async with asyncio.timeout(self._seconds):
                return await answer
        except TimeoutError as error:
            raise errors.TIMEOUT.error() from error

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        """Forgets what is answered, too: cheaper here than one by one."""
        now = loop.time()
        waiting = self._waiting = {future: at for future, at in self._waiting.items() if not future.done()}
        for future in [future for future, deadline in waiting.items() if deadline <= now]:
            del waiting[future]
            future.set_exception(errors.TIMEOUT.error())
        self._timer = loop.call_later(self._seconds / 10, self._sweep, loop) if self._waiting else None


class Dispatcher:
    """Routes, limits, authorizes and answers the requests of one table."""

    def __init__(self, venue: Venue, table: Table, limits: Limits) -> None:
        self.venue = venue
        self.table = table
        self.limits = limits
        self.deadlines = Deadlines()
        self.stopping = False
        self.unrouted: dict[int, int] = {}
        """Requests that no row answered, by HTTP status."""
        self.now = venue.shard.now

    async def dispatch(self, request: Request) -> Response:
        """Answers one HTTP request."""
        now = self.now()
        usage = self.limits.of(request.address, now)
        row = self.table.rest.get((request.method, request.path))
        if row is None:
            return self._unrouted(request, usage, now)
        reply = await self.answer(row, request, usage, now)
        return Response(reply.status, self.headers(reply, usage, now), reply.body)

    async def answer(self, row: Row, source: Source, usage: Usage, now: int) -> Reply:
        """Limits, authorizes and runs one request of either face. Raises nothing: refusals are replies, too."""
        began = perf_counter_ns()
        operation = row.operation
        try:
            self.limits.enter(usage, operation.weight, now)
            if self.stopping:
                raise errors.STOPPING.error()
            call = source.authorize(row, self.venue, now)
            if operation.weigh is not None:
                self.limits.spend(usage, operation.weigh(call.values) - operation.weight, now)
            answer = operation.handler(self.venue, call)
            reply = answer if isinstance(answer, Reply) else await self.deadlines.wait(answer)
            if reply.status == LOST:
                raise errors.TIMEOUT.error()
        except codec.REFUSALS as error:
            reply = refused(error)
        except Exception as error:  # noqa: BLE001 -- no handler's failure may reach the server or another request
            reply = failure(operation.name, error)
        if operation.free and reply.status == 200:
            self.limits.give_back(usage, operation.weight, now)
        row.tally.count(reply.status, perf_counter_ns() - began)
        return reply

    def headers(self, reply: Reply, usage: Usage, now: int) -> list[tuple[str, str]]:
        """What the client learns about its limits."""
        weight = str(usage.weight)
        headers = [JSON, ("x-mbx-used-weight", weight), ("x-mbx-used-weight-1m", weight)]
        if reply.orders_10s >= 0:
            headers.append(("x-mbx-order-count-10s", str(reply.orders_10s)))
            headers.append(("x-mbx-order-count-1d", str(reply.orders_1d)))
        if reply.status in (418, 429):
            wait = self.limits.retry_at(usage, now, reply.body) - now
            headers.append(("retry-after", str(-(-wait // 1_000_000))))
        return headers

    def _unrouted(self, request: Request, usage: Usage, now: int) -> Response:
        reply, extra = self._no_row(request, usage, now)
        self.unrouted[reply.status] = self.unrouted.get(reply.status, 0) + 1
        headers = self.headers(reply, usage, now)
        headers[0] = HTML if reply.body is NO_PAGE else JSON
        return Response(reply.status, headers + extra, reply.body)

    def _no_row(self, request: Request, usage: Usage, now: int) -> tuple[Reply, list[tuple[str, str]]]:
        """Limits hold for unknown paths, too; Binance's own calls are told apart from those that nobody has."""
        try:
            self.limits.enter(usage, 1, now)
        except codec.REFUSALS as error:
            return refused(error), []
        if known.has(request.method, request.path):
            return refused(errors.UNSUPPORTED.error()), []
        methods = sorted({*self.table.methods.get(request.path, ()), *known.methods(request.path)})
        if methods:
            return refused(errors.WRONG_METHOD.error(request.method)), [("allow", ", ".join(methods))]
        return Reply(404, NO_PAGE if request.wants_html else b"", -1, -1), []


def refused(error: Any) -> Reply:
    """One of `codec.REFUSALS` as a reply."""
    return Reply(error.status, codec.error_body(error.code, error.message), -1, -1)


def failure(name: str, reason: Exception) -> Reply:
    """Logs what went wrong; the client gets -1000 and the id under which it was logged."""
    trace = secrets.token_hex(8)
    log.error("%s failed", name, exc_info=reason, extra={"operation": name, "request": trace})
    error = errors.UNKNOWN
    return Reply(error.status, encode({"code": error.code, "msg": error.text, "requestId": trace}), -1, -1)
