"""A REST client that says exactly what it is told to, from any address of this machine."""

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from tests.exchange import Exchange, User

SECONDS = 20
HOME = "127.0.0.1"
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001"}
LOW = "30000.00"
"""A price at which nobody sells."""


class Answer(NamedTuple):
    """What came back; `body` is None when it is not JSON."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> int | None:
        """Binance's code of a refusal; None of a success."""
        return self.body.get("code") if isinstance(self.body, dict) else None


class Client:
    """One key, and one connection from `source`; limits count each address of 127.0.0.0/8 by itself."""

    def __init__(self, rest: str, user: User, source: str = HOME, skew_ms: int = 0) -> None:
        self.user = user
        self._skew = skew_ms
        self._link = http.client.HTTPConnection(urlsplit(rest).netloc, timeout=SECONDS, source_address=(source, 0))

    def send(self, method: str, target: str, body: bytes | None = None, **headers: Any) -> Answer:
        """One request, as it stands; `X_MBX_APIKEY="…"` is a header. Reconnects when the last one was the last."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._link.request(method, target, body, names)
            response = self._link.getresponse()
            text = response.read()
        except BaseException:
            self._link.close()
            raise
        told = {name.lower(): value for name, value in response.getheaders()}
        is_json = bool(text) and told.get("content-type", "").startswith("application/json")
        return Answer(response.status, told, json.loads(text) if is_json else None)

    def query(self, **parameters: Any) -> str:
        """Parameters with the time and the signature; None leaves one out, also `timestamp` and `signature`."""
        asked = {"timestamp": int(time.time() * 1000) + self._skew, **parameters}
        signature = asked.pop("signature", "")
        text = urlencode({name: value for name, value in asked.items() if value is not None})
        if signature is None:
            return text
        made = hmac.new(self.user.secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()
        return f"{text}&signature={signature or made}"

    def signed(self, method: str, path: str, **parameters: Any) -> Answer:
        """A signed request."""
        return self.send(method, f"{path}?{self.query(**parameters)}", X_MBX_APIKEY=self.user.api_key)

    def place(self, **terms: Any) -> Answer:
        """A small limit order, but for `terms`."""
        return self.signed("POST", "/api/v3/order", **{**ORDER, "price": LOW, **terms})

    def cancel(self, number: int, symbol: str = "BTCUSDT") -> Answer:
        """Cancels one order."""
        return self.signed("DELETE", "/api/v3/order", symbol=symbol, orderId=number)

    def cancel_all(self, symbol: str = "BTCUSDT") -> Answer:
        """Cancels all orders of a market."""
        return self.signed("DELETE", "/api/v3/openOrders", symbol=symbol)

    def open_orders(self) -> list[Any]:
        """What is open."""
        answer = self.signed("GET", "/api/v3/openOrders")
        assert answer.status == 200, answer
        found: list[Any] = answer.body
        return found


def monitored(exchange: Exchange, path: str) -> tuple[int, str]:
    """Status and text of a page that monitors read."""
    where = urlsplit(exchange.rest)
    link = http.client.HTTPConnection(where.hostname or "", (where.port or 0) + 5, timeout=SECONDS)
    link.request("GET", path)
    response = link.getresponse()
    page = response.status, response.read().decode()
    link.close()
    return page


def counted(exchange: Exchange, name: str) -> float:
    """A figure of the metrics."""
    _, page = monitored(exchange, "/metrics")
    return float(next(line.split()[1] for line in page.splitlines() if line.startswith(f"{name} ")))


def until(seconds: float, is_so: Callable[[], bool]) -> bool:
    """Whether it came to be so within `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
