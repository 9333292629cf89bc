"""Clients' public keys, from PEM to what a verifier takes."""

from __future__ import annotations

from agio.domain.errors import CommandRefused

SMALLEST_RSA, LARGEST_RSA = 2048, 4096
"""Bits."""


def raw(kind: str, pem: str) -> bytes:
    """Ed25519: the 32 bytes. RSA: PKCS#1 DER. Raises CommandRefused as BadKey."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except Exception as error:  # the library has many ways to say so
        raise _refused("the public key is not PEM (-----BEGIN PUBLIC KEY-----)") from error
    if kind == "ed25519" and isinstance(key, Ed25519PublicKey):
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if kind == "rsa" and isinstance(key, RSAPublicKey):
        if not SMALLEST_RSA <= key.key_size <= LARGEST_RSA:
            raise _refused(f"an RSA key has {SMALLEST_RSA} to {LARGEST_RSA} bits, this one {key.key_size}")
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    raise _refused(f"the public key is not of kind {kind}")


def _refused(words: str) -> CommandRefused:
    return CommandRefused("BadKey", words)
