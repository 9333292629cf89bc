"""The peer of the gateway: our HTTP listener over a handler that does nothing but answer 518 bytes.

`python -m benches.empty` prints its port and serves until it is ended.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvloop

from agio.wire.http import HttpListener

if TYPE_CHECKING:
    from agio.wire.http_connection import HttpRequest

BODY = b'{"symbol":"BTCUSDT"'.ljust(517) + b"}"
HEADERS = b"content-type: application/json;charset=UTF-8\r\n"


class Empty:
    """An application."""

    def serve(self, request: HttpRequest) -> None:
        """The same for all."""
        request.respond(200, HEADERS, BODY)

    def refuse(self, request: HttpRequest, status: int) -> None:
        """What is no HTTP."""
        request.respond(status, b"", b"")


async def main() -> None:
    """Serves."""
    print(await HttpListener(Empty()).start("127.0.0.1", 0), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
