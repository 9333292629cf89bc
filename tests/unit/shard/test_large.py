"""What is larger than 64 bits is told as exactly as all else: to who commands, and by the log."""

import asyncio
from pathlib import Path
from typing import Any

from agio.shard import log
from agio.shard.handle import Shard

LARGE = 2**70
RIGHTS = {"trade": True, "withdraw": True, "deposit": True}
LIMITS = dict.fromkeys(("ten_seconds", "day", "open"), 0)


def moved(events: list[dict[str, Any]]) -> list[int]:
    return [abs(event["Posted"]["delta"]) for event in events if "Posted" in event]


async def test_a_deposit_beyond_64_bits_is_told(tmp_path: Path) -> None:
    shard = Shard.open(str(tmp_path), asyncio.get_running_loop(), projected=0, durability="memory")
    await shard.command({"ListAsset": {"name": "SHIB", "precision": 8}})
    opened = {"rights": RIGHTS, "maker": 0, "taker": 0, "limits": LIMITS}
    account = (await shard.command({"OpenAccount": opened}))[0]["AccountChanged"]["account"]
    events = await shard.command({"Deposit": {"account": account, "asset": 0, "amount": LARGE}})
    await asyncio.to_thread(shard.stop)
    shard.close()
    assert set(moved(events)) == {LARGE}
    record = [*log.records(str(tmp_path))][-1]
    assert record["command"]["Deposit"]["amount"] == LARGE
    assert record["events"] == events
