"""The peer of the gateway: our HTTP listener over a handler that does nothing but answer 518 bytes.

`python -m benches.empty` prints its port and serves until it is ended.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop

from agio.wire.http import HttpListener

BODY = b'{"symbol":"BTCUSDT"'.ljust(517) + b"}"
HEADERS = [("content-type", "application/json;charset=UTF-8")]


class Empty:
    """An RSGI application."""

    async def __rsgi__(self, _: Any, protocol: Any) -> None:
        protocol.response_bytes(200, HEADERS, BODY)


async def main() -> None:
    """Serves."""
    print(await HttpListener(Empty()).start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
