"""The code of the README and of the guide to clients, run as it stands against a running exchange."""

import json
import re
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.exchange import AGIO, Exchange
from tests.tidy.tree import ROOT

README = (ROOT / "README.md").read_text()
CLIENTS = (ROOT / "docs" / "guides" / "clients.md").read_text()


def here(text: str, exchange: Exchange) -> str:
    """What a reader would paste: the addresses and the key of the exchange that runs."""
    user = exchange.user
    changes = {
        "http://127.0.0.1:8080": exchange.rest,
        "ws://127.0.0.1:8081": exchange.ws_api.removesuffix("/ws-api/v3"),
        "ws://127.0.0.1:8082": exchange.streams,
        ".venv/bin/agio": str(AGIO),
        "API_KEY": user.api_key,
        "SECRET_KEY": user.secret_key,
    }
    for written, real in changes.items():
        text = text.replace(written, real)
    return text


def blocks(language: str, page: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_the_pages_have_code() -> None:
    assert blocks("python")
    assert len(blocks("python", CLIENTS)) > 3
    assert any("curl" in body for body in blocks("console"))


def wait_for_asks(exchange: Exchange) -> None:
    """The house quotes anew when another test has taken a whole side."""
    for _ in range(100):
        with urllib.request.urlopen(f"{exchange.rest}/api/v3/depth?symbol=BTCUSDT&limit=5") as reply:
            if json.load(reply)["asks"]:
                return
        time.sleep(0.1)


@pytest.mark.parametrize("block", [*blocks("python"), *blocks("python", CLIENTS)])
def test_python(block: str, exchange: Exchange) -> None:
    wait_for_asks(exchange)
    done = subprocess.run([sys.executable, "-c", here(block, exchange)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    printed = re.findall(r"#> (.*)", block)
    assert printed
    assert done.stdout.splitlines() == printed


@pytest.mark.parametrize("line", re.findall(r"^\$ (curl .*)$", "\n".join(blocks("console")), re.MULTILINE))
def test_curl(line: str, exchange: Exchange) -> None:
    done = subprocess.run(["bash", "-c", here(line, exchange) + " --fail --silent"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"{")
