"""A whole exchange in this process, whose clock stands where it is put; asked through its faces, without sockets."""

from __future__ import annotations

import asyncio
import hmac
import json
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest import mock
from urllib.parse import urlencode

from agio import bootstrap
from agio.adapters.files.folder import existing
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.replacement import replacement
from agio.adapters.sql.schema import prepare
from agio.gateway.limits import Figures
from agio.projections import rebuild
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from agio.shard.handle import Shard
from agio.shard.log import Replay

if TYPE_CHECKING:
    from pathlib import Path

FREELY = Figures(weight=10**9, raw=10**9)
PATIENCE = 600
"""Seconds that a question may take: this is no test of speed."""
BEATS = 40
"""Of 100 ms each: enough for every stream of statistics."""


class Key(NamedTuple):
    """Of a user, as the user and as the log know it."""

    name: str
    secret: str
    account: int
    number: int

    def sign(self, text: str) -> str:
        return hmac.digest(self.secret.encode(), text.encode(), "sha256").hex()


class Answer(NamedTuple):
    """To one request."""

    status: int
    body: bytes
    limits: dict[str, int]
    """Order counts, by their window: of REST the headers', of the WebSocket API the frame's."""

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class Socket:
    """A WebSocket as rooms see it; keeps what it is sent."""

    remote = "127.0.0.1"

    def __init__(self) -> None:
        self.state: dict[str, Any] = {}
        self.sent: list[bytes] = []
        self.send = self.sent.append

    def close(self, code: int, reason: str) -> None:
        raise AssertionError(f"closed with {code}: {reason}")

    def taken(self) -> list[Any]:
        """What has come since the last time."""
        sent, self.sent[:] = self.sent[:], []
        return [json.loads(message) for message in sent]


class Request:
    """An HTTP request as applications see it."""

    peer = "127.0.0.1"

    def __init__(self, method: str, target: str, key: Key | None) -> None:
        self.method, self.target, self.body = method.encode(), target.encode(), b""
        self.headers = {b"x-mbx-apikey": key.name.encode()} if key else {}
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def respond(self, status: int, headers: bytes, body: bytes) -> None:
        named = dict(line.split(": ", 1) for line in headers.decode().splitlines())
        counts = {end: named.get(f"x-mbx-order-count-{end}") for end in ("10s", "1d")}
        told = {end: int(count) for end, count in counts.items() if count is not None}
        self.answer.set_result(Answer(status, body, told))


class Venue:
    """Lives in a folder, through starts and stops of all kinds."""

    def __init__(self, folder: Path, now: int) -> None:
        self.folder, self.now = folder, now
        self._starts = 0
        self._old = folder.with_name("old.db")

    async def start(self) -> None:
        """On whatever is in the folder."""

        class Timed:
            @staticmethod
            async def recover(folder: str, **options: Any) -> Shard:
                return await Shard.recover(folder, manual_time=now, least_free_bytes=0, **options)

        now = self.now
        settings = bootstrap.Settings(
            self.folder, port_base=0, durability="page-cache", segment_bytes=1 << 20, figures=FREELY
        )
        self.exchange = bootstrap.Exchange(settings, pytest_fails)
        with mock.patch.object(bootstrap, "Shard", Timed):
            await self.exchange.start()
        self.exchange.gateway.public.seconds = PATIENCE
        self.shard = self.exchange.shard
        self.exchange.streams._broadcast = lambda payload, sockets: [each.send(payload) for each in sockets]  # type: ignore[assignment,func-returns-value]
        self.ws_api, self.streams = Socket(), Socket()
        assert self.exchange.gateway.ws_api.opened(self.ws_api, "/ws-api/v3", "")
        assert self.exchange.streams.opened(self.streams, "/stream", "")
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._next = 0
        self.ws_api.send = self._answered
        self.user_data: list[Any] = []
        self._starts += 1

    async def stop(self) -> None:
        await self.exchange.stop()
        assert self.exchange.is_clean

    async def restart(self, how: str) -> None:
        """`stop`: cleanly; `kill`: on what lay on the disk while it ran; `rebuild`: history made anew."""
        killed = self.folder.with_name(f"killed{self._starts}")
        if how == "kill":
            await self.settled()
            shutil.copytree(self.folder, killed, ignore=shutil.ignore_patterns("admin.sock", "lock"))
        await self.stop()
        if how == "kill":
            shutil.rmtree(self.folder)
            killed.rename(self.folder)
            if self._old.exists():  # history is behind the log then
                for file in self.folder.glob("projection.db*"):
                    file.unlink()
                shutil.copy(self._old, self.folder / "projection.db")
        elif how == "rebuild":
            await asyncio.to_thread(self._rebuild)
            shutil.copy(self.folder / "projection.db", self._old)
        await self.start()

    def _rebuild(self) -> None:
        paths = existing(self.folder)
        with paths.stopped(), replacement(paths.projection) as engine:
            prepare(engine, PROJECTION)
            writer = Writer(engine, "spot", SpotTables(engine.dialect))
            rebuild.rebuild(writer, Replay(str(paths.log), 1), lambda _: None)

    async def settled(self) -> None:
        """When history has all that there is, on however busy a machine."""
        await self.exchange._progress.reached(self.shard.applied(), patience=None)

    def set_time(self, now: int) -> None:
        self.now = now
        self.shard.set_time(now)

    # --- its faces

    async def user(self, name: str, *, trades: bool) -> Key:
        """Somebody new, with a key."""
        identity = self.exchange.identity
        user = await identity.add_user(name)
        key = await identity.add_key(name, "hmac", None, ["read", "trade"] if trades else ["read"])
        assert key.secret is not None
        known = identity.key(key.api_key)
        assert known is not None
        return Key(key.api_key, key.secret, user.account, known.key)

    def rest(self, method: str, path: str, key: Key | None = None, **params: Any) -> asyncio.Future[Answer]:
        """Asked at once; signed when there is a key."""
        query = urlencode(params)
        if key:
            query += ("&" if query else "") + f"timestamp={self.now // 1000}"
            query += "&signature=" + key.sign(query)
        request = Request(method, f"{path}?{query}", key)
        self.exchange.gateway.rest.serve(request)  # type: ignore[arg-type]
        return request.answer

    def ws(self, method: str, key: Key | None = None, **params: Any) -> asyncio.Future[Answer]:
        """The same over the WebSocket API."""
        if key:
            params |= {"apiKey": key.name, "timestamp": self.now // 1000}
            params["signature"] = key.sign("&".join(f"{name}={as_signed(params[name])}" for name in sorted(params)))
        self._next += 1
        future = self._asked[self._next] = asyncio.get_running_loop().create_future()
        frame = {"id": self._next, "method": method, "params": params}
        self.exchange.gateway.ws_api.received(self.ws_api, json.dumps(frame).encode())
        return future

    def _answered(self, message: bytes) -> None:
        said = json.loads(message)
        if "id" not in said:
            self.user_data.append(said)
            return
        name = b'"result":' if said["status"] == 200 else b'"error":'
        body = message[message.index(name) + len(name) : message.rindex(b',"rateLimits":')]
        limits = {"10s": "SECOND", "1d": "DAY"}
        counts = {each["interval"]: each["count"] for each in said["rateLimits"] if each["rateLimitType"] == "ORDERS"}
        told = {short: counts[long] for short, long in limits.items() if long in counts}
        self._asked.pop(said["id"]).set_result(Answer(said["status"], body, told))

    async def listen(self, names: list[str]) -> None:
        """To public streams."""
        request = {"method": "SUBSCRIBE", "params": names, "id": 1}
        self.exchange.streams.received(self.streams, json.dumps(request).encode())
        assert self.streams.taken() == [{"result": None, "id": 1}]

    async def beat(self) -> None:
        """Lets so much of real time pass for streams that they tell what they have to tell."""
        pace = self.exchange.market_data._inputs.pace
        for _ in range(2):
            pace.advance(pace._number + BEATS)
            await self.shard.depth("M0", 1)  # who asks at a beat is answered before this
            await asyncio.sleep(0)
            await asyncio.sleep(0)


def as_signed(value: Any) -> str:
    """As it stands in a frame."""
    return value if isinstance(value, str) else json.dumps(value)


def pytest_fails(why: str) -> None:
    raise AssertionError(why)
