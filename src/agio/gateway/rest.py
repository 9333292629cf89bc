"""The HTTP faces as RSGI applications (granian): the public one, and the private ones of operators and monitors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from agio.gateway import codec, errors
from agio.gateway.dispatch import JSON, Dispatcher, Request, refused
from agio.gateway.limits import Figures, Limits
from agio.gateway.row import Call, Venue
from agio.wire import address
from agio.wire.http import read_body

if TYPE_CHECKING:
    from agio.gateway.limits import Usage
    from agio.gateway.operations import Row, Table
    from agio.gateway.row import Operation
    from agio.ports import Reply

log = logging.getLogger(__name__)

LONGEST_QUERY = 16_384
LONGEST_BODY = 65_536
"""Larger than what a schema reads (16 KiB with the query), so that what is a little too long gets Binance's answer."""
LONGEST_REMARK = 500
"""Characters of an actor or a reason that go into the log."""
BODYLESS = frozenset({"GET", "HEAD"})
TEXT = ("content-type", "text/plain; version=0.0.4; charset=utf-8")
CLOSE = ("connection", "close")
TOO_LARGE = codec.error_body(errors.TOO_LARGE.code, errors.TOO_LARGE.text)


class PublicApp:
    """The rest listener."""

    def __init__(self, dispatcher: Dispatcher, proxies: frozenset[str] = frozenset()) -> None:
        self._dispatch = dispatcher.dispatch
        self._proxies = proxies

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answers one request."""
        headers = scope.headers
        method = scope.method
        query = scope.query_string.encode()
        if len(query) > LONGEST_QUERY:
            protocol.response_bytes(414, [JSON, CLOSE], TOO_LARGE)
            return
        # Asking for a body that is empty would cost a turn of the server's thread and of ours: 20 µs.
        empty = method in BODYLESS or headers.get("content-length") == "0"
        body = b"" if empty else await read_body(headers, protocol, LONGEST_BODY)
        if body is None:
            protocol.response_bytes(413, [JSON, CLOSE], TOO_LARGE)
            return
        request = Request(
            method,
            scope.path,
            query,
            body,
            self._address(scope.client, headers),
            headers.get("x-mbx-apikey"),
            headers.get("x-mbx-time-unit"),
            method == "GET" and "text/html" in headers.get("accept", ""),
        )
        response = await self._dispatch(request)
        protocol.response_bytes(response.status, response.headers, response.body)

    def _address(self, client: str, headers: Any) -> str:
        peer = client.rpartition(":")[0].strip("[]") or client
        if peer in self._proxies:
            return address.client(peer, headers.get("x-forwarded-for"), self._proxies)
        return peer


class PrivateRequest(NamedTuple):
    """A request of an operator or a monitor, who needs no key: the socket admits only its owner."""

    query: str
    body: bytes

    def authorize(self, row: Row, _: Venue, __: int) -> Call:
        """Decodes the body, of a GET the query; ApiError -1130 that says where it is wrong."""
        operation = row.operation
        if operation.body is None:
            return Call(None, micros=False)
        try:
            if changes(operation):
                return Call(msgspec.json.decode(self.body, type=operation.body), micros=False)
            asked = dict(parse_qsl(self.query, keep_blank_values=True))
            return Call(msgspec.convert(asked, operation.body, strict=False), micros=False)
        except (msgspec.DecodeError, RecursionError) as error:
            raise errors.BAD_BODY.error(error) from error


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

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answers one request."""
        body = await read_body(scope.headers, protocol, LONGEST_BODY)
        if body is None:
            protocol.response_bytes(413, [JSON, CLOSE], TOO_LARGE)
            return
        reply = await self.answer(scope.method, scope.path, scope.query_string, body)
        kind = JSON if reply.body.startswith((b"{", b"[")) else TEXT
        protocol.response_bytes(reply.status, [kind], reply.body)

    async def answer(self, method: str, path: str, query: str, body: bytes) -> Reply:
        """Answers, and logs who changes what and why, with what came of it."""
        row = self._routes.get((method, path))
        if row is None:
            return refused(errors.NOT_FOUND.error("call", f"{method} {path}"))
        request = PrivateRequest(query, body)
        if not changes(row.operation):
            return await self.dispatcher.answer(row, request, self._usage, self.dispatcher.now())
        name, asked = row.operation.name, _told(body)
        try:
            await self._remark(name, asked)
        except codec.REFUSALS as error:
            return refused(error)
        reply = await self.dispatcher.answer(row, request, self._usage, self.dispatcher.now())
        log.info("administration", extra={"operation": name, "status": reply.status, "asked": asked})
        return reply

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
