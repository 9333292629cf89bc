"""A signed REST client in a few lines: what a trader has in hand once the operator has given out a key."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen


class Trader:
    """One key at one exchange."""

    def __init__(self, rest: str, api_key: str, secret: str) -> None:
        self._rest, self._key, self._secret = rest, api_key, secret

    def ask(self, method: str, path: str, **parameters: Any) -> tuple[int, Any]:
        """Status and body of a signed request."""
        query = urlencode({**parameters, "timestamp": int(time.time() * 1000)})
        signature = hmac.new(self._secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self._rest}{path}?{query}&signature={signature}"
        request = Request(url, method=method, headers={"X-MBX-APIKEY": self._key})
        try:
            with urlopen(request, timeout=20) as response:
                return response.status, json.load(response)
        except HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def place(self, symbol: str, side: str, quantity: str, price: str) -> tuple[int, Any]:
        """A limit order, good till cancelled."""
        terms = {"symbol": symbol, "side": side, "quantity": quantity, "price": price}
        return self.ask("POST", "/api/v3/order", type="LIMIT", timeInForce="GTC", **terms)
