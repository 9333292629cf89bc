"""The tables that are made from events, for SQLite and MySQL or MariaDB alike.

Columns stand in the order of `agio.domain.history` and bear its names as keys; a test holds the two together. Indices
serve the questions of `agio.ports.History`, nothing else: each costs time on every order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    CompoundSelect,
    Index,
    Integer,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    literal_column,
    null,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateView
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from agio.domain.history import PostingRow

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

REVISION = "0002"
"""The newest revision in `migrations/`: what a fresh database is stamped with."""

SIGNED_64 = 1 << 63


class _Bare(UserDefinedType[Any]):
    """SQLite's column without affinity: it keeps an integer an integer and a text a text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"


class Amount(TypeDecorator[int]):
    """An exact integer of up to `digits` decimal digits, never a float.

    MySQL has DECIMAL for it. SQLite's integers end at 63 bits, so a larger one is kept there as decimal text, in a
    column without affinity (with one, SQLite would make it a float). Nothing sorts or sums amounts in SQL.
    """

    impl = Numeric
    cache_ok = True

    def __init__(self, digits: int = 39) -> None:
        super().__init__(digits, 0)
        self.digits = digits

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in this database."""
        return _Bare() if dialect.name == "sqlite" else Numeric(self.digits, 0)

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | str | None:
        """On the way in."""
        return stored(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """On the way out: an int, a text or a Decimal."""
        return None if value is None else int(value)


class Ascii(TypeDecorator[str]):
    """Printable ASCII, compared byte by byte: MySQL's default collation would take `a` for `A`."""

    impl = String
    cache_ok = True

    def __init__(self, length: int) -> None:
        super().__init__(length)
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The column's type in this database."""
        if dialect.name not in ("mysql", "mariadb"):
            return String(self.length)
        from sqlalchemy.dialects.mysql import VARCHAR  # only for those databases: it is not cheap

        return VARCHAR(self.length, charset="ascii", collation="ascii_bin")


def stored(value: Any) -> Any:
    """A value as SQLite takes it: an integer beyond 63 bits as decimal text."""
    return str(value) if type(value) is int and not -SIGNED_64 <= value < SIGNED_64 else value


def _small(name: str, *, optional: bool = False) -> Column[int]:
    return Column(name, Integer, nullable=optional, autoincrement=False)


def _large(name: str, *, key: str | None = None, optional: bool = False) -> Column[int]:
    return Column(name, BigInteger, key=key or name, nullable=optional, autoincrement=False)


def _code(name: str) -> Column[int]:
    return Column(name, SmallInteger, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _units(name: str) -> Column[int]:
    """Prices and quantities: unsigned 64 bits."""
    return Column(name, Amount(20), nullable=False)


def _amount(name: str) -> Column[int]:
    """Amounts: 128 bits, signed or not."""
    return Column(name, Amount(39), nullable=False)


metadata = MetaData()


def _table(name: str, *columns: Any) -> Table:
    # Rows lie in the order of the primary key, in SQLite as in InnoDB: one tree to write instead of two.
    return Table(name, metadata, *columns, sqlite_with_rowid=False)


positions = _table(
    "positions",
    Column("name", Ascii(32), primary_key=True),
    _large("sequence"),
    _large("time"),
)
"""Up to which command of its log a projection is made. Written in the same transaction as the rows."""

orders = _table(
    "orders",
    _small("market"),
    _large("order_id", key="order"),
    _small("account"),
    Column("client_id", Ascii(36), nullable=False),
    _code("side"),
    _code("kind"),
    _code("life"),
    _units("price"),
    _units("quantity"),
    _amount("budget"),
    _units("executed"),
    _amount("notional"),
    _units("prevented"),
    _code("status"),
    _code("expiry"),
    _code("prevention"),
    _large("prevented_match", optional=True),
    _large("strategy", optional=True),
    _small("strategy_type", optional=True),
    _flag("on_book"),
    _large("opened"),
    _large("updated"),
    PrimaryKeyConstraint("market", "order"),
)
# Ids and times grow together, so one index serves both ranges. The client id rides along to be searched newest first:
# an index of its own would touch a random page per order, which doubles the cost of every order written.
Index("orders_of_account", orders.c.account, orders.c.market, orders.c.opened, orders.c.order, orders.c.client_id)

trades = _table(
    "trades",
    _small("market"),
    _large("trade"),
    _large("aggregate"),
    _units("price"),
    _units("quantity"),
    _amount("notional"),
    _large("buy_order"),
    _large("sell_order"),
    _small("buyer"),
    _small("seller"),
    _flag("buyer_is_maker"),
    _large("time"),
    _amount("buy_commission"),
    _small("buy_commission_asset"),
    _amount("sell_commission"),
    _small("sell_commission_asset"),
    _large("sequence"),
    PrimaryKeyConstraint("market", "trade"),
)
# The order's number rides along: the trades of an order are found between its first and last moment.
Index("trades_of_buyer", trades.c.buyer, trades.c.market, trades.c.time, trades.c.trade, trades.c.buy_order)
Index("trades_of_seller", trades.c.seller, trades.c.market, trades.c.time, trades.c.trade, trades.c.sell_order)

aggregates = _table(
    "aggregates",
    _small("market"),
    _large("aggregate"),
    _units("price"),
    _units("quantity"),
    _large("first_trade", key="first"),
    _large("last_trade", key="last"),
    _flag("buyer_is_maker"),
    _large("time"),
    PrimaryKeyConstraint("market", "aggregate"),
)
Index("aggregates_by_time", aggregates.c.market, aggregates.c.time, aggregates.c.aggregate)

movements = _table(
    "movements",
    _large("sequence"),
    _small("line"),
    _small("account"),
    _small("asset"),
    _amount("delta"),
    _code("cause"),
    _large("time"),
    PrimaryKeyConstraint("sequence", "line"),
)
"""Money that no trade moved: deposits and withdrawals."""

candles = _table(
    "candles",
    _small("market"),
    _small("minutes"),
    _large("opened"),
    _units("open"),
    _units("high"),
    _units("low"),
    _units("close"),
    _amount("volume"),
    _amount("quote_volume"),
    _large("trades"),
    _amount("taker_buy_volume"),
    _amount("taker_buy_quote_volume"),
    _large("first_trade"),
    _large("last_trade"),
    PrimaryKeyConstraint("market", "minutes", "opened"),
)
"""Candles of a minute, an hour and a day (`minutes` is 1, 60 or 1440): every other interval is folded from these."""


class _Negated(FunctionElement[int]):
    """An amount with the other sign, exact: SQLite would make a float of a text."""

    type = Amount(39)
    inherit_cache = True


@compiles(_Negated)
def _negated(element: Any, compiler: Any, **options: Any) -> str:
    return f"-{compiler.process(element.clauses, **options)}"


@compiles(_Negated, "sqlite")
def _negated_in_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    amount = compiler.process(element.clauses, **options)
    return f"CASE typeof({amount}) WHEN 'text' THEN '-' || {amount} ELSE -{amount} END"


FEES = 1
"""The venue's own account that earns commissions (rust/engine/src/units.rs)."""
TRADE, COMMISSION = 1, 2
"""Causes, as the engine numbers them."""


def _ledger() -> CompoundSelect[Any]:
    """Movements, and what trades moved: their rows say all of it, so its lines are not stored, six to eight a trade.

    What somebody buys or sells for is the asset that his commission is taken from.
    """
    c, m = trades.c, movements.c
    base, quote = c.buy_commission_asset, c.sell_commission_asset
    lines: tuple[tuple[Any, Any, Any, int, Any], ...] = (
        (c.buyer, quote, _Negated(c.notional), TRADE, c.notional),
        (c.seller, base, _Negated(c.quantity), TRADE, c.quantity),
        (c.buyer, base, c.quantity, TRADE, c.quantity),
        (c.buyer, base, _Negated(c.buy_commission), COMMISSION, c.buy_commission),
        (literal_column(str(FEES)), base, c.buy_commission, COMMISSION, c.buy_commission),
        (c.seller, quote, c.notional, TRADE, c.notional),
        (c.seller, quote, _Negated(c.sell_commission), COMMISSION, c.sell_commission),
        (literal_column(str(FEES)), quote, c.sell_commission, COMMISSION, c.sell_commission),
    )
    nothing = null()
    moved = (m.sequence, m.line, m.account, m.asset, m.delta, m.cause, nothing, nothing, m.time)
    traded = (
        ((c.sequence, _number(line), account, asset, delta, _number(cause), c.market, c.trade, c.time), amount)
        for line, (account, asset, delta, cause, amount) in enumerate(lines)
    )
    return union_all(
        select(*_named(moved)), *(select(*_named(columns)).where(amount != _number(0)) for columns, amount in traded)
    )


def _number(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer())


def _named(columns: tuple[Any, ...]) -> list[ColumnElement[Any]]:
    return [column.label(name) for name, column in zip(PostingRow._fields, columns, strict=True)]


ledger = CreateView(_ledger(), "postings", metadata=metadata)
postings = ledger.table
"""The ledger: every change of a balance, a view. Per asset it sums to zero."""
