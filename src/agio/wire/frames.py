"""Server-side WebSocket frames (RFC 6455, section 5.2): never masked, never fragmented, never compressed."""

from __future__ import annotations

from struct import Struct

TEXT = 0x1
PING = 0x9
PONG = 0xA

_FINAL = 0x80
_SHORT = 126
_LONG = 65_536
_BYTE_LENGTH = Struct(">BB").pack
_WORD_LENGTH = Struct(">BBH").pack
_QUAD_LENGTH = Struct(">BBQ").pack


def encode(opcode: int, payload: bytes) -> bytes:
    """One whole frame. Built once for a message, however many connections it goes to."""
    size = len(payload)
    if size < _SHORT:
        return _BYTE_LENGTH(_FINAL | opcode, size) + payload
    if size < _LONG:
        return _WORD_LENGTH(_FINAL | opcode, 126, size) + payload
    return _QUAD_LENGTH(_FINAL | opcode, 127, size) + payload


def text(payload: bytes) -> bytes:
    """A text message; `payload` is UTF-8."""
    return encode(TEXT, payload)
