"""The listed assets and markets, always as the log has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, json

from agio.domain.markets import Asset, Catalog, Market

if TYPE_CHECKING:
    from collections.abc import Callable

    from agio.ports import EventBatch


class _Listing(Struct):
    assets: tuple[Asset, ...]
    markets: tuple[Market, ...]


class LiveCatalogue:
    """`agio.ports.Catalogue`: reads the shard's catalogue again whenever an event says that it has changed."""

    def __init__(self, read: Callable[[], bytes], changed: type) -> None:
        """`read` gives the shard's catalogue as JSON, `changed` is the class of the event that announces a new one."""
        self._read = read
        self._changed = changed
        self._decoder = json.Decoder(_Listing)
        self.current = self._load()

    def _load(self) -> Catalog:
        listing = self._decoder.decode(self._read())
        return Catalog.of(listing.assets, listing.markets)

    def __call__(self, events: EventBatch) -> None:
        """`agio.ports.EventSink`."""
        changed = self._changed
        for event in events:
            if type(event) is changed:
                self.current = self._load()
                return
