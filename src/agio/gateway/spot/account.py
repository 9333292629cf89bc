"""The account: balances, commission, and how many orders it may still place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from agio.domain.money import text
from agio.gateway.params import SYMBOL
from agio.gateway.row import Answer, Call, Operation, Param, Security, Venue, result
from agio.gateway.spot.results import Account, Commission, Discount, RateLimit, Rates

if TYPE_CHECKING:
    from agio.ports import Reply

NO_RATES = Rates(text(0), text(0), text(0), text(0))
NO_DISCOUNT = Discount(enabled_for_account=False, enabled_for_symbol=False, discount_asset=None, discount=text(0))
"""No asset where there is no discount, as Binance's testnet answers; its documents only show BNB."""
_account = msgspec.json.Decoder(Account)


def account(venue: Venue, call: Call) -> Answer:
    """Balances and rights."""
    return venue.shard.account(call.account, call.values.get("omitZeroBalances") is True, call.micros)


async def account_of(venue: Venue, call: Call) -> Account:
    """What the shard says of the account, as an object."""
    reply = await venue.shard.account(call.account, True, call.micros)
    return _account.decode(reply.body)


async def commission(venue: Venue, call: Call) -> Reply:
    """What the account pays in a market: the same in each."""
    market = venue.market(call.values.get("symbol"))
    rates = (await account_of(venue, call)).commission_rates
    return result(Commission(market.symbol, rates, NO_RATES, NO_RATES, NO_DISCOUNT))


def order_counts(venue: Venue, call: Call) -> Answer:
    """How many unfilled orders the account has."""
    return venue.shard.order_counts(call.account)


ROWS = (
    Operation(
        "account.status", "Balances, commission and rights.", Security.USER_DATA, account, Account,
        rest=("GET", "/api/v3/account"), ws="account.status", weight=20,
        params=(Param("omitZeroBalances", "bool", "Whether to leave out what the account has nothing of."),),
    ),
    Operation(
        "account.commission", "The account's commission in a market.", Security.USER_DATA, commission, Commission,
        rest=("GET", "/api/v3/account/commission"), ws="account.commission", weight=20, params=(SYMBOL,),
    ),
    Operation(
        "account.rateLimits.orders", "The account's unfilled orders against their limits.", Security.USER_DATA,
        order_counts, list[RateLimit],
        rest=("GET", "/api/v3/rateLimit/order"), ws="account.rateLimits.orders", weight=40,
    ),
)  # fmt: skip
