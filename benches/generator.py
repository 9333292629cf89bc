"""The load generator, `benches/load`: plans in, findings out."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONNECTIONS = 64


class Generator:
    """Runs plans. `busiest` is the most CPU of its own that a request took, in µs."""

    def __init__(self, program: Path) -> None:
        self._program = program
        self._runs = 0
        self.busiest = 0.0

    def __call__(
        self, mode: str, address: str, users: list[dict[str, str]], requests: int, **more: Any
    ) -> Mapping[str, Any]:
        """One run. Whatever is refused fails the bench, and so does a crossing order that does not fill."""
        self._runs += 1
        plan = {
            "mode": mode, "address": address, "users": users, "requests": requests, "connections": CONNECTIONS,
            "symbol": "BTCUSDT", "tag": f"b{self._runs}-", **more,
        }  # fmt: skip
        done = subprocess.run([self._program], input=json.dumps(plan), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        found: dict[str, Any] = json.loads(done.stdout)
        if "rate" not in more:  # at a fixed rate it polls
            self.busiest = max(self.busiest, found["own_cpu_us"])
        if found["errors"] or found["accepted"] != requests:
            raise RuntimeError(f"{mode}: {found['accepted']} of {requests} accepted, refused: {found['errors']}")
        return found
