"""The file in which listen keys outlast the exchange that gave them out.

Sealed, for who knows one reads an account's orders and balances. Not synced: after a power cut clients ask anew.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import msgspec

from agio.services.identity.sealing import SealBroken
from agio.streams.user.listen_keys import KeptKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from agio.services.identity.sealing import MasterKey

log = logging.getLogger(__name__)

_ROW = "listen keys"


class ListenKeyFile:
    """An `agio.streams.user.listen_keys.Keeper`."""

    def __init__(self, path: Path, master: MasterKey) -> None:
        self._path = path
        self._master = master

    def read(self) -> Iterable[KeptKey]:
        """What was written last; nothing, with a warning, when the file is damaged or of another master key."""
        try:
            return msgspec.json.decode(self._master.open(self._path.read_bytes(), _ROW), type=list[KeptKey])
        except FileNotFoundError:
            return []
        except (OSError, SealBroken, msgspec.MsgspecError):
            log.warning("the listen keys in %s cannot be read: clients have to ask for new ones", self._path)
            return []

    def write(self, keys: Sequence[KeptKey]) -> None:
        """In place of what was there; a disk that does not take it is warned of, and no more."""
        draft = self._path.with_name(f".{self._path.name}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._master.seal(msgspec.json.encode(keys), _ROW))
            draft.replace(self._path)
        except OSError as error:
            log.warning("the listen keys cannot be kept in %s: %s", self._path, error.strerror)
