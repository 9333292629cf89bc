"""What a client makes of 429 and 418, on an exchange of its own: they are counted per address."""

from collections.abc import Iterator
from typing import Any

import ccxt
import ccxt.async_support
import pytest

from tests.clients.ccxt_here import client
from tests.clients.people import Person
from tests.exchange import Exchange, running

WEIGHT = 6_000
TICKERS = 80
"""The weight of all markets' tickers."""
PATIENCE = 100
"""Refusals before a ban."""


@pytest.fixture
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    with running(tmp_path_factory.mktemp("flooded") / "data", "--liquidity", "none") as exchange:
        yield exchange


async def ask_until(trader: Any, refusal: str, most: int) -> None:
    """Asks for the tickers until the exchange says what matches `refusal`."""
    said = ""
    for _ in range(most):
        try:
            await trader.public_get_ticker_24hr()
        except ccxt.DDoSProtection as refused:
            said = str(refused)
            if refusal in said:
                return
    raise AssertionError(f"never heard {refusal!r}; the last was {said!r}")


async def test_too_much_weight_is_refused_and_then_banned(flooded: Exchange) -> None:
    trader = client(ccxt.async_support.binance, Person.register(flooded, "flood"), enableRateLimit=False)
    try:
        # Minutes are the calendar's: one may end on the way.
        await ask_until(trader, "429 Too Many Requests", 2 * WEIGHT // TICKERS + 2)
        await ask_until(trader, "418 ", 2 * PATIENCE + WEIGHT // TICKERS)
        with pytest.raises(ccxt.DDoSProtection, match="banned until"):
            await trader.fetch_time()
    finally:
        await trader.close()
