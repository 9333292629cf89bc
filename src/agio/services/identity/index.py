"""`agio.ports.Identity`: usable keys in memory."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from agio.domain.keys import ApiKey
from agio.services.identity.sealing import SealBroken

if TYPE_CHECKING:
    from agio.services.identity.sealing import MasterKey
    from agio.services.identity.store import StoredKey

log = logging.getLogger(__name__)

MakeVerifier: TypeAlias = Callable[[str, bytes], Any]
"""An `agio._core.Verifier` of a kind (hmac, ed25519, rsa) and its secret or public key; made by who may import it."""


class KeyIndex:
    """One entry for each usable key. A key is opened when it is first used."""

    def __init__(self, master: MasterKey, verifier: MakeVerifier) -> None:
        self._master = master
        self._verifier = verifier
        self._sealed: dict[str, StoredKey] = {}
        self._open: dict[str, ApiKey] = {}

    def __len__(self) -> int:
        return len(self._sealed)

    def add(self, key: StoredKey) -> None:
        """A usable key."""
        self._sealed[key.name] = key

    def remove(self, name: str) -> None:
        """The key is of no use any more."""
        self._sealed.pop(name, None)
        self._open.pop(name, None)

    def key(self, api_key: str) -> ApiKey | None:
        """The key that clients call `api_key`; None as well, with an error logged, when its row was tampered with."""
        found = self._open.get(api_key)
        if found is not None or (stored := self._sealed.get(api_key)) is None:
            return found
        try:
            found = self._open[api_key] = self._opened(stored)
        except SealBroken as error:
            log.error("%s", error)
            self.remove(api_key)
        return found

    def _opened(self, stored: StoredKey) -> ApiKey:
        if stored.number is None:
            raise ValueError(f"the key {stored.name[:8]}… has no number in the log")
        return ApiKey(
            name=stored.name,
            key=stored.number,
            account=stored.account,
            kind=stored.kind,
            verifier=self._verifier(stored.kind, self._master.open(stored.sealed, stored.row)),
            can_read="read" in stored.permissions,
            can_trade="trade" in stored.permissions,
            can_withdraw="withdraw" in stored.permissions,
        )
