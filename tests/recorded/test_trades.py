"""Recorded trades, each made by a maker and a taker of the house: what agio tells of them is what was recorded."""

from pathlib import Path

import msgspec
import pytest

from agio import _core
from agio.domain.history import AggregateRow
from agio.domain.money import text, units
from tests.recorded.house import House, events_of, history, house
from tests.recorded.tapes import Aggregate, Capture, aggregates, minutes

STEP = units("1")
"""XRPETH's lot."""


def parts(aggregate: Aggregate) -> list[str]:
    """What each of the aggregate's makers had: equal but for the last, which had the rest."""
    whole, count = units(aggregate.quantity), aggregate.trades
    each = whole // count // STEP * STEP
    return [text(each)] * (count - 1) + [text(whole - each * (count - 1))]


def trade(venue: House, price: str, quantities: list[str], whole: str, buyer_is_maker: bool) -> None:
    """One taker against the makers."""
    maker, taker = ("BUY", "SELL") if buyer_is_maker else ("SELL", "BUY")
    for quantity in quantities:
        venue.make(maker, price, quantity)
    venue.take(taker, price, whole)


def as_recorded(row: AggregateRow, first: AggregateRow, recorded_first: Aggregate) -> Aggregate:
    """One of ours in the tape's form; our numbers begin elsewhere and run on alike."""
    return Aggregate(
        row.aggregate - first.aggregate + recorded_first.id,
        text(row.price),
        text(row.quantity),
        row.first - first.first + recorded_first.first,
        row.last - first.first + recorded_first.first,
        row.time // 1000,
        bool(row.buyer_is_maker),
    )


@pytest.mark.timeout(100)
async def test_aggregates_and_candles_are_the_recorded_ones(recorded: Path, tmp_path: Path) -> None:
    tape = aggregates(recorded)
    wanted = list(minutes(recorded))
    async with house(tmp_path, tape[0].time * 1000) as venue, history(tmp_path, venue.shard) as sql:
        await venue.open_market("XRPETH", "XRP", "ETH", tick="0.00000001", step="1")
        for one in tape:
            venue.shard.set_time(one.time * 1000)
            trade(venue, one.price, parts(one), one.quantity, one.buyer_is_maker)
            await venue.settle()
        await sql.reached(venue.shard.applied())
        told = await sql.aggregates(venue.market, from_id=0, start=None, end=None, limit=len(tape) + 1)
        candles = await sql.candles(
            venue.market, "1m", start=wanted[0][0], end=wanted[-1][0], limit=2_000, offset_minutes=0
        )

    assert [as_recorded(row, told[0], tape[0]) for row in told] == tape
    ours = {c.opened: (c.opened, c.open, c.high, c.low, c.close, c.volume) for c in candles if c.trades}
    equal = [minute for minute in wanted if ours.get(minute[0]) == minute]
    assert (len(equal), len(wanted), len(ours)) == (1022, 1022, 1022)


@pytest.mark.timeout(100)
async def test_trade_payloads_are_the_recorded_ones(recorded: Path, tmp_path: Path) -> None:
    """BTCUSDT, every trade of the capture, byte for byte but for its number's start and the time of sending."""
    tape = Capture.read(recorded).trades
    async with house(tmp_path, tape[0]["T"] * 1000) as venue:
        await venue.open_market("BTCUSDT", "BTC", "USDT", tick="0.01", step="0.00001")
        trades = events_of(venue, _core.Trade)
        for one in tape:
            venue.shard.set_time(one["T"] * 1000)
            trade(venue, one["p"], [one["q"]], one["q"], one["m"])
            await venue.settle()

    shift = tape[0]["t"] - trades[0].id
    for ours, theirs in zip(trades, tape, strict=True):
        payload = msgspec.json.decode(ours.json(False))
        assert payload == {**theirs, "t": theirs["t"] - shift, "E": theirs["T"]}
        assert list(payload) == list(theirs), "the fields' order"
