"""What clients ask when they start, of products that are here or not: the truth, which is often that there is nothing.

ccxt with keys asks for coins, margin pairs and both kinds of futures before anything else, and gives up at an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from agio.domain.money import text
from agio.gateway.params import ANY_SYMBOL
from agio.gateway.row import Call, Operation, Param, Security, Venue, result, success
from agio.gateway.spot.account import account_of
from agio.gateway.spot.results import RateLimit

if TYPE_CHECKING:
    from agio.ports import Reply

NOTHING = success(b"[]")
NO_MARGIN = "there is no margin trading: []"


class SystemStatus(Struct):
    """0 is normal, 1 maintenance."""

    status: int
    msg: str


class Network(Struct):
    """A chain that a coin moves on: none yet."""


class Coin(Struct, rename="camel"):
    """One asset and what the account has of it."""

    coin: str
    name: str
    free: str
    locked: str
    freeze: str = text(0)
    withdrawing: str = text(0)
    ipoing: str = text(0)
    ipoable: str = text(0)
    storage: str = text(0)
    is_legal_money: bool = False
    trading: bool = True
    deposit_all_enable: bool = False
    withdraw_all_enable: bool = False
    network_list: tuple[Network, ...] = ()


class TradeFee(Struct, rename="camel"):
    """The account's commission in one market."""

    symbol: str
    maker_commission: str
    taker_commission: str


class Delisting(Struct, rename="camel"):
    """Markets that will be taken off at a time."""

    delist_time: int
    symbols: list[str]


class Pair(Struct):
    """A margin pair: there are none."""


class Contract(Struct):
    """A futures contract: there are none yet."""


class FuturesInfo(Struct, rename="camel"):
    """Contracts and limits."""

    timezone: str
    server_time: int
    futures_type: str
    rate_limits: list[RateLimit]
    exchange_filters: list[Contract]
    assets: list[Contract]
    symbols: list[Contract]


def system_status(venue: Venue, _: Call) -> Reply:
    """Normal while the shard takes orders."""
    running = venue.shard.state() == "running"
    return result(SystemStatus(0, "normal") if running else SystemStatus(1, "system_maintenance"))


async def coins(venue: Venue, call: Call) -> Reply:
    """All listed assets. No chains yet, so nothing can be deposited or withdrawn through the API."""
    balances = {balance.asset: balance for balance in (await account_of(venue, call)).balances}
    listed = []
    for asset in venue.catalogue.current.assets:
        balance = balances.get(asset.name)
        free, locked = (balance.free, balance.locked) if balance else (text(0), text(0))
        listed.append(Coin(asset.name, asset.name, free, locked))
    return result(listed)


async def trade_fees(venue: Venue, call: Call) -> Reply:
    """The account's commission in one market or in all."""
    symbol = call.values.get("symbol")
    markets = venue.catalogue.current.markets if symbol is None else (venue.market(symbol),)
    rates = (await account_of(venue, call)).commission_rates
    return result([TradeFee(market.symbol, rates.maker, rates.taker) for market in markets])


def nothing(_: Venue, __: Call) -> Reply:
    """An empty list, because there is nothing of the kind."""
    return NOTHING


def futures(venue: Venue, call: Call) -> Reply:
    """No contracts."""
    return _futures(venue, call, "U_MARGINED")


def coin_futures(venue: Venue, call: Call) -> Reply:
    """No contracts."""
    return _futures(venue, call, "C_MARGINED")


def _futures(venue: Venue, call: Call, kind: str) -> Reply:
    limits = [RateLimit("REQUEST_WEIGHT", "MINUTE", 1, venue.figures.weight)]
    return result(FuturesInfo("UTC", call.time(venue.shard.now()), kind, limits, [], [], []))


UNREAD = "Read and not needed: clients sign these calls, though nothing here depends on who asks."
SIGNED_ANYWAY = (
    Param("recvWindow", "text", UNREAD, pattern="^[0-9.]{1,12}$"),
    Param("timestamp", "text", UNREAD, pattern="^[0-9]{1,20}$"),
    Param("signature", "text", UNREAD, pattern=r"^[\w+/=\-]{1,1024}$"),
)

ROWS = (
    Operation(
        "wallet.systemStatus", "Whether the exchange takes orders.", Security.NONE, system_status, SystemStatus,
        rest=("GET", "/sapi/v1/system/status"),
    ),
    Operation(
        "wallet.coins", "All assets, and what the account has of them.", Security.USER_DATA, coins, list[Coin],
        rest=("GET", "/sapi/v1/capital/config/getall"), weight=10,
        partly="no networks yet: nothing is deposited or withdrawn through the API",
    ),
    Operation(
        "wallet.tradeFee", "The account's commission per market.", Security.USER_DATA, trade_fees, list[TradeFee],
        rest=("GET", "/sapi/v1/asset/tradeFee"), params=(ANY_SYMBOL,),
    ),
    Operation(
        "wallet.delistSchedule", "Planned delistings: none.", Security.NONE, nothing, list[Delisting],
        rest=("GET", "/sapi/v1/spot/delist-schedule"), weight=100, params=SIGNED_ANYWAY,
        partly="no delisting can be planned: []; asks for no key",
    ),
    Operation(
        "margin.allPairs", "Cross margin pairs: none.", Security.NONE, nothing, list[Pair],
        rest=("GET", "/sapi/v1/margin/allPairs"), params=(ANY_SYMBOL, *SIGNED_ANYWAY),
        partly=NO_MARGIN + "; asks for no key",
    ),
    Operation(
        "margin.isolatedPairs", "Isolated margin pairs: none.", Security.NONE, nothing, list[Pair],
        rest=("GET", "/sapi/v1/margin/isolated/allPairs"), weight=10, params=(ANY_SYMBOL, *SIGNED_ANYWAY),
        partly=NO_MARGIN + "; asks for no key",
    ),
    Operation(
        "futures.exchangeInfo", "USD-margined contracts: none yet.", Security.NONE, futures, FuturesInfo,
        rest=("GET", "/fapi/v1/exchangeInfo"), partly="there are no futures yet: no symbols",
    ),
    Operation(
        "coinFutures.exchangeInfo", "Coin-margined contracts: none.", Security.NONE, coin_futures, FuturesInfo,
        rest=("GET", "/dapi/v1/exchangeInfo"), partly="there are no coin-margined futures: no symbols",
    ),
)  # fmt: skip
