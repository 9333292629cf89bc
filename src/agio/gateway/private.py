"""The private HTTP faces: of operators, on a socket file that only its owner may open, and of monitors."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from agio.gateway import codec, errors
from agio.gateway.admin.act import telling
from agio.gateway.dispatch import Asked, Dispatcher, refused
from agio.gateway.limits import Figures, Limits
from agio.gateway.rest import JSON, path_of, refuse
from agio.gateway.row import Call, Venue
from agio.ports import Pending

if TYPE_CHECKING:
    from agio.gateway.limits import Usage
    from agio.gateway.operations import Row, Table
    from agio.gateway.row import Operation
    from agio.ports import Reply
    from agio.wire.http_connection import HttpRequest

log = logging.getLogger(__name__)

LONGEST_REMARK = 500
"""Characters of an actor or a reason that go into the log."""
TEXT = b"content-type: text/plain; version=0.0.4; charset=utf-8\r\n"


class PrivateRequest(Asked):
    """A request of an operator or a monitor, who needs no key: the socket admits only its owner."""

    query: str
    body: bytes
    answer: Pending = msgspec.field(default_factory=Pending)

    def authorize(self, _: Venue) -> Call:
        """Decodes the body, of a GET the query; ApiError -1130 that says where it is wrong."""
        operation = self.row.operation
        if operation.body is None:
            return Call(None, micros=False)
        try:
            if changes(operation):
                return Call(msgspec.json.decode(self.body, type=operation.body), micros=False)
            asked = dict(parse_qsl(self.query, keep_blank_values=True))
            return Call(msgspec.convert(asked, operation.body, strict=False), micros=False)
        except (msgspec.DecodeError, RecursionError) as error:
            raise errors.BAD_BODY.error(error) from error

    def tell(self, reply: Reply) -> None:
        """Whoever awaits `answer` gets it."""
        self.answer.settle(reply)


def changes(operation: Operation) -> bool:
    """Whether an administrative row changes something."""
    return operation.rest is not None and operation.rest[0] != "GET"


class PrivateApp:
    """The administration socket, or the ops listener. Every call that changes something names actor and reason."""

    def __init__(self, venue: Venue, table: Table) -> None:
        unlimited = Figures(weight=1 << 62, raw=1 << 62)
        self.dispatcher = Dispatcher(venue, table, Limits(unlimited))
        self._usage: Usage = self.dispatcher.limits.of("owner", 0)
        self._routes = table.rest
        self._tasks: set[asyncio.Task[None]] = set()

    refuse = staticmethod(refuse)

    def serve(self, request: HttpRequest) -> None:
        """Answers one request."""
        task = asyncio.get_running_loop().create_task(self._serve(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, request: HttpRequest) -> None:
        path, _, query = request.target.partition(b"?")
        reply = await self.answer(request.method.decode(), path_of(path), query.decode("latin-1"), request.body)
        request.respond(reply.status, JSON if reply.body.startswith((b"{", b"[")) else TEXT, reply.body)

    async def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answers, and logs who changes what and why, with what came of it."""
        row = self._routes.get((method, path))
        if row is None:
            return refused(errors.NOT_FOUND.error("call", f"{method} {path}"))
        if not changes(row.operation):
            return await self._run(row, query, body)
        name, asked = row.operation.name, _told(body)
        try:
            with telling():
                await self._remark(name, asked)
        except codec.REFUSALS as error:
            return refused(error)
        reply = await self._run(row, query, body)
        log.info("administration", extra={"operation": name, "status": reply.status, "asked": asked})
        return reply

    async def _run(self, row: Row, query: str, body: bytes) -> Reply:
        request = PrivateRequest(query, body, row=row, usage=self._usage, now=self.dispatcher.now())
        self.dispatcher.answer(request)
        return await request.answer

    async def _remark(self, operation: str, asked: dict[str, Any]) -> None:
        """Puts actor and reason into the log, before the commands that follow. What lacks them will be refused."""
        actor, reason = asked.get("actor"), asked.get("reason")
        shard = self.dispatcher.venue.shard
        if isinstance(actor, str) and isinstance(reason, str) and shard.state() == "running":
            remark = {"actor": actor[:LONGEST_REMARK], "reason": reason[:LONGEST_REMARK], "operation": operation}
            await shard.command({"Remark": remark})


def _told(body: bytes) -> dict[str, Any]:
    try:
        asked = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        asked = {}
    return asked if isinstance(asked, dict) else {}
