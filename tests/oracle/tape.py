"""What streams tell, against the model: user data event by event, public streams as they come and as they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.oracle.oracle import depth, differs
from tests.oracle.seen import DEEPEST, ms, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.oracle.ledger import Outcome
    from tests.oracle.seen import Row, Seen
    from tests.oracle.venue import Venue

STREAMS = ("trade", "aggTrade", "bookTicker", "miniTicker", "ticker", "depth@100ms", "depth", "depth5@100ms")
WATCHED = ("1m", "5m", "1h", "1d", "1w")
"""Candles that are listened to."""


class Tape:
    """Of all users and markets."""

    def __init__(self, venue: Venue, seen: Seen) -> None:
        self.venue, self.seen = venue, seen
        self.users: list[int] = []
        self.forget()

    def forget(self) -> None:
        """All connections are gone."""
        self.deposits: list[tuple[int, Row]] = []
        self.books: dict[str, dict[str, dict[str, str]]] = {}
        self.updates: dict[str, int] = {}
        self.tops: dict[str, Row] = {}
        self.last: dict[str, Row] = {}
        self.closed: set[tuple[str, int]] = set()
        self.traded: set[int] = set()
        """Markets in which something was traded since."""
        self.fresh: dict[str, list[Row]] = {}

    async def listen(self, markets: int) -> None:
        """To everything; books begin with a snapshot."""
        names = [f"m{n}@{name}" for n in range(markets) for name in (*STREAMS, *(f"kline_{each}" for each in WATCHED))]
        await self.venue.listen(names)
        for n in range(markets):
            book = (await self.venue.rest("GET", "/api/v3/depth", symbol=f"M{n}", limit=5000)).said
            for speed in ("depth", "depth@100ms"):
                self.books[f"m{n}@{speed}"] = {"b": dict(book["bids"]), "a": dict(book["asks"])}
                self.updates[f"m{n}@{speed}"] = book["lastUpdateId"]
        self.venue.user_data.clear()
        self.deposits.clear()

    def moved(self, account: int, asset: int, amount: int) -> None:
        """Money has come or gone."""
        now = ms(self.seen.exchange.now)
        event = {"e": "balanceUpdate", "E": now, "a": self.seen.asset(asset), "d": text(amount), "T": now}
        self.deposits.append((account, event))

    # --- as it happens

    def told(self, outcomes: list[Outcome]) -> Iterator[str]:
        """Of one burst."""
        said = self.venue.user_data[:]
        self.venue.user_data.clear()
        for number, account in enumerate(self.seen.exchange.accounts.keys() - set(range(1000))):
            events = [each["event"] for each in said if each["subscriptionId"] == number]
            yield from self.user(account, outcomes, events)
        self.deposits.clear()
        messages = self.venue.streams.taken()
        yield from self.trades(outcomes, messages)
        for message in messages:
            yield from self.take(message["stream"], message["data"])

    def user(self, account: int, outcomes: list[Outcome], events: list[Row]) -> Iterator[str]:
        """One user's, in order; balances as they are behind it all."""
        reports = [each for each in events if each["e"] == "executionReport"]
        yield from rows("report", [row for each in outcomes for row in self.seen.user_data(each, account)], reports)
        moved = [event for whose, event in self.deposits if whose == account]
        yield from rows("balanceUpdate", moved, [each for each in events if each["e"] == "balanceUpdate"])
        told: dict[str, tuple[str, str]] = {}
        for each in events:
            if each["e"] == "outboundAccountPosition":
                told |= {row["a"]: (row["f"], row["l"]) for row in each["B"]}
                yield from differs("time of balances", each["E"], each["u"])
                self.seen.told_at[account] = each["u"]
        balances = self.seen.exchange.balances()
        changed = {asset for outcome in outcomes for whose, asset in outcome.balances if whose == account}
        names = {self.seen.asset(n): balances.get((account, n), (0, 0)) for n in range(len(self.seen.exchange.assets))}
        model = {name: tuple(map(text, names[name])) for name in told | {self.seen.asset(n): None for n in changed}}
        yield from differs(f"balances of {account}", model, told)

    def trades(self, outcomes: list[Outcome], messages: list[Row]) -> Iterator[str]:
        """Public trades, each and by taker and price."""
        for n in range(len(self.seen.exchange.markets)):
            fresh = [each for outcome in outcomes for each in outcome.trades if each["market"] == n]
            self.traded |= {n} if fresh else set()
            common = {"s": f"M{n}", "M": True}
            model = [
                common | {
                    "e": "trade", "E": ms(each["time"]), "t": each["trade"], "p": text(each["price"]),
                    "q": text(each["quantity"]), "T": ms(each["time"]), "m": each["buyer_is_maker"],
                }
                for each in fresh
            ]  # fmt: skip
            yield from rows("trade", model, [each["data"] for each in messages if each["stream"] == f"m{n}@trade"])
            numbers = {each["aggregate"] for each in fresh}
            model = [
                common | row | {"e": "aggTrade", "E": ms(row["T"]), "T": ms(row["T"])}
                for row in self.seen.aggregates(n)
                if row["a"] in numbers
            ]
            told = [each["data"] for each in messages if each["stream"] == f"m{n}@aggTrade"]
            yield from rows("aggTrade", model, told)

    def take(self, stream: str, data: Row) -> Iterator[str]:
        """Keeps what adds up."""
        if stream in self.books:
            yield from differs(f"{stream} goes on", self.updates[stream] + 1, data["U"])
            self.updates[stream] = data["u"]
            for side, book in self.books[stream].items():
                book |= dict(data[side])
                self.books[stream][side] = {price: n for price, n in book.items() if n != text(0)}
        elif "@kline" in stream:
            candle = data["k"]
            if candle["x"]:
                yield from differs(f"{stream} closes again", False, (stream, candle["t"]) in self.closed)
                self.closed.add((stream, candle["t"]))
                self.fresh.setdefault(stream, []).append(candle)
            self.last[stream] = candle
        else:
            self.last[stream] = data

    # --- at intervals

    def beaten(self) -> Iterator[str]:
        """Behind a beat of everything."""
        for message in self.venue.streams.taken():
            yield from self.take(message["stream"], message["data"])
        now = self.seen.exchange.now
        for n, market in enumerate(self.seen.exchange.markets):
            sides = [{text(price): text(min(total, DEEPEST)) for price, total in side} for side in depth(market)]
            for speed in ("depth", "depth@100ms"):
                yield from differs(f"m{n}@{speed}", dict(zip("ba", sides, strict=True)), self.books[f"m{n}@{speed}"])
                yield from differs(f"m{n}@{speed} update", market.updates, self.updates[f"m{n}@{speed}"])
            partial = [[[price, total] for price, total in side.items()][:5] for side in sides]
            model = {"lastUpdateId": market.updates, "bids": partial[0], "asks": partial[1]}
            told = self.last[f"m{n}@depth5@100ms"]
            if {**told, "lastUpdateId": 0} != {**model, "lastUpdateId": 0}:
                yield from differs(f"m{n}@depth5", model, told)
            yield from self.top(n, sides)
            yield from self.candles(n, now)
            yield from self.tickers(n)

    def top(self, n: int, sides: list[dict[str, str]]) -> Iterator[str]:
        told = self.last.get(f"m{n}@bookTicker")
        if told:
            (b, bq), (a, aq) = (next(iter(side.items())) if side else (text(0), text(0)) for side in sides)
            best = {name: told[name] for name in "bBaA"}
            yield from differs(f"m{n}@bookTicker", {"b": b, "B": bq, "a": a, "A": aq}, best)

    def candles(self, n: int, now: int) -> Iterator[str]:
        """Each that is over was told once, as it is; the last word on the one under way is what it is."""
        for name in WATCHED:
            stream = f"m{n}@kline_{name}"
            yield from differs(f"{stream} has told something", True, stream in self.last or n not in self.traded)
            if told := self.last.get(stream):
                row = self.candle(n, name, told)
                yield from differs(f"{stream} last", kline(n, name, row, closed=row["closed"] < now), told)
                yield from differs(f"{stream} silent", False, row["closed"] < now and self.grew(n, row["closed"] + 1))
            over = self.fresh.pop(stream, [])
            rows = self.seen.candles(n, name, [told["t"] * 1000 for told in over])
            for row, told in zip(rows, over, strict=True):
                yield from differs(f"{stream} closed", kline(n, name, row, closed=True), told)
                yield from differs(f"{stream} is over", True, told["T"] < ms(now) + 1)

    def candle(self, n: int, name: str, told: Row) -> Row:
        """The model's, of the same time."""
        (row,) = self.seen.candles(n, name, [told["t"] * 1000])
        return row

    def grew(self, n: int, opened: int) -> bool:
        """Whether something was traded since."""
        return any(trade["time"] >= opened for trade in self.seen.trades[n])

    def tickers(self, n: int) -> Iterator[str]:
        day = self.seen.day(n)
        if (mini := self.last.get(f"m{n}@miniTicker")) and mini["E"] == ms(self.seen.exchange.now):
            model = {
                "e": "24hrMiniTicker", "E": mini["E"], "s": f"M{n}", "c": text(day["close"]), "o": text(day["open"]),
                "h": text(day["high"]), "l": text(day["low"]), "v": text(day["volume"]), "q": text(day["quote"]),
            }  # fmt: skip
            yield from differs(f"m{n}@miniTicker", model, mini)
        if (full := self.last.get(f"m{n}@ticker")) and full["E"] == ms(self.seen.exchange.now):
            model = {
                "p": text(day["change"]), "P": day["percent"], "w": text(day["average"]), "x": text(day["previous"]),
                "c": text(day["close"]), "Q": text(day["last_quantity"]), "F": day["first"], "L": day["last"],
                "n": day["count"], "o": text(day["open"]), "O": ms(day["opened"]), "C": ms(day["closed"]),
            }  # fmt: skip
            yield from differs(f"m{n}@ticker", model, {name: full[name] for name in model})


def kline(n: int, name: str, row: Row, *, closed: bool) -> Row:
    """A candle as the stream has it."""
    return {
        "t": ms(row["opened"]), "T": ms(row["closed"]), "s": f"M{n}", "i": name, "f": row["first"], "L": row["last"],
        "o": text(row["open"]), "c": text(row["close"]), "h": text(row["high"]), "l": text(row["low"]),
        "v": text(row["volume"]), "n": row["count"], "x": closed, "q": text(row["quote"]), "V": text(row["taker"]),
        "Q": text(row["taker_quote"]), "B": "0",
    }  # fmt: skip


def rows(what: str, model: list[Any], real: list[Any]) -> Iterator[str]:
    """Two lists, row by row."""
    yield from differs(f"number of {what}s", len(model), len(real))
    for one, other in zip(model, real, strict=False):
        for words in differs(what, one, other):
            yield f"{words}, in {other}"
