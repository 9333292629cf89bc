"""The public HTTP face: from bytes to rows of the table, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from agio.gateway import auth, codec, errors, known
from agio.gateway.dispatch import Asked, Dispatcher, refused
from agio.gateway.row import Call
from agio.ports import Reply
from agio.wire import address

if TYPE_CHECKING:
    from agio.gateway.limits import Limits, Usage
    from agio.gateway.row import Venue
    from agio.wire.http_connection import HttpRequest

LONGEST_QUERY = 16_384
JSON = b"content-type: application/json;charset=UTF-8\r\n"
SBE = b"application/sbe"
"""Who accepts nothing else gets nothing: there is no SBE here (faqs/sbe_faq.md)."""
ANYWHERE = b"access-control-allow-origin: *\r\n"
"""Pages from anywhere may read answers, as at Binance."""
HEAD = JSON + ANYWHERE
PAGE_HEAD = b"content-type: text/html\r\n" + ANYWHERE
NO_PAGE = b"<html><body><h2>404 Not found</h2></body></html>"
TOO_LARGE = codec.error_body(errors.TOO_LARGE.code, errors.TOO_LARGE.text)
MICROS = {b"MILLISECOND": False, b"millisecond": False, b"MICROSECOND": True, b"microsecond": True}


def refuse(request: HttpRequest, status: int) -> None:
    """What HTTP itself refuses: only of bodies that are too long we know what Binance says."""
    request.respond(status, JSON, TOO_LARGE if status == 413 else b"")


class RestRequest(Asked):
    """One request for a row. Signatures are made over query and body as they came."""

    http: HttpRequest
    query: bytes
    limits: Limits

    def authorize(self, venue: Venue) -> Call:
        """Security NONE ignores keys; the others ask for one."""
        row, http = self.row, self.http
        schema, headers = row.rest_schema, http.headers
        assert schema is not None
        body = http.body if row.reads_body else b""
        if headers.get(b"accept") == SBE:
            raise errors.NOT_ACCEPTABLE.error()
        micros = MICROS.get(headers[b"x-mbx-time-unit"]) if b"x-mbx-time-unit" in headers else False
        if micros is None:
            raise errors.BAD_TIME_UNIT.error()
        if not row.is_keyed:
            return Call(schema.parse(self.query, body), micros)
        key = auth.admit(venue.identity, headers.get(b"x-mbx-apikey", b"").decode("latin-1"), row.operation.security)
        if row.is_signed:
            values = schema.authorize(self.query, body, key.verifier, self.now)
        else:
            values = schema.parse(self.query, body)
        return Call(values, micros, key.account, key.key, None, key)

    def tell(self, reply: Reply) -> None:
        """Answers, with what the client learns about its limits."""
        headers = codec.used(HEAD, self.usage.weight, reply.orders_10s, reply.orders_1d)
        if reply.status in (418, 429):
            headers += retry_after(self.limits, self.usage, self.now, reply)
        self.http.respond(reply.status, headers, reply.body)


class PublicApp:
    """The rest listener."""

    def __init__(self, dispatcher: Dispatcher, proxies: frozenset[str] = frozenset()) -> None:
        self._dispatcher = dispatcher
        self._limits = dispatcher.limits
        self._routes = dispatcher.table.routes
        self._proxies = proxies

    refuse = staticmethod(refuse)

    def serve(self, request: HttpRequest) -> None:
        """Answers one request."""
        path, _, query = request.target.partition(b"?")
        if len(query) > LONGEST_QUERY:
            request.respond(414, JSON, TOO_LARGE, close=True)
            return
        now = self._dispatcher.now()
        peer = request.peer
        usage = self._limits.of(peer if peer not in self._proxies else self._behind(peer, request), now)
        row = self._routes.get((request.method, path))
        if row is None:  # it may be encoded, or a whole URL, or want no body
            plain = path_of(path)
            row = self._routes.get((_asked(request).encode(), plain.encode()))
        if row is None:
            self._unrouted(request, plain, usage, now)
        else:
            self._dispatcher.answer(RestRequest(request, query, self._limits, row=row, usage=usage, now=now))

    def _behind(self, peer: str, request: HttpRequest) -> str:
        return address.client(peer, request.headers.get(b"x-forwarded-for", b"").decode("latin-1"), self._proxies)

    def _unrouted(self, request: HttpRequest, path: str, usage: Usage, now: int) -> None:
        reply, more = self._no_row(request, path, usage, now)
        counts = self._dispatcher.unrouted
        counts[reply.status] = counts.get(reply.status, 0) + 1
        head = PAGE_HEAD if reply.body is NO_PAGE else HEAD
        headers = codec.used(head, usage.weight, -1, -1) + more
        request.respond(reply.status, headers, reply.body)

    def _no_row(self, request: HttpRequest, path: str, usage: Usage, now: int) -> tuple[Reply, bytes]:
        """Limits hold for unknown paths, too; Binance's own calls are told apart from those that nobody has."""
        method = _asked(request)
        try:
            self._limits.enter(usage, 1, now)
        except codec.REFUSALS as error:
            reply = refused(error)
            return reply, retry_after(self._limits, usage, now, reply)
        if known.has(method, path):
            return refused(errors.UNSUPPORTED.error()), b""
        methods = {*self._dispatcher.table.methods.get(path, ()), *known.methods(path)}
        if methods:
            methods |= {"HEAD"} if "GET" in methods else set()
            told = errors.WRONG_METHOD.error(request.method.decode())
            return refused(told), f"allow: {', '.join(sorted(methods))}\r\n".encode()
        wants_page = method == "GET" and b"text/html" in request.headers.get(b"accept", b"")
        return Reply(404, NO_PAGE if wants_page else b"", -1, -1), b""


def _asked(request: HttpRequest) -> str:
    """The method; of a HEAD that of the answer it wants, but for the body."""
    return "GET" if request.method == b"HEAD" else request.method.decode()


def retry_after(limits: Limits, usage: Usage, now: int, reply: Reply) -> bytes:
    """When to come again, in seconds, rounded up."""
    return b"retry-after: %d\r\n" % -((now - limits.retry_at(usage, now, reply.body)) // 1_000_000)


def path_of(target: bytes) -> str:
    """The path of a target without its query; proxies send whole URLs. Empty when there is none."""
    path = target.decode("latin-1")
    if not path.startswith("/"):
        try:
            path = urlsplit(path).path
        except ValueError:  # http://[ and its like: no path of ours
            return ""
    return unquote(path) if "%" in path else path
