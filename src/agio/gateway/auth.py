"""Whose key it is and what it may do. Signatures are checked by the extension, see `rust/edge/src/auth.rs`.

Precedence, as at Binance: the key's form (-2014), the key and its permissions (-2015), then timestamp and window
(-1102, -1021), signature (-1022), and the other parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio.gateway import errors
from agio.gateway.row import Security

if TYPE_CHECKING:
    from agio.domain.keys import ApiKey
    from agio.ports import Identity

LONGEST_KEY = 128

_TRADE = Security.TRADE  # an enum looks its members up each time


def permits(key: ApiKey, security: Security) -> bool:
    """Whether the key's permissions let it call operations of this security."""
    return key.can_trade if security is _TRADE else key.can_read


def admit(identity: Identity, name: str | None, security: Security) -> ApiKey:
    """The key of that name; ApiError -2014 when it is no key's name, -2015 when it is unknown or may not do this."""
    key = identity.key(name) if name else None
    if key is None and not _is_name(name):  # the form of a known key needs no look
        raise errors.BAD_KEY_FORMAT.error()
    if key is None or not permits(key, security):
        raise errors.KEY_REJECTED.error()
    return key


def _is_name(name: str | None) -> bool:
    return name is not None and 0 < len(name) <= LONGEST_KEY and name.isascii() and name.isalnum()
