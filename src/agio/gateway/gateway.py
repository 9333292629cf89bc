"""The gateway put together: one object, its applications and its room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio.gateway.dispatch import Dispatcher
from agio.gateway.limits import Figures, Limits
from agio.gateway.metrics import Metrics
from agio.gateway.operations import ADMIN, OPS, PUBLIC, Table
from agio.gateway.private import PrivateApp
from agio.gateway.rest import PublicApp
from agio.gateway.row import Venue
from agio.gateway.ws_api import WsApiRoom

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agio import ports
    from agio.gateway.metrics import Source


class Gateway:
    """Everything that answers requests.

    `rest`, `admin` and `ops` are the applications of three HTTP listeners, `ws_api` is the room of the fourth. `admin`
    asks for no key: it must only listen on a socket that nobody but its owner may open.
    """

    def __init__(
        self,
        *,
        shard: ports.ShardPort,
        history: ports.History,
        statistics: ports.Statistics,
        catalogue: ports.Catalogue,
        identity: ports.Identity,
        feeds: ports.UserFeeds,
        admin: ports.IdentityAdmin,
        figures: Figures | None = None,
        proxies: frozenset[str] = frozenset(),
        gauges: Mapping[str, Source] | None = None,
        counters: Mapping[str, Source] | None = None,
    ) -> None:
        """`proxies`: whose X-Forwarded-For is believed. `gauges`, `counters`: of others, by prefix, for /metrics."""
        figures = figures or Figures()
        metrics = Metrics(gauges or {}, counters or {})
        venue = Venue(
            shard=shard,
            history=history,
            statistics=statistics,
            catalogue=catalogue,
            identity=identity,
            feeds=feeds,
            admin=admin,
            figures=figures,
            metrics=metrics,
        )
        self.public = Dispatcher(venue, Table(PUBLIC), Limits(figures))
        self.rest = PublicApp(self.public, proxies)
        self.ws_api = WsApiRoom(self.public)
        self.admin = PrivateApp(venue, Table(ADMIN))
        self.ops = PrivateApp(venue, Table(OPS))
        metrics.watch(self.public)

    def stop(self) -> None:
        """From now on clients get 503 and -1016; what is under way is still answered."""
        self.public.stopping = True
