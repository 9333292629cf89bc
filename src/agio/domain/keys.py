"""API keys as the gateway sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One usable key: who it speaks for, and how its signatures are checked."""

    name: str
    """The public key string that clients send as X-MBX-APIKEY."""
    key: int
    """Its number in the log."""
    account: int
    kind: str
    """hmac, ed25519 or rsa."""
    verifier: Any
    """An `agio._core.Verifier`, made where `agio._core` may be imported."""
    can_read: bool
    can_trade: bool
    can_withdraw: bool
