"""Another peer of the gateway: granian as it comes, over a handler that does nothing but answer 518 bytes.

`python -m benches.granian_empty` prints its port and serves until it is ended.
"""

from __future__ import annotations

import socket
from typing import Any

import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from benches.empty import BODY

HEADERS = [("content-type", "application/json;charset=UTF-8")]


async def empty(_: Any, protocol: Any) -> None:
    """An RSGI application."""
    protocol.response_bytes(200, HEADERS, BODY)


async def main() -> None:
    """Serves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(
        empty, address="127.0.0.1", port=port, interface=Interfaces.RSGI, websockets=False, log_level=LogLevels.error
    )
    print(port, flush=True)
    await server.serve()


if __name__ == "__main__":
    uvloop.run(main())
