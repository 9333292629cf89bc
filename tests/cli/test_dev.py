"""`agio dev` with markets of one's own."""

from pathlib import Path

from tests.cli.agio import read, refused
from tests.exchange import running

QUIET = ("--liquidity", "none")
ONE = """
[[asset]]
name = "EUR"
demo = "500"
"""
OTHER = """
[[asset]]
name = "SOL"
demo = "20"
[[market]]
symbol = "SOLEUR"
base = "SOL"
quote = "EUR"
tick = "0.01"
step = "0.001"
"""


def held(folder: Path) -> dict[str, str]:
    return {row["asset"]: row["free"] for row in read(folder, "account", "show", "alice")["balances"]}


def test_what_a_later_start_lists_is_funded_and_what_was_there_stays(tmp_path: Path) -> None:
    folder, markets = tmp_path / "data", tmp_path / "markets.toml"
    markets.write_text(f"market = []\n{ONE}")
    with running(folder, *QUIET, "--markets", str(markets)) as exchange:
        users = exchange.users
        read(folder, "account", "withdraw", "alice", "EUR", "499", "--reason", "spent")
    markets.write_text(ONE + OTHER)
    with running(folder, *QUIET, "--markets", str(markets)) as again:
        assert again.users == users
        assert held(folder) == {"EUR": "1.00000000", "SOL": "20.00000000"}


def test_a_mistake_in_the_file_is_told_before_anything_is_made(tmp_path: Path) -> None:
    markets = tmp_path / "markets.toml"
    markets.write_text((ONE + OTHER).replace("0.01", "0,01"))
    said = refused(tmp_path / "data", "dev", "--markets", str(markets))
    assert f'Error: cannot use the markets file {markets}: tick = "0,01" is no figure' in said
    assert not (tmp_path / "data").exists()
