"""Markets files and options that people write: what is wrong with them is said before anything happens."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agio.cli import main
from agio.domain.errors import CommandRefused, Fatal
from agio.domain.markets import Asset, Catalog
from agio.services.markets import listing

HEAD = 'asset = [{name = "BTC"}, {name = "EUR"}]\n[[market]]\nsymbol = "BTCEUR"\nbase = "BTC"\n'
GOOD = HEAD + 'quote = "EUR"\ntick = "0.01"\nstep = "0.1"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not toml [", "at line 1"),
        ("", "neither an [[asset]] nor a [[market]]"),
        ("[[markets]]", "unknown field `markets`"),
        (GOOD + "ticks = 1", "unknown field `ticks`"),
        (GOOD.replace('"0.01"', "0.01"), "Expected `str`, got `float`"),
        (GOOD.replace("0.01", "abc"), 'tick = "abc" is no figure'),
        (GOOD.replace("0.01", ""), 'tick = "" is no figure'),
        (GOOD.replace("0.01", "-0.01"), 'tick = "-0.01" is no figure'),
        (GOOD.replace("0.01", "1e-2"), 'tick = "1e-2" is no figure'),
        (GOOD.replace("0.01", "0.000000001"), "of at most 8 decimals"),
        (GOOD + 'max_price = "999999999999"', 'max_price = "999999999999" is no figure'),
        (GOOD + 'prevention = "SOME"', "Invalid enum value 'SOME'"),
        (GOOD + 'preventions = ["SOME"]', "Invalid enum value 'SOME'"),
        (GOOD + "average_minutes = -1", "average_minutes"),
        (GOOD + "max_orders = 0", "max_orders"),
        ('[[asset]]\nname = "BTC"\nprecision = 9', "precision"),
        ('[[asset]]\nname = "BTC"\ndemo = "much"', 'demo = "much" is no figure'),
    ],
)
def test_a_bad_file_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "markets.toml"
    path.write_text(text)
    with pytest.raises(Fatal) as refused:
        listing.read(path)
    assert str(refused.value).startswith(f"cannot use the markets file {path}: ")
    assert said in str(refused.value)


def test_what_an_engine_can_hold_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "markets.toml"
    path.write_text(
        GOOD + 'max_notional = "1000000000000"\nmin_price = ""\npreventions = ["NONE", "NONE", "EXPIRE_MAKER"]'
    )
    (market,) = listing.read(path).market
    assert market.filters()["notional"]["max"] == 10**20, "more than 64 bits"
    assert market.filters()["preventions"] == 1 << 1 | 1 << 3, "a mode named twice is allowed once"


def test_a_file_may_have_markets_alone(tmp_path: Path) -> None:
    path = tmp_path / "markets.toml"
    path.write_text(GOOD.partition("\n")[2])
    alone = listing.read(path)
    alone.refuse_unlisted({"BTC", "EUR"})
    with pytest.raises(Fatal, match=r"market BTCEUR needs EUR, which is not listed: add an \[\[asset\]\]"):
        alone.refuse_unlisted({"BTC"})


async def test_nothing_is_listed_of_a_file_that_lacks_an_asset(tmp_path: Path) -> None:
    path = tmp_path / "markets.toml"
    path.write_text(GOOD.replace('quote = "EUR"', 'quote = "USD"'))

    async def run(command: dict[str, object]) -> list[dict[str, object]]:
        raise AssertionError(command)

    with pytest.raises(Fatal, match="needs USD"):
        await listing.apply(listing.read(path), Catalog.of((), ()), run)


async def test_only_what_is_new_is_listed(tmp_path: Path) -> None:
    path, asked = tmp_path / "markets.toml", []
    path.write_text(GOOD)

    async def run(command: dict[str, Any]) -> list[dict[str, Any]]:
        asked.append(command)
        return [{"AssetListed": {"asset": 1}}]

    catalog = Catalog.of((Asset(0, "EUR", 8),), ())
    assert await listing.apply(listing.read(path), catalog, run) == {"BTC"}
    listed, market = asked
    assert listed == {"ListAsset": {"name": "BTC", "precision": 8}}
    assert (market["ListMarket"]["base"], market["ListMarket"]["quote"]) == (1, 0)


async def test_a_refusal_says_of_what(tmp_path: Path) -> None:
    path = tmp_path / "markets.toml"
    path.write_text(GOOD)

    async def run(_: dict[str, object]) -> list[dict[str, object]]:
        raise CommandRefused("BadName", "no")

    with pytest.raises(Fatal, match="cannot list 'BTC': BadName: no"):
        await listing.apply(listing.read(path), Catalog.of((), ()), run)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--port-base", "65535"), "not in the range"),
        (("--port-base", "-5"), "not in the range"),
        (("--proxy", "proxy.local"), "name each proxy by its address"),
        (("--proxy", "10.0.0.0/8"), "name each proxy by its address"),
    ],
)
def test_options_that_would_not_work_are_refused(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(main, ["serve", "--data", str(tmp_path / "data"), *words])
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "data").exists()
