"""What signatures are checked with, sealed under a master key that is kept elsewhere.

AES-256-GCM, a random 96-bit nonce before each text. Every seal is bound to its row: moved to another key, another
account or other permissions it does not open. Public keys are sealed as well, so that nobody who can write to the
database can put a key of their own in the place of a client's.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from agio.domain.errors import AgioError, Fatal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
_NONCE = 12
_VERIFICATION = b"agio: this is the right master key"


class SealBroken(AgioError):
    """A sealed text, or the row it belongs to, is not what was sealed."""


class MasterKey:
    """Seals and opens. Shows itself to nobody."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        """`key`: 32 random bytes."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a master key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._cipher: AESGCM | None = None

    def __repr__(self) -> str:
        return "MasterKey(…)"

    def verification(self) -> bytes:
        """What is stored to know this key again; says nothing about it."""
        return hmac.digest(self._key, _VERIFICATION, "sha256")

    def verify(self, stored: bytes) -> None:
        """Raises Fatal when `stored` was made by another key."""
        if not hmac.compare_digest(stored, self.verification()):
            raise Fatal(
                "the master key is not the one that the API keys of this data folder were sealed with. Put the right"
                " one back (AGIO_MASTER_KEY_FILE, or agio/master.key in the configuration folder). Without it the API"
                " keys cannot be opened, and users get new accounts and keys, as docs/runbooks/lost-master-key.md says."
            )

    def prepare(self) -> AESGCM:
        """The cipher; loads its library (70 ms) the first time."""
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # slow to load

            self._cipher = AESGCM(self._key)
        return self._cipher

    def seal(self, text: bytes, row: str) -> bytes:
        """Seals `text` for the row that `row` describes."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self.prepare().encrypt(nonce, text, row.encode())

    def open(self, sealed: bytes, row: str) -> bytes:
        """The text again; raises SealBroken when it, or its row, was changed."""
        cipher = self.prepare()
        from cryptography.exceptions import InvalidTag

        try:
            return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], row.encode())
        except (InvalidTag, ValueError) as error:
            name = row.partition("|")[0]
            raise SealBroken(
                f"the API key {name[:8]}… does not open: its database row was changed. Revoke it and make a new one."
            ) from error
