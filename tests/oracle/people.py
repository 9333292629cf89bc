"""Random requests as clients can make them: the hostile world, seen from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracle.hostile import Command, Hostile

if TYPE_CHECKING:
    from random import Random

    from tests.oracle.model import Exchange
    from tests.oracle.venue import Key

LARGEST_SENT = 2**63 - 1
"""Price or quantity."""
WINDOW = 5_000_000
"""The recvWindow of who names none."""


class People(Hostile):
    """Only what is lawful in form, for the gateway's own refusals have tests of their own."""

    def __init__(self, random: Random, exchange: Exchange) -> None:
        super().__init__(random, exchange)
        self.keys: dict[int, Key] = {}

    def next(self) -> Command:
        if self.later:
            return self.signed_anew(self.later.pop(0))
        kinds = {
            self.place: 700, self.cancel: 80, self.cancel_all: 8, self.set_filters: 3, self.set_commission: 8,
            self.set_limits: 4, self.set_rights: 4, self.set_status: 4, self.money: 30,
        }  # fmt: skip
        (kind,) = self.random.choices([*kinds], [*kinds.values()])
        return kind()

    def signed_anew(self, command: Command) -> Command:
        """What was thought of earlier is sent now."""
        ((name, fields),) = command.items()
        return {name: fields | {"signed": self.signed(fields["account"])} if "signed" in fields else fields}

    def account(self) -> int:
        trade = [number for number, key in self.keys.items() if self.exchange.keys[key.number][1]["trade"]]
        return self.random.choice(trade * 5 + [*self.keys])

    def market(self) -> int:
        return self.random.randrange(len(self.exchange.markets))

    def signed(self, account: int) -> dict[str, int]:
        return {"key": self.keys[account].number, "sent": self.exchange.now // 1000 * 1000, "window": WINDOW}

    def terms(self, number: int, side: str, account: int) -> dict[str, Any]:
        terms = super().terms(number, side, account)
        if terms["kind"] != "Limit":
            terms["life"] = "Gtc"
        if terms["kind"] == "Market":
            terms["price"] = 0
            name, other = ("budget", "quantity") if terms["budget"] else ("quantity", "budget")
            terms |= {name: max(terms[name], 1), other: 0}
        else:
            terms |= {"price": max(terms["price"], 1), "quantity": max(terms["quantity"], 1), "budget": 0}
        return terms | {name: min(terms[name], LARGEST_SENT) for name in ("price", "quantity")}

    def cancel(self) -> Command:
        cancel = super().cancel()["Cancel"]
        if cancel["order"] is None and not cancel["client_id"]:
            cancel["client_id"] = "nobody"
        return {"Cancel": cancel}

    def later_by(self) -> int:
        """Sometimes hours or days."""
        if self.random.random() < 0.1:
            return self.random.choice([3600, 7 * 3600 + 1800, 25 * 3600]) * 1_000_000 + self.random.randint(-1, 1)
        return super().later_by()
