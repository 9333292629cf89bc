"""Payloads that are no single event: candles and statistics, in Binance's fields (web-socket-streams.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agio.domain.money import text

if TYPE_CHECKING:
    from agio.domain.history import Candle
    from agio.domain.statistics import DayStatistics, TopOfBook


def in_unit(time: int, micros: bool) -> int:
    """A time in µs as the client wants it."""
    return time if micros else time // 1000


def kline(symbol: str, interval: str, candle: Candle, now: int, *, closed: bool, micros: bool) -> dict[str, Any]:
    """`kline`; `x` tells that the candle is final."""
    return {
        "e": "kline",
        "E": in_unit(now, micros),
        "s": symbol,
        "k": {
            "t": in_unit(candle.opened, micros),
            "T": in_unit(candle.closed, micros),
            "s": symbol,
            "i": interval,
            "f": candle.first_trade,
            "L": candle.last_trade,
            "o": text(candle.open),
            "c": text(candle.close),
            "h": text(candle.high),
            "l": text(candle.low),
            "v": text(candle.volume),
            "n": candle.trades,
            "x": closed,
            "q": text(candle.quote_volume),
            "V": text(candle.taker_buy_volume),
            "Q": text(candle.taker_buy_quote_volume),
            "B": "0",
        },
    }


def mini_ticker(symbol: str, day: DayStatistics, now: int, *, micros: bool) -> dict[str, Any]:
    """`24hrMiniTicker`."""
    return {
        "e": "24hrMiniTicker",
        "E": in_unit(now, micros),
        "s": symbol,
        "c": text(day.last),
        "o": text(day.open),
        "h": text(day.high),
        "l": text(day.low),
        "v": text(day.volume),
        "q": text(day.quote_volume),
    }


def ticker(symbol: str, day: DayStatistics, top: TopOfBook, now: int, *, micros: bool) -> dict[str, Any]:
    """`24hrTicker`."""
    return {
        "e": "24hrTicker",
        "E": in_unit(now, micros),
        "s": symbol,
        "p": text(day.change),
        "P": day.change_percent,
        "w": text(day.weighted_average),
        "x": text(day.previous_close),
        "c": text(day.last),
        "Q": text(day.last_quantity),
        "b": text(top.bid),
        "B": text(top.bid_total),
        "a": text(top.ask),
        "A": text(top.ask_total),
        "o": text(day.open),
        "h": text(day.high),
        "l": text(day.low),
        "v": text(day.volume),
        "q": text(day.quote_volume),
        "O": in_unit(day.opened, micros),
        "C": in_unit(day.closed, micros),
        "F": day.first_trade,
        "L": day.last_trade,
        "n": day.trades,
    }
