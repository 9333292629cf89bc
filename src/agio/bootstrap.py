"""The only place where adapters are chosen: one exchange in one process, put together, started and stopped."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from agio.adapters import descriptors
from agio.adapters.files import folder
from agio.adapters.files.listen_keys import ListenKeyFile
from agio.adapters.sql.databases import PROJECTION
from agio.adapters.sql.engine import refusal, sqlite_engine, usable
from agio.adapters.sql.identity import open_identity
from agio.adapters.sql.schema import prepare
from agio.domain.errors import Fatal
from agio.domain.statistics import TopOfBook
from agio.gateway.gateway import Gateway
from agio.gateway.limits import Figures
from agio.projections.behind import BehindWatch
from agio.projections.position import Progress
from agio.projections.projector import Projector
from agio.projections.spot import seeds
from agio.projections.spot.history import SqlHistory
from agio.projections.spot.statistics import MarketsStatistics
from agio.projections.spot.tables import SpotTables
from agio.projections.writer import Writer
from agio.services.markets.catalogue import LiveCatalogue
from agio.shard.clock import ClockWatch
from agio.shard.handle import Shard
from agio.shard.verifiers import verifier
from agio.streams.codec import CODEC, USER_EVENT
from agio.streams.market.market import MarketData
from agio.streams.room import Room
from agio.streams.user.feeds import UserData
from agio.wire import capacity
from agio.wire.http import HttpLimits, HttpListener
from agio.wire.limits import Limits as SocketLimits
from agio.wire.websocket import Listener

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sqlalchemy import Engine


log = logging.getLogger(__name__)

REST, WS_API, STREAM, OPS_PORT = 0, 1, 2, 5
"""Each listener's place after the port base; 3 and 4 are left for those of futures."""
REBUILD = "It is made from the log, and can be made anew: stop, and run `agio rebuild`."
"""What to do about a damaged projection."""
STOP_SECONDS = 4.0
"""Within which everything has to end; then it is cut off."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What one exchange is started with."""

    folder: Path
    host: str = "127.0.0.1"
    ops_host: str = "127.0.0.1"
    """Where monitors ask, who need no key and meet no limits: not with clients, unless somebody says so."""
    port_base: int = 8080
    durability: str = "fdatasync"
    segment_bytes: int = 64 << 20
    confirm_jumps: bool = False
    figures: Figures = field(default_factory=Figures)
    proxies: frozenset[str] = frozenset()
    """Addresses whose X-Forwarded-For is believed."""

    def port(self, place: int) -> int:
        """The port of a listener; 0, any free one, when the base is 0."""
        return self.port_base + place if self.port_base else 0


class Exchange:
    """A running exchange. `failed` is called, once, when it cannot go on."""

    def __init__(self, settings: Settings, failed: Callable[[str], None]) -> None:
        self.settings = settings
        self._failed = failed
        self._stopped = False
        self.is_clean = True
        """Whether `stop` came to its end, and no thread is still at work."""
        self.ports: dict[int, int] = {}

    async def start(self) -> None:
        """Recovers the log, brings the projection near it, and opens the listeners. Raises Fatal."""
        settings = self.settings
        paths = self.paths = folder.prepare(settings.folder)
        paths.refuse_lost_log()
        with usable(paths.projection, REBUILD):
            await self._start(paths)
        log.info(
            "started",
            extra={"folder": str(settings.folder), "durability": settings.durability, "sequence": self.shard.applied()},
        )

    async def _start(self, paths: folder.DataFolder) -> None:
        loop = asyncio.get_running_loop()
        engine = self._engine = sqlite_engine(paths.projection, durable=False)
        prepare(engine, PROJECTION)
        writer = Writer(engine, "spot", SpotTables(engine.dialect))
        self.shard = await Shard.recover(
            str(paths.log),
            projected=writer.position,
            durability=self.settings.durability,
            segment_bytes=self.settings.segment_bytes,
            confirm_jumps=self.settings.confirm_jumps,
        )
        for note in self.shard.notes():
            log.warning("recovery: %s", note)
        writer.refuse_ahead(self.shard.applied())
        self.shard.on_failure(self._shard_failed)
        self._project(engine, writer, loop)
        self._watches = [loop.create_task(BehindWatch(self._progress, self.shard.applied, self.shard.overloaded).run())]
        await self._rooms(engine)
        await self._listen()
        self._watches.append(loop.create_task(ClockWatch(self.shard).run()))

    def _shard_failed(self, reason: str) -> None:
        self._failed(f"the shard failed: {reason}")

    def _project(self, engine: Engine, writer: Writer, loop: asyncio.AbstractEventLoop) -> None:
        def broken(error: BaseException) -> None:
            words = refusal(error, self.paths.projection, REBUILD) if isinstance(error, DBAPIError) else error
            loop.call_soon_threadsafe(self._failed, f"the projector failed: {words}")

        progress = self._progress = Progress()
        self.projector = Projector(self.shard.rows, writer, progress, self.shard.now, on_failure=broken)
        self.projector.start()
        self.history = SqlHistory(engine, progress, self.shard.now)

    async def _rooms(self, engine: Engine) -> None:
        shard = self.shard
        self.catalogue = LiveCatalogue(shard.catalog, CODEC.catalog_changed)
        self.statistics = MarketsStatistics(shard.now)
        self.feeds = UserData(shard, USER_EVENT)
        self.market_data = MarketData(shard, self.catalogue, self.statistics, CODEC)
        self.streams = Room((self.market_data, self.feeds), shard.now)
        self.market_data.listed = self.streams.rebind
        for sink in (self.catalogue, self.statistics, self.market_data, self.feeds):
            shard.add_sink(sink)
        await self._remember(engine)
        self.identity = await open_identity(self.paths, shard, verifier)
        self.feeds.keep_listen_keys(ListenKeyFile(self.paths.listen_keys, self.identity.master), self._holds)

    def _holds(self, name: str, account: int) -> bool:
        key = self.identity.key(name)
        return key is not None and key.account == account

    async def _remember(self, engine: Engine) -> None:
        """What was traded before this process, once SQL has all of it, and the tops of the books."""
        recovered = self.shard.applied()
        if recovered:
            if behind := recovered - self._progress.sequence:
                log.info("history is %d commands behind the log: it reads those before requests are taken", behind)
            await self._progress.reached(recovered, patience=None)
            self.statistics.seed(await asyncio.to_thread(seeds.read, engine, self.shard.now()))
        for market in self.catalogue.current.markets:
            self.statistics.seed_top(market.id, TopOfBook(*await self.shard.top(market.symbol)))

    async def _listen(self) -> None:
        settings = self.settings
        gateway = self.gateway = Gateway(
            shard=self.shard,
            history=self.history,
            statistics=self.statistics,
            catalogue=self.catalogue,
            identity=self.identity,
            feeds=self.feeds,
            admin=self.identity,
            figures=settings.figures,
            proxies=settings.proxies,
            gauges=self._gauges(),
            counters=self._counters(),
        )
        http, sockets = _limits(settings.figures)
        self._listeners = {
            WS_API: Listener(gateway.ws_api, replace(sockets, messages_per_second=None), proxies=settings.proxies),
            STREAM: Listener(self.streams, sockets, proxies=settings.proxies),
        }
        self._http = {
            REST: HttpListener(gateway.rest, http),
            OPS_PORT: HttpListener(gateway.ops, replace(http, connections=capacity.PRIVATE)),
        }
        self._admin = HttpListener(gateway.admin, replace(http, connections=capacity.PRIVATE))
        try:
            starts = {place: listener.start for place, listener in self._listeners.items()}
            starts |= {place: listener.start for place, listener in self._http.items()}
            for place, start in starts.items():
                host = settings.ops_host if place == OPS_PORT else settings.host
                self.ports[place] = await start(host, settings.port(place))
        except OSError as error:
            await self.stop()
            raise Fatal(
                f"cannot listen on {settings.host}, ports from {settings.port_base} on: {error}; choose other ports"
                " with --port-base, or an address of this machine with --host"
            ) from error
        try:
            await self._admin.start_unix(self.paths.admin)
        except OSError as error:
            await self.stop()
            raise Fatal(f"cannot listen on {self.paths.admin}: {error}; name another folder with --data") from error

    def _gauges(self) -> dict[str, Callable[[], Mapping[str, float]]]:
        """How the other rooms are, for /metrics."""
        projector = self.projector

        def projection() -> dict[str, float]:
            return {
                "lag_seconds": projector.metrics.lag / 1e6,
                "behind_commands": max(0, self.shard.applied() - self._progress.sequence),
                "behind_seconds": self._progress.behind,
                "overloaded": self.shard.overloaded(),
                "waiting": projector.state == "waiting",
            }

        return {
            "shard": self.shard.metrics,
            "projection": projection,
            "streams": self.streams.gauges,
            "user_data": self.feeds.gauges,
            "rest": lambda: self._http[REST].gauges(),  # noqa: PLW0108 -- made later
            "ws_api": lambda: self._listeners[WS_API].gauges(),  # noqa: PLW0108
            "stream": lambda: self._listeners[STREAM].gauges(),  # noqa: PLW0108
        }

    def _counters(self) -> dict[str, Callable[[], Mapping[str, float]]]:
        """What the other rooms count, for /metrics."""
        metrics = self.projector.metrics
        return {
            "projection": lambda: {"rows": metrics.rows, "commits": metrics.commits, "retries": metrics.retries},
            "streams": lambda: self.streams.counters,
            "ws_api": lambda: self._listeners[WS_API].counters,
            "stream": lambda: self._listeners[STREAM].counters,
        }

    async def stop(self) -> None:
        """Refuses what is new, answers what is in the log, says goodbye, writes a snapshot. Once."""
        if self._stopped:
            return
        self._stopped = True
        if hasattr(self, "gateway"):
            self.gateway.stop()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._stop()
        except TimeoutError:
            self.is_clean = False
            log.error("stopping took longer than %s s and was cut off: the log is whole", STOP_SECONDS)

    async def _stop(self) -> None:
        for watch in self._watches:
            watch.cancel()
        await asyncio.to_thread(self.shard.stop)
        self.shard.close()
        await self.feeds.stop()
        listeners = getattr(self, "_listeners", {})
        for place, listener in listeners.items():
            listener.announce(self.streams.farewell if place == STREAM else self.gateway.ws_api.farewell)
        servers = [*listeners.values(), *getattr(self, "_http", {}).values()]
        if hasattr(self, "_admin"):
            servers.append(self._admin)
        await asyncio.gather(*(server.stop() for server in servers))
        await asyncio.to_thread(self.projector.stop)
        await asyncio.to_thread(self.history.close)
        self._engine.dispose()
        self.identity.close()
        log.info("stopped", extra={"sequence": self.shard.applied()})


def _limits(figures: Figures) -> tuple[HttpLimits, SocketLimits]:
    """Of REST and of the WebSocket listeners; no more connections than this process may have descriptors for."""
    http, sockets = HttpLimits(), SocketLimits(connects=figures.connections)
    allowed = descriptors.allowed(capacity.wanted(http, sockets))
    fitted = capacity.fitted(http, sockets, allowed)
    if fitted != (http, sockets):
        log.info(
            "fewer connections than usual, for this process may have %d open files (ulimit -Hn)",
            allowed,
            extra={"rest": fitted[0].connections, "streams": fitted[1].connections, "ws_api": fitted[1].connections},
        )
    return fitted
