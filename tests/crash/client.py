"""A small signed client that notices when it was not answered."""

import hashlib
import hmac
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from tests.exchange import Exchange, User

UNKNOWN_OUTCOME = frozenset({-1006, -1007})
SECONDS = 20


class Unanswered(Exception):
    """Nobody knows what became of the request."""


class Refused(Exception):
    """The exchange said no; `code` is Binance's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code


class Client:
    """One user's connection."""

    def __init__(self, exchange: Exchange, user: User, session: aiohttp.ClientSession) -> None:
        self.name = user.name
        self._user = user
        self._rest = exchange.rest
        self._session = session

    async def ask(self, method: str, path: str, **parameters: Any) -> Any:
        """The answer; raises Unanswered or Refused."""
        query = urlencode({**parameters, "timestamp": int(time.time() * 1000)})
        signature = hmac.new(self._user.secret_key.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self._rest}{path}?{query}&signature={signature}"
        try:
            async with self._session.request(method, url, headers={"X-MBX-APIKEY": self._user.api_key}) as response:
                body = await response.json(content_type=None)
        except (TimeoutError, aiohttp.ClientError, ValueError, OSError) as broken:
            raise Unanswered from broken
        if response.status == 200:
            return body
        if response.status >= 500 or body["code"] in UNKNOWN_OUTCOME:
            raise Unanswered
        raise Refused(body["code"], body["msg"])

    async def look(self, path: str, **parameters: Any) -> Any:
        """A question that anybody may ask."""
        async with self._session.get(f"{self._rest}{path}?{urlencode(parameters)}") as response:
            assert response.status == 200, await response.text()
            return await response.json(content_type=None)

    async def pages(self, path: str, number: str, since: int) -> list[dict[str, Any]]:
        """All rows of a history from number `since` on; `number` names the parameter, and `id` or itself the field."""
        rows: list[dict[str, Any]] = []
        while True:
            page = await self.ask("GET", path, symbol="BTCUSDT", limit=1000, **{number: since})
            rows += page
            if len(page) < 1000:
                return rows
            since = page[-1].get("orderId" if number == "orderId" else "id") + 1


def session() -> aiohttp.ClientSession:
    """One connection of its own."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1), timeout=timeout)


async def admin(folder: Path, path: str) -> Any:
    """A question to the owner's socket."""
    connector = aiohttp.UnixConnector(str(folder / "admin.sock"))
    async with aiohttp.ClientSession(connector=connector) as owner, owner.get(f"http://admin{path}") as response:
        assert response.status == 200, await response.text()
        return await response.json(content_type=None)
