"""ccxt as it comes, told nothing but where this exchange is."""

import re
from typing import Any

from tests.clients.people import Person

SYMBOL = "BTC/USDT"


def here(urls: Any, rest: str) -> Any:
    """The same paths at another host."""
    if isinstance(urls, dict):
        return {name: here(url, rest) for name, url in urls.items()}
    return re.sub(r"^https://[^/]+", rest, urls)


def client(kind: Any, person: Person, **options: Any) -> Any:
    """A client of class `kind` (ccxt.binance, ccxt.async_support.binance or ccxt.pro.binance) with default options."""
    made = kind({"apiKey": person.api_key, "secret": person.secret, **options})
    sockets = made.urls["api"].pop("ws", None)
    made.urls["api"] = here(made.urls["api"], person.exchange.rest)
    if sockets:
        ws_api = {**sockets["ws-api"], "spot": person.exchange.ws_api}
        made.urls["api"]["ws"] = {**sockets, "spot": f"{person.exchange.streams}/ws", "ws-api": ws_api}
    return made
