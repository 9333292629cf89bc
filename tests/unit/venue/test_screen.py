"""What `agio dev` shows when it is ready."""

from agio.services.markets.listing import Listing, MarketSpec
from agio.venue.dev import Demo

MARKET = MarketSpec("ETHUSDT", "ETH", "USDT", "0.01", "0.0001")
READY = {
    "rest": "http://127.0.0.1:65530",
    "ws_api": "ws://127.0.0.1:65531/ws-api/v3",
    "streams": "ws://127.0.0.1:65532",
    "users": [{"name": "alice", "api_key": "k" * 64, "secret_key": "s" * 64}],
}


def test_the_screen_fits_an_ordinary_terminal() -> None:
    """A key that is broken over two lines is not copied with a double click."""
    lines = Demo(Listing([], [MARKET]), seed=1, liquidity=False, unlimited=False).screen(READY).splitlines()
    assert max(map(len, lines)) <= 80
    after = lines.index("  alice")
    assert lines[after + 1 : after + 3] == ["  API key     " + "k" * 64, "  secret key  " + "s" * 64]
    assert "http://127.0.0.1:65530/api/v3/ticker/bookTicker?symbol=ETHUSDT" in lines[-2]
