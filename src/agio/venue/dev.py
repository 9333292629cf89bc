"""Demo users and house liquidity for `agio dev`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec import json

from agio.bootstrap import Exchange, Settings
from agio.domain.money import units
from agio.gateway.limits import Figures
from agio.services.markets.listing import apply
from agio.venue.maker import Maker

if TYPE_CHECKING:
    from pathlib import Path

    from agio.ports import User
    from agio.services.markets.listing import Listing, MarketSpec

log = logging.getLogger(__name__)

DEMO_USERS = ("alice", "bob")
HOUSE = ("house-maker", "house-taker")
HOUSE_FUNDS = units("1000000000000")
SEGMENT_BYTES = 16 << 20
UNLIMITED = 1 << 31
"""A figure that no bench reaches."""


@dataclass(slots=True)
class Demo:
    """A `Guest`: lists the markets, makes and funds two users, quotes."""

    listed: Listing
    seed: int
    liquidity: bool
    unlimited: bool
    _quoting: asyncio.Task[None] | None = None

    def settings(self, folder: Path, port_base: int, durability: str) -> Settings:
        """On loopback, following a clock that jumps forward (a laptop that slept), with small segments."""
        figures = Figures(weight=UNLIMITED, raw=UNLIMITED, connections=UNLIMITED) if self.unlimited else Figures()
        return Settings(
            folder,
            port_base=port_base,
            durability=durability,
            segment_bytes=SEGMENT_BYTES,
            confirm_jumps=True,
            figures=figures,
        )

    async def settle(self, exchange: Exchange) -> list[dict[str, str]]:
        """The first time: markets, users, money. Each time: what is new in the file, and quotes."""
        new = await apply(self.listed, exchange.catalogue.current, exchange.shard.command)
        known = {user.name: user for user in await exchange.identity.users()}
        users = [await self._demo_user(exchange, new, known.get(name), name) for name in DEMO_USERS]
        priced = [market for market in self.listed.market if market.price]
        if self.liquidity and priced:
            await self._quote(exchange, priced, known)
        return users

    def screen(self, ready: dict[str, Any]) -> str:
        """Addresses, keys, and a line to try; no line is wider than an ordinary terminal's 80 columns."""
        lines = [
            "",
            "  agio is ready. Not affiliated with Binance; everything on it is play money.",
            "",
            f"  REST            {ready['rest']}",
            f"  WebSocket API   {ready['ws_api']}",
            f"  streams         {ready['streams']}/ws  and  /stream",
            "",
        ]
        for user in ready["users"]:
            lines += [
                f"  {user['name']}",
                f"  API key     {user['api_key']}",
                f"  secret key  {user['secret_key']}",
                "",
            ]
        symbol = self.listed.market[0].symbol if self.listed.market else "BTCUSDT"
        lines += [f"  try   curl '{ready['rest']}/api/v3/ticker/bookTicker?symbol={symbol}'", "  stop  Ctrl-C", ""]
        return "\n".join(lines)

    async def leave(self) -> None:
        """Stops quoting."""
        if self._quoting is not None:
            self._quoting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._quoting

    async def _demo_user(self, exchange: Exchange, new: set[str], user: User | None, name: str) -> dict[str, str]:
        identity = exchange.identity
        user = user or await identity.add_user(name)
        keys = await identity.secrets_of(name)
        # The key comes last: whoever has one has everything, but for what has just been listed.
        funds = {asset.name: units(asset.demo) for asset in self.listed.asset if not keys or asset.name in new}
        await _fund(exchange, user.account, funds)
        if not keys:
            if self.unlimited:
                await _raise_limits(exchange, user.account)
            keys = [await identity.add_key(name, "hmac", None, ("read", "trade", "withdraw"))]
        return {"name": name, "api_key": keys[0].api_key, "secret_key": keys[0].secret or ""}

    async def _quote(self, exchange: Exchange, markets: list[MarketSpec], known: dict[str, User]) -> None:
        quoting, taking = [await self._house(exchange, known.get(name), name) for name in HOUSE]
        maker = Maker(exchange.shard.command, quoting, taking, self.seed)
        for market in markets:
            maker.add(market, exchange.catalogue.current.by_symbol[market.symbol].id)
        await maker.clear()
        await maker.quote_all()
        self._quoting = asyncio.get_running_loop().create_task(self._keep_quoting(maker))

    @staticmethod
    async def _keep_quoting(maker: Maker) -> None:
        try:
            await maker.run()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the market maker has stopped: there is no more liquidity")

    @staticmethod
    async def _house(exchange: Exchange, user: User | None, name: str) -> int:
        user = user or await exchange.identity.add_user(name)
        await _fund(exchange, user.account, {asset.name: HOUSE_FUNDS for asset in exchange.catalogue.current.assets})
        await _raise_limits(exchange, user.account)
        return user.account


async def _fund(exchange: Exchange, account: int, amounts: dict[str, int]) -> None:
    """Deposits what the account has nothing of: a start that was cut off is finished by the next."""
    reply = await exchange.shard.account(account, True, False)
    held = {balance["asset"] for balance in json.decode(reply.body)["balances"]}
    for name, amount in amounts.items():
        if amount and name not in held:
            asset = exchange.catalogue.current.by_asset[name].id
            await exchange.shard.command({"Deposit": {"account": account, "asset": asset, "amount": amount}})


async def _raise_limits(exchange: Exchange, account: int) -> None:
    limits = {"ten_seconds": UNLIMITED, "day": UNLIMITED, "open": UNLIMITED}
    await exchange.shard.command({"SetLimits": {"account": account, "limits": limits}})
