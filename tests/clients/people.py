"""Users of their own for each client under test, made through the owner's socket as an operator would."""

import http.client
import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.exchange import Exchange

FUNDS = {"BTC": "5", "ETH": "50", "BNB": "50", "USDT": "500000"}
ACT = {"actor": "tests", "reason": "a client under test"}


class _Owner(http.client.HTTPConnection):
    """HTTP over the exchange's Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("admin")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


def administer(exchange: Exchange, path: str, **fields: Any) -> Any:
    """One act of administration; AssertionError with the exchange's words when it is refused."""
    owner = _Owner(exchange.folder / "admin.sock")
    try:
        owner.request("POST", path, json.dumps({**ACT, **fields}), {"Content-Type": "application/json"})
        response = owner.getresponse()
        body = json.loads(response.read())
    finally:
        owner.close()
    assert response.status == 200, body
    return body


@dataclass(frozen=True)
class Person:
    """A funded user with an HMAC key."""

    exchange: Exchange
    name: str
    account: int
    api_key: str
    secret: str

    @classmethod
    def register(cls, exchange: Exchange, name: str) -> "Person":
        account: int = administer(exchange, "/admin/users", name=name)["account"]
        for asset, amount in FUNDS.items():
            administer(exchange, "/admin/accounts/deposit", account=account, asset=asset, amount=amount)
        key = administer(exchange, "/admin/keys", user=name, permissions=["read", "trade"])
        return cls(exchange, name, account, key["api_key"], key["secret"])

    def limit(self, **limits: int) -> None:
        """Order limits: ten_seconds, day, open."""
        administer(self.exchange, "/admin/accounts/limits", account=self.account, **limits)

    def key_of(self, kind: str) -> tuple[str, str]:
        """An API key of `kind`, ed25519 or rsa, and the PEM of its private half, which the exchange never sees."""
        private: Ed25519PrivateKey | RSAPrivateKey
        private = Ed25519PrivateKey.generate() if kind == "ed25519" else generate_private_key(65537, 2048)
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        permissions = ["read", "trade"]
        key = administer(
            self.exchange, "/admin/keys", user=self.name, kind=kind, public_key=public, permissions=permissions
        )
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return key["api_key"], pem
