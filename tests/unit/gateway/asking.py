"""Requests put before the faces of a gateway without a socket, and what they answer."""

import asyncio
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import msgspec

from agio.gateway.dispatch import Dispatcher
from agio.gateway.session import Session
from agio.gateway.ws_api import Frame, Message
from agio.ports import Pending, Reply
from agio.wire.http_connection import HttpConnection, HttpRequest


class Response(NamedTuple):
    """An HTTP answer, read back from its bytes."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Line:
    """Stands where a request's connection would."""

    def __init__(self) -> None:
        self.listener = SimpleNamespace(date=b"")
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def answer(self, _: HttpRequest, answer: bytes) -> None:
        self.answered.set_result(answer)


async def ask_http(
    app: Any, method: str, target: str, body: bytes = b"", *, peer: str = "192.0.2.1", **headers: str | None
) -> Response:
    """One request; `headers` by their name with `_` for `-`, None: not sent."""
    line = Line()
    sent = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items() if value is not None}
    app.serve(HttpRequest(cast("HttpConnection", line), peer, method.encode(), target.encode(), sent, body))
    head, _, answered = (await line.answered).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    pairs = [(name, value) for name, _, value in (header.partition(": ") for header in lines)]
    assert ("content-length", str(len(answered))) in pairs
    return Response(int(first.split(" ")[1]), pairs, answered)


class Told(Frame):
    """A request of the WebSocket API whose reply is looked at before it becomes a frame."""

    answer: Pending = msgspec.field(default_factory=Pending)

    def tell(self, reply: Reply) -> None:
        self.answer.settle(reply)


async def ask_ws(dispatcher: Dispatcher, method: str, params: dict[str, Any], session: Session, now: int) -> Reply:
    """One request for a row of the WebSocket API."""
    usage = dispatcher.limits.of(session.address, now)
    message = Message(params=params)
    frame = Told(cast("Any", None), session, message, row=dispatcher.table.ws[method], usage=usage, now=now)
    dispatcher.answer(frame)
    return await frame.answer
