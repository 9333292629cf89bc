"""A WebSocket client that can misbehave: bytes on a socket, so that tests decide each frame."""

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

MASK = b"\x11\x22\x33\x44"


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, mask: bool = True) -> bytes:
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65536:
        head += bytes([flag | 126]) + struct.pack(">H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack(">Q", len(payload))
    if not mask:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.head = head

    @property
    def status(self) -> int:
        return int(self.head.split()[1])

    @classmethod
    async def dial(cls, port: int, target: str = "/ws", headers: str = "", connection: str = "Upgrade") -> Self:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: {connection}\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{headers}\r\n".encode()
        )
        return cls(reader, writer, await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5))

    def write(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    def text(self, message: str) -> None:
        self.write(frame(1, message.encode()))

    async def receive(self, within: float = 5) -> tuple[int, bytes]:
        """The next frame: its first byte and its payload."""
        return await asyncio.wait_for(self._receive(), within)

    async def message(self) -> bytes:
        """The next text; pings between are answered."""
        first, payload = await self.receive()
        while first == 0x89:
            self.write(frame(10, payload))
            first, payload = await self.receive()
        assert first == 0x81, (first, payload)
        return payload

    async def closed(self) -> tuple[int, str]:
        """Reads on to the close frame: its code and reason."""
        while True:
            first, payload = await self.receive()
            if first == 0x88:
                return struct.unpack(">H", payload[:2])[0], payload[2:].decode()

    async def ended(self) -> None:
        """Reads on to the end of the connection."""
        async with asyncio.timeout(5):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionError:
                pass

    async def quiet(self, seconds: float = 0.05) -> bool:
        """Whether nothing comes for a while."""
        try:
            await self.receive(seconds)
        except TimeoutError:
            return True
        return False

    async def _receive(self) -> tuple[int, bytes]:
        first, length = await self.reader.readexactly(2)
        assert length < 128, "a server never masks"
        if length == 126:
            length = struct.unpack(">H", await self.reader.readexactly(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", await self.reader.readexactly(8))[0]
        return first, await self.reader.readexactly(length)


@asynccontextmanager
async def dial(port: int, target: str = "/ws", headers: str = "", connection: str = "Upgrade") -> AsyncIterator[Client]:
    client = await Client.dial(port, target, headers, connection)
    try:
        yield client
    finally:
        client.writer.close()
