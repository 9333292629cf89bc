"""Accounts: money in and out, rights, commission and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct

from agio.gateway import errors
from agio.gateway.admin.act import Act, Money, asset, change, money, question, run
from agio.gateway.spot.results import Account

if TYPE_CHECKING:
    from agio.gateway.row import Answer, Call, Venue
    from agio.ports import Reply

Number = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class Which(Struct, forbid_unknown_fields=True):
    """An account, by number."""

    account: Number


class Transfer(Act):
    """Money from or to the outside world."""

    account: Number
    asset: str
    amount: Money


class Rights(Act):
    """What an account may do from now on."""

    account: Number
    trade: bool
    withdraw: bool
    deposit: bool


class Commission(Act):
    """Parts of what is received: 0.001 is a tenth of a percent."""

    account: Number
    maker: Money
    taker: Money


class OrderLimits(Act):
    """How many orders an account may have; 0 is the exchange's default."""

    account: Number
    ten_seconds: Number = 0
    day: Number = 0
    open: Number = 0


class CancelOrders(Act):
    """All open orders of an account in one market."""

    account: Number
    symbol: str


BY_AN_OPERATOR = {"key": 0, "sent": 0, "window": 0}
"""No client's key, time and window."""


async def balances(venue: Venue, call: Call) -> Reply:
    """What an account has."""
    reply = await venue.shard.account(call.values.account, True, False)
    if reply.status == 401:  # as a client's key without one is told
        raise errors.NOT_FOUND.error("account", call.values.account)
    return reply


def deposit(venue: Venue, call: Call) -> Answer:
    """Brings money in."""
    return _transfer(venue, call, "Deposit")


def withdraw(venue: Venue, call: Call) -> Answer:
    """Takes money out, of what is free."""
    return _transfer(venue, call, "Withdraw")


def _transfer(venue: Venue, call: Call, command: str) -> Answer:
    asked: Transfer = call.values
    number, amount = asset(venue, asked.asset).id, money(asked.amount)
    return run(venue, command, account=asked.account, asset=number, amount=amount)


def rights(venue: Venue, call: Call) -> Answer:
    """Sets rights."""
    asked: Rights = call.values
    allowed = {"trade": asked.trade, "withdraw": asked.withdraw, "deposit": asked.deposit}
    return run(venue, "SetRights", account=asked.account, rights=allowed)


def commission(venue: Venue, call: Call) -> Answer:
    """Sets commission."""
    asked: Commission = call.values
    return run(venue, "SetCommission", account=asked.account, maker=money(asked.maker), taker=money(asked.taker))


def limits(venue: Venue, call: Call) -> Answer:
    """Sets limits."""
    asked: OrderLimits = call.values
    figures = {"ten_seconds": asked.ten_seconds, "day": asked.day, "open": asked.open}
    return run(venue, "SetLimits", account=asked.account, limits=figures)


def cancel_orders(venue: Venue, call: Call) -> Answer:
    """Cancels an account's open orders; refused as UnknownOrder when there are none."""
    asked: CancelOrders = call.values
    market = venue.market(asked.symbol).id
    return run(venue, "CancelAll", account=asked.account, signed=BY_AN_OPERATOR, market=market)


ROWS = (
    question("accounts.balances", "accounts", "What an account has: `?account=1`.", balances, Account, Which),
    change("accounts.deposit", "accounts/deposit", "Brings money in.", deposit, Transfer),
    change("accounts.withdraw", "accounts/withdraw", "Takes money out, of what is free.", withdraw, Transfer),
    change("accounts.rights", "accounts/rights", "Sets what an account may do.", rights, Rights),
    change("accounts.commission", "accounts/commission", "Sets an account's commission.", commission, Commission),
    change("accounts.limits", "accounts/limits", "Sets how many orders an account may have.", limits, OrderLimits),
    change(
        "accounts.cancel",
        "accounts/cancel",
        "Cancels all open orders of an account in a market.",
        cancel_orders,
        CancelOrders,
    ),
)
