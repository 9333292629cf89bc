"""`agio serve` from zero: everything that an exchange needs comes through the command line."""

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.cli.agio import BECAUSE, read, refused, told
from tests.cli.client import Trader
from tests.conftest import has_address
from tests.exchange import Exchange, running

MARKET = Path(__file__).with_name("market.toml")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange that somebody has just begun: a market, nobody in it."""
    folder = tmp_path_factory.mktemp("served") / "data"
    key = {"AGIO_MASTER_KEY_FILE": str(folder.with_name("master.key"))}
    with running(folder, program="serve", environment=key) as exchange:
        assert exchange.users == ()
        assert read(folder, "market", "add", str(MARKET), *BECAUSE) == {"assets": ["SOL", "EUR"], "markets": ["SOLEUR"]}
        yield exchange


def trader(exchange: Exchange, name: str, permissions: str = "read,trade") -> Trader:
    told(exchange.folder, "user", "add", name, *BECAUSE)
    made = read(exchange.folder, "key", "add", name, "--permissions", permissions, *BECAUSE)
    return Trader(exchange.rest, made["api_key"], made["secret"])


def balance(exchange: Exchange, name: str, asset: str) -> tuple[str, str]:
    rows = read(exchange.folder, "account", "show", name)["balances"]
    return next((row["free"], row["locked"]) for row in rows if row["asset"] == asset)


def test_from_nothing_to_the_first_fill(served: Exchange) -> None:
    seller, buyer = trader(served, "sally"), trader(served, "bert")
    told(served.folder, "account", "deposit", "sally", "SOL", "10", *BECAUSE)
    told(served.folder, "account", "deposit", "bert", "EUR", "1000", *BECAUSE)
    assert seller.place("SOLEUR", "SELL", "2", "150.00")[0] == 200
    status, order = buyer.place("SOLEUR", "BUY", "2", "150.00")
    assert (status, order["status"], order["cummulativeQuoteQty"]) == (200, "FILLED", "300.00000000")
    assert balance(served, "bert", "SOL") == ("1.99800000", "0.00000000")
    assert "SOL" in told(served.folder, "account", "show", "bert")


def test_money_goes_out_again(served: Exchange) -> None:
    told(served.folder, "user", "add", "walt", *BECAUSE)
    told(served.folder, "account", "deposit", "walt", "EUR", "100", *BECAUSE)
    told(served.folder, "account", "withdraw", "walt", "EUR", "99.5", *BECAUSE)
    assert balance(served, "walt", "EUR") == ("0.50000000", "0.00000000")
    assert "InsufficientBalance" in refused(served.folder, "account", "withdraw", "walt", "EUR", "1", *BECAUSE)


def test_rights_commission_and_limits(served: Exchange) -> None:
    client = trader(served, "rita")
    told(served.folder, "account", "deposit", "rita", "EUR", "1000", *BECAUSE)
    told(served.folder, "account", "commission", "rita", "--maker", "0.0005", "--taker", "0.0007", *BECAUSE)
    told(served.folder, "account", "limits", "rita", "--ten-seconds", "1", *BECAUSE)
    assert client.place("SOLEUR", "BUY", "1", "10.00")[0] == 200
    assert client.place("SOLEUR", "BUY", "1", "10.00")[1]["code"] == -1015
    told(served.folder, "account", "rights", "rita", "--no-trade", *BECAUSE)
    shown = read(served.folder, "account", "show", "rita")
    assert (shown["canTrade"], shown["canWithdraw"], shown["canDeposit"]) == (False, True, True)
    assert shown["commissionRates"]["maker"] == "0.00050000"
    assert shown["commissionRates"]["taker"] == "0.00070000"
    assert client.place("SOLEUR", "BUY", "1", "10.00")[0] != 200


def test_an_operator_cancels_what_an_owner_cannot(served: Exchange) -> None:
    client = trader(served, "olga")
    told(served.folder, "account", "deposit", "olga", "EUR", "1000", *BECAUSE)
    assert [client.place("SOLEUR", "BUY", "1", price)[0] for price in ("10.00", "11.00")] == [200, 200]
    assert "canceled: 2" in told(served.folder, "account", "cancel", "olga", "SOLEUR", *BECAUSE)
    assert balance(served, "olga", "EUR") == ("1000.00000000", "0.00000000")
    assert "UnknownOrder" in refused(served.folder, "account", "cancel", "olga", "SOLEUR", *BECAUSE)


def test_what_an_exchange_writes_is_its_owners(served: Exchange) -> None:
    """Each file by itself, for a copy has not its folder's mode."""
    modes = {path.name: path.lstat().st_mode & 0o077 for path in served.folder.rglob("*")}
    assert {"head", "lock", "identity.db", "identity.db-journal", "projection.db", "admin.sock"} <= set(modes)
    assert not any(modes.values()), modes


def test_monitors_have_an_address_of_their_own(tmp_path: Path) -> None:
    """Metrics ask for no key: where clients come in, nobody should find them."""
    key = {"AGIO_MASTER_KEY_FILE": str(tmp_path / "master.key")}
    with running(tmp_path / "data", "--host", "127.0.0.2", program="serve", environment=key) as exchange:
        rest = urlsplit(exchange.rest)
        assert rest.hostname == "127.0.0.2"
        port = (rest.port or 0) + 5
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as response:
            assert b"agio_requests" in response.read()
        with pytest.raises(URLError, match="refused"):
            urlopen(f"http://127.0.0.2:{port}/metrics", timeout=20)


def test_an_ipv6_address(tmp_path: Path) -> None:
    """All of it listens there, and says so in URLs; not on IPv4 as well, not even in part."""
    if not has_address("::1"):
        pytest.skip("absent: address ::1")
    key = {"AGIO_MASTER_KEY_FILE": str(tmp_path / "master.key")}
    with running(tmp_path / "data", "--host", "::", program="serve", environment=key) as exchange:
        assert exchange.rest.startswith("http://[::]:")
        for url in (exchange.rest, exchange.ws_api, exchange.streams):
            port = urlsplit(url).port or 0
            socket.create_connection(("::1", port), timeout=5).close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_revoked_key_is_dead_and_stays_listed(served: Exchange) -> None:
    told(served.folder, "user", "add", "kim", *BECAUSE)
    made = read(served.folder, "key", "add", "kim", "--permissions", "read", *BECAUSE)
    client = Trader(served.rest, made["api_key"], made["secret"])
    assert client.ask("GET", "/api/v3/account")[0] == 200
    told(served.folder, "key", "revoke", made["api_key"], *BECAUSE)
    assert client.ask("GET", "/api/v3/account")[1]["code"] == -2015
    listed = {key["api_key"]: key["revoked"] for key in read(served.folder, "key", "list")}
    assert listed[made["api_key"]] is True
    assert made["secret"] not in told(served.folder, "key", "list")
    assert "UnknownKey" in refused(served.folder, "key", "revoke", made["api_key"], *BECAUSE)


def test_a_revoked_key_takes_the_listen_key_with_it(served: Exchange) -> None:
    told(served.folder, "user", "add", "lee", *BECAUSE)
    names = [read(served.folder, "key", "add", "lee", "--permissions", "read", *BECAUSE)["api_key"] for _ in range(2)]

    def listen_key(api_key: str) -> str:
        request = Request(f"{served.rest}/api/v3/userDataStream", method="POST", headers={"X-MBX-APIKEY": api_key})
        with urlopen(request, timeout=20) as response:
            key: str = json.load(response)["listenKey"]
        return key

    lost, kept = names
    known = listen_key(kept)
    assert listen_key(lost) == known
    told(served.folder, "key", "revoke", lost, *BECAUSE)
    assert listen_key(kept) != known


def test_a_clients_own_key_pair(served: Exchange, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PrivateKey.generate().public_key()
    pem = tmp_path / "public.pem"
    pem.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    told(served.folder, "user", "add", "eddy", *BECAUSE)
    options = ("--permissions", "read,trade", "--kind", "ed25519")
    made = read(served.folder, "key", "add", "eddy", *options, "--public-key", str(pem), *BECAUSE)
    assert made["secret"] is None
    assert "needs a public key" in refused(served.folder, "key", "add", "eddy", *options, *BECAUSE)


def test_markets_are_listed_once_changed_and_closed(served: Exchange, tmp_path: Path) -> None:
    assert read(served.folder, "market", "add", str(MARKET), *BECAUSE) == {"assets": [], "markets": []}
    told(served.folder, "market", "add-asset", "DOT", "--precision", "6", *BECAUSE)
    assert "DOT" in told(served.folder, "market", "list")
    coarse = tmp_path / "coarse.toml"
    coarse.write_text(MARKET.read_text().replace('tick = "0.01"', 'tick = "0.05"'))
    told(served.folder, "market", "filters", "SOLEUR", str(coarse), *BECAUSE)
    told(served.folder, "market", "status", "SOLEUR", "HALT", *BECAUSE)
    (listed,) = read(served.folder, "market", "list")
    assert (listed["status"], listed["filters"]["price"]["tick"]) == ("Halt", 5_000_000)
    told(served.folder, "market", "filters", "SOLEUR", str(MARKET), *BECAUSE)
    told(served.folder, "market", "status", "SOLEUR", "TRADING", *BECAUSE)


def test_the_clock_says_how_it_is(served: Exchange) -> None:
    assert read(served.folder, "clock", "show")["jump"] is None
    assert "as the machine's clock has it" in told(served.folder, "clock", "confirm", *BECAUSE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("user", "add", "sp ace", *BECAUSE), "BadName"),
        (("user", "add", "noreason"), "--reason"),
        (("user", "add", "noreason", "--reason", ""), "length >= 1"),
        (("key", "add", "nobody", "--permissions", "read", *BECAUSE), "no user 'nobody'"),
        (("key", "add", "nobody", "--permissions", "fly", *BECAUSE), "fly"),
        (("account", "show", "nobody"), "agio user list"),
        (("account", "show", "999999"), "No such account: 999999"),
        (("user", "add", "1000", *BECAUSE), "not digits alone"),
        (("account", "deposit", "999999", "EUR", "1", *BECAUSE), "UnknownAccount"),
        (("account", "deposit", "1", "XYZ", "1", *BECAUSE), "No such asset: XYZ"),
        (("account", "deposit", "1", "EUR", "0.000000001", *BECAUSE), "amount"),
        (("market", "status", "NONE", "HALT", *BECAUSE), "Invalid symbol"),
        (("market", "filters", "NONE", str(MARKET), *BECAUSE), "no [[market]]"),
    ],
)
def test_refusals_say_why(served: Exchange, words: tuple[str, ...], said: str) -> None:
    assert said in refused(served.folder, *words)


def test_the_doctor_asks_the_exchange(served: Exchange) -> None:
    found = read(served.folder, "doctor")
    assert (found["exchange"]["state"], found["exchange"]["history"]) == ("running", "running")
    assert found["problems"] == []


def test_who_did_what_and_why_is_logged(served: Exchange) -> None:
    told(served.folder, "market", "add-asset", "ADA", "--actor", "ops@desk", "--reason", "ticket 4711")
    log = served.errors.read_text()
    assert "ops@desk" in log
    assert "ticket 4711" in log


def test_an_orders_story_is_told_from_the_log(served: Exchange) -> None:
    client = trader(served, "iris")
    told(served.folder, "account", "deposit", "iris", "EUR", "1000", *BECAUSE)
    _, placed = client.place("SOLEUR", "BUY", "3", "12.00")
    number = str(placed["orderId"])
    told(served.folder, "account", "cancel", "iris", "SOLEUR", *BECAUSE)
    for words in ((), ("--symbol", "SOLEUR")):
        new, canceled = told(served.folder, "inspect", "order", number, *words).splitlines()
        assert "New" in new
        assert "SOLEUR Buy Limit 3.00000000 at 12.00000000  executed 0.00000000, New" in new
        assert "Canceled" in canceled
    chapters = [json.loads(line) for line in told(served.folder, "inspect", "order", number, "--json").splitlines()]
    assert [(chapter["symbol"], chapter["execution"]["kind"]) for chapter in chapters] == [
        ("SOLEUR", "New"),
        ("SOLEUR", "Canceled"),
    ]
    first, last = (str(chapter["sequence"]) for chapter in chapters)
    assert f"{first}  " in told(served.folder, "inspect", "log", first, "--count", "1")
    assert "Executed" in told(served.folder, "inspect", "log", last, "--count", "1")
    assert "no order 999999\n" in refused(served.folder, "inspect", "order", "999999")
    unknown = refused(served.folder, "inspect", "order", number, "--symbol", "NONE")
    assert f"no order {number} of NONE (the log has no market NONE)" in unknown


def test_the_socket_is_its_owners_only(served: Exchange) -> None:
    assert (served.folder / "admin.sock").stat().st_mode & 0o777 == 0o600


def test_history_is_rebuilt_from_the_log_once_the_exchange_stands(served: Exchange, tmp_path: Path) -> None:
    assert "is running: stop it first" in refused(served.folder, "rebuild")
    folder = tmp_path / "data"
    with running(folder, program="serve", environment={"AGIO_MASTER_KEY_FILE": str(tmp_path / "key")}):
        told(folder, "market", "add", str(MARKET), *BECAUSE)
        told(folder, "user", "add", "rob", *BECAUSE)
        told(folder, "account", "deposit", "rob", "EUR", "5", *BECAUSE)
    (folder / "projection.db").unlink()
    assert read(folder, "rebuild")["commands"] == read(folder, "verify")["records"]
    assert (folder / "projection.db").stat().st_size > 0


@pytest.mark.parametrize("words", [("user", "list"), ("market", "list"), ("account", "show", "1"), ("clock", "show")])
def test_without_an_exchange_they_say_how_to_start_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert f"agio serve --data {tmp_path}" in refused(tmp_path, *words)


def test_after_a_crash_the_socket_file_is_no_exchange(tmp_path: Path) -> None:
    program = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()"
    subprocess.run(["python3", "-c", program, tmp_path / "admin.sock"], check=True)
    assert "no exchange is running" in refused(tmp_path, "user", "list")
