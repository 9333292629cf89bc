"""The real exchange, asked in batches: commands and questions in, its own words out."""

from __future__ import annotations

import json
import select
import time
from typing import TYPE_CHECKING, Any

from agio import _core

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 30


class Engine:
    """A shard in memory, whose clock stands where it is put."""

    def __init__(self, folder: Path, now: int) -> None:
        self._core = _core.Shard(
            str(folder), projected=0, durability="memory", manual_time=now, segment_bytes=1 << 22, least_free_bytes=0
        )
        self._asked: list[Callable[[int], None]] = []

    def command(self, command: dict[str, Any]) -> None:
        """The reply is its events."""
        encoded = json.dumps(command).encode()
        self._asked.append(lambda token: self._core.command(token, encoded))

    def questions(self, account: int, symbol: str) -> None:
        """The replies are the account's balances, the book, the average price; the order counts come with the last."""
        self._asked += [
            lambda token: self._core.account(token, account, False, True),
            lambda token: self._core.depth(token, symbol, 5000),
            lambda token: self._core.average_price(token, symbol, True),
            lambda token: self._core.order_counts(token, account),
        ]

    def position(self) -> None:
        """The reply tells whether the engine has halted."""
        self._asked.append(self._core.position)

    def answers(self) -> list[Any]:
        """To all that has been asked, in order."""
        asked, self._asked = self._asked, []
        for token, ask in enumerate(asked):
            ask(token)
        self._core.rouse()
        found: dict[int, Any] = {}
        until = time.monotonic() + PATIENCE
        while len(found) < len(asked):
            assert self._core.state() == "running", self._core.failure()
            assert time.monotonic() < until, "no answer came"
            select.select([self._core], [], [], 1)
            found |= {token: json.loads(body) for token, _, body, *_ in self._core.drain()[1]}
        return [found[token] for token in range(len(asked))]

    def set_time(self, now: int) -> None:
        """When all has been answered."""
        self._core.set_time(now)

    def stop(self) -> None:
        self._core.stop()
