"""`agio account`: money, rights, commission and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from agio.cli.admin_client import Admin, act_options
from agio.cli.options import done, folder_option, json_option, say_json, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WHO = "Each ACCOUNT is a number, or the name of its user."


@click.group(epilog=WHO)
def account() -> None:
    """See and change accounts of the running exchange."""


def _changing(command: Callable[..., None]) -> Any:
    """ACCOUNT first, and the options of everything that changes something."""
    return account.command()(click.argument("who", metavar="ACCOUNT")(act_options(folder_option(json_option(command)))))


@account.command()
@click.argument("who", metavar="ACCOUNT")
@folder_option
@json_option
def show(who: str, folder: Path, as_json: bool) -> None:
    """What ACCOUNT has, may do and pays."""
    admin = Admin(folder)
    number = admin.account(who)
    found = admin.get("/accounts", account=number)
    if as_json:
        say_json(found)
        return
    may = [word for word in ("trade", "withdraw", "deposit") if found[f"can{word.title()}"]]
    rates = found["commissionRates"]
    click.echo(f"account {number} may {', '.join(may) or 'do nothing'}")
    click.echo(f"commission: maker {rates['maker']}, taker {rates['taker']} of what is received")
    table(found["balances"])


@_changing
@click.argument("asset")
@click.argument("amount")
def deposit(who: str, asset: str, amount: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Bring AMOUNT of ASSET into ACCOUNT from outside."""
    answer = _transfer("deposit", who, asset, amount, actor, reason, folder)
    done(answer, f"account {who} has got {amount} {asset}", as_json=as_json)


@_changing
@click.argument("asset")
@click.argument("amount")
def withdraw(who: str, asset: str, amount: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Take AMOUNT of ASSET out of ACCOUNT, of what is free."""
    answer = _transfer("withdraw", who, asset, amount, actor, reason, folder)
    done(answer, f"{amount} {asset} were taken out of account {who}", as_json=as_json)


def _transfer(what: str, who: str, asset: str, amount: str, actor: str, reason: str, folder: Path) -> Any:
    admin = Admin(folder)
    number = admin.account(who)
    return admin.post(f"/accounts/{what}", account=number, asset=asset, amount=amount, actor=actor, reason=reason)


@_changing
@click.option("--trade/--no-trade", default=None)
@click.option("--withdraw/--no-withdraw", default=None)
@click.option("--deposit/--no-deposit", default=None)
def rights(
    who: str,
    trade: bool | None,
    withdraw: bool | None,
    deposit: bool | None,
    actor: str,
    reason: str,
    folder: Path,
    as_json: bool,
) -> None:
    """Say what ACCOUNT may do; what is not named stays as it is."""
    admin = Admin(folder)
    number = admin.account(who)
    now = admin.get("/accounts", account=number)
    asked = {"trade": trade, "withdraw": withdraw, "deposit": deposit}
    wanted = {word: now[f"can{word.title()}"] if value is None else value for word, value in asked.items()}
    answer = admin.post("/accounts/rights", account=number, **wanted, actor=actor, reason=reason)
    may = ", ".join(word for word, value in wanted.items() if value) or "do nothing"
    done(answer, f"account {who} may {may}", as_json=as_json)


@_changing
@click.option("--maker", required=True, help="Of what a maker receives: 0.001 is a tenth of a percent.")
@click.option("--taker", required=True, help="Of what a taker receives.")
def commission(who: str, maker: str, taker: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Say what ACCOUNT pays from now on."""
    admin = Admin(folder)
    number = admin.account(who)
    answer = admin.post("/accounts/commission", account=number, maker=maker, taker=taker, actor=actor, reason=reason)
    done(answer, f"account {who} pays {maker} as maker, {taker} as taker", as_json=as_json)


@_changing
@click.option("--ten-seconds", default=0, help="Unfilled orders in ten seconds; 0 is the exchange's default.")
@click.option("--day", default=0, help="Unfilled orders in a day; 0 is the exchange's default.")
@click.option("--open", "most_open", default=0, help="Open orders of one market; 0 is the market's own filter.")
def limits(
    who: str, ten_seconds: int, day: int, most_open: int, actor: str, reason: str, folder: Path, as_json: bool
) -> None:
    """Say how many orders ACCOUNT may have; all three are set."""
    admin = Admin(folder)
    figures = {"ten_seconds": ten_seconds, "day": day, "open": most_open}
    number = admin.account(who)
    answer = admin.post("/accounts/limits", account=number, **figures, actor=actor, reason=reason)
    told = ", ".join(f"{name} {value or 'default'}" for name, value in figures.items())
    done(answer, f"limits of account {who}: {told}", as_json=as_json)


@_changing
@click.argument("symbol")
def cancel(who: str, symbol: str, actor: str, reason: str, folder: Path, as_json: bool) -> None:
    """Cancel all open orders of ACCOUNT in market SYMBOL."""
    admin = Admin(folder)
    answer = admin.post("/accounts/cancel", account=admin.account(who), symbol=symbol, actor=actor, reason=reason)
    ended = sum("Executed" in event for event in answer["events"])
    done(answer, f"canceled: {ended}", as_json=as_json)
