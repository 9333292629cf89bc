"""The gateway's door to the extension: schemas of rows, and the refusals that parsing raises. Nothing else is here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio import _core
from agio.domain.errors import ApiError
from agio.gateway.row import Param, encode

if TYPE_CHECKING:
    from agio.gateway.row import Operation

Schema = _core.Schema
REFUSALS: tuple[type[ApiError], type[_core.ApiError]] = (ApiError, _core.ApiError)
"""What a refused request raises; both have `code`, `message` and `status`."""

error_body = _core.error_body
"""A refusal as clients read it."""
used = _core.used
"""Header lines, and behind them those that tell what is used of the limits."""
RATE_LIMITS = Param("returnRateLimits", "bool", "Whether the reply tells the rate limits.")
API_KEY = Param("apiKey", "text", "Ignored.", pattern="^[a-zA-Z0-9]{1,128}$")


def rest_schema(row: Operation) -> Schema:
    """The parameters of the row's REST face."""
    return _schema(row.params, signed=row.is_signed)


def ws_schema(row: Operation) -> Schema:
    """Of its WebSocket face: the same, and what every request there may carry."""
    own = {param.name for param in row.params}
    extra = (RATE_LIMITS,) if row.is_signed or "apiKey" in own else (RATE_LIMITS, API_KEY)
    return _schema((*row.params, *extra), signed=row.is_signed)


def _schema(params: tuple[Param, ...], *, signed: bool) -> Schema:
    return Schema(encode({"signed": signed, "params": [param.describe() for param in params]}))
