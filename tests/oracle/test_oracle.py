"""The engine does what the model says, command by command."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.oracle import model
from tests.oracle.oracle import Oracle

SEEDS, COMMANDS = range(10), 600
LONG_SEEDS, LONG_COMMANDS = range(1000, 2000), 2000

REFUSALS = {
    "OutsideWindow", "AheadOfTime", "KeyRefused", "UnknownMarket", "UnknownAccount", "MarketClosed", "TradingDisabled",
    "TooManyOrdersTenSeconds", "TooManyOrdersDay", "BadCombination", "ZeroOrder", "PreventionNotAllowed", "PriceFilter",
    "LotSize", "MarketLotSize", "Notional", "MinNotional", "MaxOrders", "DuplicateOrder", "InsufficientBalance",
    "WouldTake", "LiquidityBelowLot", "LiquidityBelowMarketLot",
}  # fmt: skip
ENDS = {
    "Trade Filled Limit None", "Trade Filled Market None", "Trade PartiallyFilled Limit None",
    "Expired Expired Limit UnfilledIoc", "Expired Expired Limit UnfilledFok", "Expired Expired Market Liquidity",
    "TradePrevention ExpiredInMatch Limit None", "TradePrevention ExpiredInMatch Market None",
    "TradePrevention New Limit None", "Canceled Canceled Limit None", "Canceled Canceled LimitMaker None",
}  # fmt: skip


def differences(seed: int, commands: int, folder: Path, seen: Counter[str]) -> list[str]:
    oracle = Oracle(seed, folder)
    try:
        return [f"seed {seed}: {difference}" for difference in oracle.run(commands)]
    finally:
        oracle.engine.stop()
        shutil.rmtree(folder)
        seen.update(oracle.seen)


def test_engine_and_model_are_of_one_mind(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    assert not [each for seed in SEEDS for each in differences(seed, COMMANDS, tmp_path / str(seed), seen)]
    assert not sorted({f"Place: {reason}" for reason in REFUSALS} - seen.keys()), "refusals that were not met"
    assert not sorted(ENDS - seen.keys()), "ends that no order came to"


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_engine_and_model_are_of_one_mind_for_long(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    found = (differences(seed, LONG_COMMANDS, tmp_path / str(seed), seen) for seed in LONG_SEEDS)
    assert not [each for some in found for each in some]


@pytest.mark.parametrize("rule", ["order counts", "commission", "preventions"])
def test_a_difference_is_found(rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = model.Exchange
    wrong = {
        "order counts": ("count_fill", lambda *_, **__: None),
        "commission": ("charge", lambda *_, **__: 0),
        "preventions": ("prevent", lambda *_: None),
    }
    monkeypatch.setattr(exchange, *wrong[rule])
    assert any(differences(seed, COMMANDS, tmp_path / str(seed), Counter()) for seed in SEEDS)
