"""Accounts with their money and order counts, and the commands of operators.

Sources: docs/concepts, Binance's FAQs on commission and unfilled-order counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.oracle.book import ONE, SECOND, Market, Order, allowed, refuse

WINDOWS = {"ten_seconds": 10 * SECOND, "day": 86_400 * SECOND}
DEFAULT_LIMITS = {"ten_seconds": 100, "day": 200_000}
OUTSIDE, FEES, FIRST_CUSTOMER = 0, 1, 1000
LARGEST_TOTAL = 2**96


@dataclass
class Account:
    """A customer, or one of the venue's own accounts."""

    rights: dict[str, bool]
    maker: int = 0
    taker: int = 0
    limits: dict[str, int] = field(default_factory=dict)
    total: Counter[int] = field(default_factory=Counter)
    """Of each asset, free and locked together."""
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Unfilled orders by window: its length, and how many such windows lie before it since 1970."""


@dataclass
class Outcome:
    """What one command has done."""

    refused: tuple[str, int] | None = None
    executions: list[dict[str, Any]] = field(default_factory=list)
    trades: list[dict[str, Any]] = field(default_factory=list)
    levels: dict[tuple[str, int], int] = field(default_factory=dict)
    balances: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    """Free and locked, of each account and asset that the command has changed."""
    moved: dict[tuple[int, int], int] = field(default_factory=dict)
    """By how much the total has changed, the outside world's too."""


class Ledger:
    """All state, and what is computed from it."""

    def __init__(self) -> None:
        self.assets: list[dict[str, Any]] = []
        self.markets: list[Market] = []
        self.accounts: dict[int, Account] = {
            number: Account({"trade": False, "withdraw": number == FEES, "deposit": number == FEES})
            for number in range(4)
        }
        self.customers = 0
        self.keys: dict[int, tuple[int, dict[str, bool]]] = {}
        self.issued = 0
        self.now = 0
        self.told = Outcome()

    def locked(self) -> Counter[tuple[int, int]]:
        """By account and asset."""
        locked: Counter[tuple[int, int]] = Counter()
        for market in self.markets:
            for order in market.open.values():
                locked[order.account, market.quote if order.side == "Buy" else market.base] += order.hold
        return locked

    def totals(self) -> dict[tuple[int, int], int]:
        """By account and asset."""
        return {(number, asset): n for number, account in self.accounts.items() for asset, n in account.total.items()}

    def balances(self) -> dict[tuple[int, int], tuple[int, int]]:
        """Free and locked by account and asset; the outside world has none."""
        locked = self.locked()
        return {key: (n - locked[key], locked[key]) for key, n in self.totals().items() if key[0] != OUTSIDE}

    def free(self, account: int, asset: int) -> int:
        """What the account can use of the asset."""
        return self.accounts[account].total[asset] - self.locked()[account, asset]

    def count(self, account: int, window: str) -> int:
        """Unfilled orders in the calendar's present window."""
        return self.accounts[account].counts[window, self.now // WINDOWS[window]]

    def limit(self, account: int, window: str) -> int:
        """How many there may be."""
        return self.accounts[account].limits[window] or DEFAULT_LIMITS[window]

    # --- money and order counts

    def move(self, giver: int, taker: int, asset: int, amount: int) -> None:
        """From one to the other."""
        self.accounts[giver].total[asset] -= amount
        self.accounts[taker].total[asset] += amount

    def charge(self, account: int, asset: int, received: int, *, as_maker: bool) -> int:
        """Takes the commission from what was received, rounded down to the asset's precision."""
        owner = self.accounts[account]
        rate = owner.maker if as_maker else owner.taker
        unit: int = 10 ** (8 - self.assets[asset]["precision"])
        commission = received * rate // (ONE * unit) * unit
        self.move(account, FEES, asset, commission)
        return commission

    def count_order(self, account: int) -> None:
        """Once the day's limit is passed, the ten seconds' count does not grow."""
        over = self.count(account, "day") >= self.limit(account, "day")
        for window in ("day",) if over else WINDOWS:
            self.accounts[account].counts[window, self.now // WINDOWS[window]] += 1

    def count_fill(self, order: Order, *, as_maker: bool) -> None:
        """A first fill takes 1 off as a taker and 5 as a maker, never below 0."""
        if order.executed == 0:
            counts = self.accounts[order.account].counts
            for window, length in WINDOWS.items():
                now = window, self.now // length
                counts[now] = max(0, counts[now] - (5 if as_maker else 1))

    def deposit(self, account: int, asset: int, amount: int) -> None:
        refuse("UnknownAccount", account not in self.accounts)
        refuse("UnknownAsset", asset >= len(self.assets))
        refuse("DepositDisabled", not self.accounts[account].rights["deposit"])
        there = -self.accounts[OUTSIDE].total[asset]
        refuse("BadAmount", amount == 0 or there + amount > LARGEST_TOTAL)
        self.move(OUTSIDE, account, asset, amount)

    def withdraw(self, account: int, asset: int, amount: int) -> None:
        refuse("UnknownAccount", account not in self.accounts)
        refuse("UnknownAsset", asset >= len(self.assets))
        refuse("WithdrawalDisabled", not self.accounts[account].rights["withdraw"])
        refuse("InsufficientBalance", self.free(account, asset) < amount)
        refuse("BadAmount", amount == 0)
        self.move(account, OUTSIDE, asset, amount)

    # --- settings

    def open_account(self, rights: dict[str, bool], maker: int, taker: int, limits: dict[str, int]) -> None:
        refuse("BadSetting", max(maker, taker) > ONE)
        self.accounts[FIRST_CUSTOMER + self.customers] = Account(rights, maker, taker, limits)
        self.customers += 1

    def customer(self, number: int) -> Account:
        """An account that may be changed."""
        refuse("UnknownAccount", number not in self.accounts or number < FIRST_CUSTOMER)
        return self.accounts[number]

    def set_rights(self, account: int, rights: dict[str, bool]) -> None:
        self.customer(account).rights = rights

    def set_limits(self, account: int, limits: dict[str, int]) -> None:
        self.customer(account).limits = limits

    def set_commission(self, account: int, maker: int, taker: int) -> None:
        owner = self.customer(account)
        refuse("BadSetting", max(maker, taker) > ONE)
        owner.maker, owner.taker = maker, taker

    def add_key(self, account: int, permissions: dict[str, bool]) -> None:
        self.customer(account)
        self.issued += 1
        self.keys[self.issued] = account, permissions

    def revoke_key(self, key: int) -> None:
        refuse("UnknownKey", key not in self.keys)
        self.keys[key] = self.keys[key][0], {"trade": False}

    def list_asset(self, name: str, precision: int) -> None:
        self.assets.append({"name": name, "precision": precision})

    def list_market(self, symbol: str, base: int, quote: int, filters: dict[str, Any]) -> None:
        self.markets.append(Market(base, quote, filters))

    def set_filters(self, market: int, filters: dict[str, Any]) -> None:
        refuse("UnknownMarket", market >= len(self.markets))
        rules = [filters[name] for name in ("price", "lot", "market_lot", "notional")]
        refuse("BadFilters", any(rule["max"] and rule["min"] > rule["max"] for rule in rules))
        refuse("BadFilters", filters["prevention"] not in allowed(filters["preventions"]))
        self.markets[market].filters = filters

    def set_market_status(self, market: int, status: str) -> None:
        refuse("UnknownMarket", market >= len(self.markets))
        self.markets[market].status = status

    def tick(self) -> None:
        """No deadline is due in a spot exchange."""
