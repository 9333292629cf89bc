"""The Rust half of agio: handles to a shard and pure functions on request and reply bytes.

Money crosses as integers of 10^-8, times as microseconds since 1970, ids as integers. Imported by `agio.shard`
(handles), `agio.gateway.codec` and `agio.streams.codec` (pure functions), and nowhere else.
"""

from collections.abc import Iterator
from typing import Any, TypeAlias, final

from agio.domain.errors import ApiError as _ApiError

ApiError = _ApiError
"""A request refused before it reached the log."""

class ShardError(Exception):
    """The shard cannot start or go on: the text says where, what and what to do."""

@final
class Verifier:
    """Checks signatures of one API key, in constant time."""

    @staticmethod
    def hmac(secret: bytes) -> Verifier: ...
    @staticmethod
    def ed25519(public_key: bytes) -> Verifier:
        """`public_key`: the 32 raw bytes."""
    @staticmethod
    def rsa(public_key: bytes) -> Verifier:
        """`public_key`: PKCS#1 DER of 2048 to 4096 bits."""

@final
class Values:
    """A request's parameters, parsed by a `Schema`: absent ones are `None`."""

    def tuple(self) -> tuple[Any, ...]:
        """All values in the schema's order: decimals and times are int, enums and texts str, lists list[str]."""
    def get(self, name: str) -> Any: ...

@final
class Schema:
    """One operation's parameters. `description` is JSON, see rust/edge/src/schema.rs."""

    def __init__(self, description: bytes) -> None: ...
    def parse(self, query: bytes, body: bytes) -> Values:
        """Raises ApiError."""
    def authorize(self, query: bytes, body: bytes, verifier: Verifier, now: int) -> Values:
        """Parses, and checks timestamp, recvWindow and signature against `now` (µs). Raises ApiError."""
    def parse_pairs(self, params: dict[str, Any]) -> Values:
        """The WebSocket API's form: JSON values as msgspec decodes them."""
    def authorize_pairs(self, params: dict[str, Any], verifier: Verifier, now: int) -> Values: ...
    def authorize_session(self, params: dict[str, Any], now: int) -> Values:
        """In a session that has logged on: checks timestamp and recvWindow, needs no signature."""

def error_body(code: int, message: str) -> bytes:
    """`{"code":…,"msg":…}`."""

def used(head: bytes, weight: int, orders_10s: int, orders_1d: int) -> bytes:
    """`head` and the header lines that tell the minute's weight and, unless -1, the order counts."""

# --- events, as the streams see them; `json(micros)` is the payload in Binance's form ---

@final
class Trade:
    market: int
    id: int
    aggregate: int
    price: int
    quantity: int
    notional: int
    buyer_is_maker: bool
    time: int
    def json(self, micros: bool) -> bytes: ...

@final
class Aggregate:
    market: int
    id: int
    def json(self, micros: bool) -> bytes: ...

@final
class Level:
    market: int
    update: int
    is_bid: bool
    price: int
    total: int
    time: int

@final
class Top:
    market: int
    update: int
    bid: int
    bid_total: int
    ask: int
    ask_total: int
    time: int
    def json(self) -> bytes: ...

@final
class UserEvent:
    """executionReport, outboundAccountPosition or balanceUpdate of a watched account."""

    account: int
    def json(self, micros: bool) -> bytes: ...

@final
class CatalogChanged:
    """An asset or a market is new or has changed: read `Shard.catalog()` again."""

@final
class Minute:
    """What the trades of a batch add up to in one market, within one minute of the log's time."""

    market: int
    opened: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    trades: int
    taker_buy_volume: int
    taker_buy_quote_volume: int
    first_trade: int
    last_trade: int
    last_quantity: int

@final
class Standing:
    """The best prices of a market as a batch leaves them."""

    market: int
    update: int
    bid: int
    bid_total: int
    ask: int
    ask_total: int

Event: TypeAlias = Trade | Aggregate | Level | Top | UserEvent | CatalogChanged | Minute | Standing

def depth_update(
    market_symbol: str,
    first: int,
    last: int,
    bids: list[tuple[int, int]],
    asks: list[tuple[int, int]],
    time: int,
    micros: bool,
) -> bytes:
    """A `depthUpdate` payload; levels as (price, total)."""

@final
class Rows:
    """What one batch of commands means for SQL: see `agio.projections.rows.Rows`."""

    first: int
    last: int
    time: int
    def __len__(self) -> int: ...
    def values(self, table: str) -> tuple[Any, ...]:
        """All rows of orders, trades, aggregates, movements or minutes, behind one another. KeyError for another."""

def opening(folder: str) -> tuple[int, int]:
    """Bytes read of a log that another thread is opening, and all there are to read; zeros when none is."""

@final
class Shard:
    """One log and one engine, with their threads.

    Opening takes the folder's lock, verifies and recovers the log, and replays what SQL has not seen (`projected`).
    """

    def __init__(
        self,
        folder: str,
        *,
        projected: int,
        durability: str = "fdatasync",
        segment_bytes: int = 67108864,
        confirm_jumps: bool = False,
        least_free_bytes: int = 268435456,
        manual_time: int | None = None,
    ) -> None:
        """Raises ShardError. `durability`: memory, page-cache or fdatasync.

        `manual_time`: the log's clock stands there (µs) until `set_time` moves it, for recorded data.
        """
    def fileno(self) -> int:
        """An eventfd: readable when `drain` has something."""
    def drain(self) -> tuple[list[Event], list[tuple[int, int, bytes, int, int]]]:
        """Durable events in the log's order, as far as somebody wants them; minutes and standings; and replies.

        A reply is (token, HTTP status, body, orders in 10 s, orders in a day); -1 when the request does not count.
        """
    def now(self) -> int:
        """The log's clock."""
    def set_time(self, micros: int) -> None:
        """Moves a manual clock forward; commands under way live 10 s of it, so let them be answered first.

        Raises ValueError when the clock is not manual or `micros` lies behind.
        """
    def state(self) -> str:
        """running, cancels-only (disk nearly full), halted (a violated invariant: cancels only), stopping or failed."""
    def overloaded(self) -> bool:
        """Whether new commands are refused (-1008) because `rows` are too far behind."""
    def failure(self) -> str | None:
        """Why the state is failed or halted."""
    def notes(self) -> list[str]:
        """What recovery had to say: a torn tail, snapshots passed over."""
    def jump(self) -> int | None:
        """By how many µs the wall clock has jumped away from the log's, while that waits for `confirm_jump`."""
    def confirm_jump(self) -> None:
        """Follows the wall clock after a jump."""
    def applied(self) -> int:
        """The last sequence applied: a read point."""
    def stop(self) -> None:
        """Takes nothing new, answers what is in the log, writes a snapshot, frees the folder. Releases the GIL."""
    def catalog(self) -> bytes:
        """Assets and markets as JSON: what `agio.domain.markets` has classes for."""
    def metrics(self) -> dict[str, int]: ...
    def watch(self, account: int) -> None:
        """Makes `drain` yield the account's UserEvents."""
    def unwatch(self, account: int) -> None: ...
    def want(self, kind: type, market: int) -> None:
        """Makes `drain` yield the market's events of this class: Trade, Aggregate, Level or Top, else ValueError."""
    def unwant(self, kind: type, market: int) -> None: ...
    def rouse(self) -> None:
        """Wakes the engine for the requests made since the last call; without it they may wait."""

    # Every call below is answered through `drain` under its token, when durable up to what it reveals.
    # They raise ApiError when the request itself is refused (-1121, -1008, …).
    def place(self, token: int, values: Values, account: int, key: int, micros: bool) -> None: ...
    def test_order(self, token: int, values: Values, account: int, key: int, micros: bool) -> None: ...
    def cancel(self, token: int, values: Values, account: int, key: int, micros: bool) -> None: ...
    def cancel_all(self, token: int, values: Values, account: int, key: int, micros: bool) -> None: ...
    def order(self, token: int, values: Values, account: int, micros: bool) -> None:
        """Open and recently finished orders; status 0 and an empty body when neither: ask history."""
    def open_orders(self, token: int, values: Values, account: int, micros: bool) -> None: ...
    def account(self, token: int, account: int, omit_zero: bool, micros: bool) -> None: ...
    def depth(self, token: int, symbol: str, limit: int) -> None: ...
    def average_price(self, token: int, symbol: str, micros: bool) -> None: ...
    def order_counts(self, token: int, account: int) -> None: ...
    def position(self, token: int) -> None:
        """For operators: sequence, time, halted and the hash of all state, as JSON. Costs a walk over all state."""
    def live_keys(self, token: int) -> None:
        """Number and account of every key that is not revoked, oldest first: `[[1,1000],…]`."""
    def command(self, token: int, command: bytes) -> None:
        """An administrative command as JSON (`{"Deposit":{…}}`).

        The reply's body is its events as JSON, with status 200 or, when it was refused, 400.
        """

    def batch(self, token: int, commands: bytes) -> None:
        """Many commands in one call, with the GIL released: up to 16,384, in the log's layout, one behind the other.

        One answer for all of them, when the last is durable; its body has a result of 24 bytes for each. See
        `agio.shard.batch`, which packs and unpacks. All are taken or none. Raises ValueError for what are no commands.
        """

    # For the projector's own thread.
    def rows(self, timeout_ms: int) -> Rows | None:
        """Waits for durable rows with the GIL released; None on time-out or stop."""

@final
class Replay(Iterator[Rows]):
    """The rows of every command from a sequence on, out of a stopped or live folder."""

    def __next__(self) -> Rows: ...
    def progress(self) -> tuple[int, int]:
        """Bytes read, of all there are to read."""

@final
class Inspect(Iterator[bytes]):
    """Each record as JSON: sequence, time, lane, number, command, events."""

    def __next__(self) -> bytes: ...

def replay(folder: str, first: int) -> Replay: ...
def inspect(folder: str, first: int) -> Inspect: ...
def verify(folder: str) -> bytes:
    """Checks every frame, record and snapshot, replays all from the beginning and compares the snapshots' states.

    JSON: log, segments, frames, records, snapshots, last, torn, hash, damage.
    """

def doctor(folder: str) -> bytes:
    """What lies in a log's folder, as JSON."""

def layouts() -> bytes:
    """Command and event layouts, as JSON."""

def simulate(
    seed: int,
    *,
    lives: int = 0,
    requests: int = 0,
    accounts: int = 0,
    without: list[str] = [],
    shrink: bool = False,
) -> bytes:
    """One run of the simulator, as JSON; with `shrink` the smallest that finds the same. 0: the usual number.

    Raises ValueError for an unknown kind of trouble. Releases the GIL.
    """

def simulated() -> bytes:
    """Kinds of trouble, and the places where a simulated process can die, as JSON."""
