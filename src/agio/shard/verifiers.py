"""Signature checks, made where the extension may be imported."""

from __future__ import annotations

from agio import _core

_MAKERS = {"hmac": _core.Verifier.hmac, "ed25519": _core.Verifier.ed25519, "rsa": _core.Verifier.rsa}


def verifier(kind: str, material: bytes) -> _core.Verifier:
    """For a key of `kind`: hmac and its secret, ed25519 and 32 raw bytes, rsa and PKCS#1 DER."""
    return _MAKERS[kind](material)
