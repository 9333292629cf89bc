"""The streams' door to the extension: event types, whose `json` is Binance's payload, and the depth encoder."""

from __future__ import annotations

from agio import _core
from agio._core import Aggregate, CatalogChanged, Level, Top, Trade, UserEvent, depth_update
from agio.domain.errors import ApiError
from agio.streams.market.inputs import Codec

CODEC = Codec(Trade, Aggregate, Level, Top, CatalogChanged, depth_update, (ApiError, _core.ApiError))
USER_EVENT = UserEvent
