"""Money in Python is an int of 10^-8, a `Decimal` at the edges of cold paths, and a string in JSON."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow

SCALE = 8
ONE = 10**SCALE
_EXACT = Context(prec=48, Emax=47, Emin=-47, traps=[Inexact, InvalidOperation, Overflow])
"""Beyond 128 bits; what it cannot hold is refused. The default one would round the 29th digit."""


def text(value: int) -> str:
    """10^-8 units as Binance writes them, with eight decimals: `text(150000000) == "1.50000000"`."""
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value), ONE)
    return f"{sign}{whole}.{part:08d}"


def units(amount: str | Decimal) -> int:
    """A decimal as 10^-8 units; ValueError when it is not a number, out of range or needs more than eight decimals."""
    try:
        scaled = Decimal(amount).scaleb(SCALE, _EXACT)
        exact = int(scaled)
    except (ArithmeticError, ValueError) as error:
        raise ValueError(f"not an amount: {amount!r}") from error
    if exact != scaled:
        raise ValueError(f"more than {SCALE} decimals: {amount!r}")
    return exact
