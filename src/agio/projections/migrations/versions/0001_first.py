"""The first tables."""

import sqlalchemy as sa
from alembic import op

from agio.projections.schema import Amount, Ascii, ledger

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates them."""
    _positions()
    _orders()
    _trades()
    _aggregates()
    _movements()
    _candles()
    op.execute(ledger)


def downgrade() -> None:
    """Drops them; `agio rebuild` makes them again."""
    op.execute("DROP VIEW postings")
    for name in ("candles", "movements", "aggregates", "trades", "orders", "positions"):
        op.drop_table(name)


def _number(
    name: str, kind: type[sa.types.TypeEngine[int]] = sa.BigInteger, *, optional: bool = False
) -> sa.Column[int]:
    return sa.Column(name, kind, nullable=optional, autoincrement=False)


def _exact(name: str, digits: int) -> sa.Column[int]:
    return sa.Column(name, Amount(digits), nullable=False)


def _create(name: str, key: tuple[str, ...], *columns: sa.Column[int] | sa.Column[str] | sa.Column[bool]) -> None:
    op.create_table(name, *columns, sa.PrimaryKeyConstraint(*key), sqlite_with_rowid=False)


def _positions() -> None:
    _create("positions", ("name",), sa.Column("name", Ascii(32), nullable=False), _number("sequence"), _number("time"))


def _orders() -> None:
    _create(
        "orders",
        ("market", "order_id"),
        _number("market", sa.Integer),
        _number("order_id"),
        _number("account", sa.Integer),
        sa.Column("client_id", Ascii(36), nullable=False),
        _number("side", sa.SmallInteger),
        _number("kind", sa.SmallInteger),
        _number("life", sa.SmallInteger),
        _exact("price", 20),
        _exact("quantity", 20),
        _exact("budget", 39),
        _exact("executed", 20),
        _exact("notional", 39),
        _exact("prevented", 20),
        _number("status", sa.SmallInteger),
        _number("expiry", sa.SmallInteger),
        _number("prevention", sa.SmallInteger),
        _number("prevented_match", optional=True),
        _number("strategy", optional=True),
        _number("strategy_type", sa.Integer, optional=True),
        sa.Column("on_book", sa.Boolean, nullable=False),
        _number("opened"),
        _number("updated"),
    )
    op.create_index("orders_of_account", "orders", ["account", "market", "opened", "order_id", "client_id"])


def _trades() -> None:
    _create(
        "trades",
        ("market", "trade"),
        _number("market", sa.Integer),
        _number("trade"),
        _number("aggregate"),
        _exact("price", 20),
        _exact("quantity", 20),
        _exact("notional", 39),
        _number("buy_order"),
        _number("sell_order"),
        _number("buyer", sa.Integer),
        _number("seller", sa.Integer),
        sa.Column("buyer_is_maker", sa.Boolean, nullable=False),
        _number("time"),
        _exact("buy_commission", 39),
        _number("buy_commission_asset", sa.Integer),
        _exact("sell_commission", 39),
        _number("sell_commission_asset", sa.Integer),
        _number("sequence"),
    )
    op.create_index("trades_of_buyer", "trades", ["buyer", "market", "time", "trade", "buy_order"])
    op.create_index("trades_of_seller", "trades", ["seller", "market", "time", "trade", "sell_order"])


def _aggregates() -> None:
    _create(
        "aggregates",
        ("market", "aggregate"),
        _number("market", sa.Integer),
        _number("aggregate"),
        _exact("price", 20),
        _exact("quantity", 20),
        _number("first_trade"),
        _number("last_trade"),
        sa.Column("buyer_is_maker", sa.Boolean, nullable=False),
        _number("time"),
    )
    op.create_index("aggregates_by_time", "aggregates", ["market", "time", "aggregate"])


def _movements() -> None:
    _create(
        "movements",
        ("sequence", "line"),
        _number("sequence"),
        _number("line", sa.Integer),
        _number("account", sa.Integer),
        _number("asset", sa.Integer),
        _exact("delta", 39),
        _number("cause", sa.SmallInteger),
        _number("time"),
    )


def _candles() -> None:
    _create(
        "candles",
        ("market", "minutes", "opened"),
        _number("market", sa.Integer),
        _number("minutes", sa.Integer),
        _number("opened"),
        *(_exact(name, 20) for name in ("open", "high", "low", "close")),
        _exact("volume", 39),
        _exact("quote_volume", 39),
        _number("trades"),
        _exact("taker_buy_volume", 39),
        _exact("taker_buy_quote_volume", 39),
        _number("first_trade"),
        _number("last_trade"),
    )
