"""Many rows by few statements."""

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.dialects import mysql, postgresql

from agio.projections import schema
from agio.projections.spot.tables import ORDER_CHANGES
from agio.projections.writes import LARGEST, Upsert, _parted
from tests.unit.projections.made import flat, movement, order, trade


@pytest.mark.parametrize("count", [0, 1, 2, 3, 511, 512, 513, 1023, 1500])
def test_parts_hold_every_row_once_in_order(count: int) -> None:
    parts = list(_parted(count))
    assert [row for start, size in parts for row in range(start, start + size)] == list(range(count))
    assert all(size in {1 << n for n in range(LARGEST.bit_length())} for _, size in parts)


def test_what_is_no_rows_is_refused(database: Engine) -> None:
    upsert = Upsert(schema.trades, (), database.dialect)
    with database.begin() as connection, pytest.raises(ValueError, match="18 values are no rows of the 17 columns"):
        upsert(connection, (*trade(1), 1))


def test_an_order_is_brought_up_to_date(database: Engine) -> None:
    upsert = Upsert(schema.orders, ORDER_CHANGES, database.dialect)
    new = [order(n) for n in range(1, 700)]
    changed = [row._replace(executed=5, status=2, on_book=False, account=77) for row in new[:600]]
    with database.begin() as connection:
        upsert(connection, flat(new))
        upsert(connection, flat(changed))
        found = connection.execute(select(schema.orders).order_by(schema.orders.c.order)).all()
    assert [tuple(row) for row in found] == [row._replace(account=1000) for row in changed] + new[600:]


def test_what_never_changes_stays_as_it_is(database: Engine) -> None:
    upsert = Upsert(schema.trades, (), database.dialect)
    with database.begin() as connection:
        upsert(connection, flat([trade(1), trade(2)]))
        upsert(connection, flat([trade(2)._replace(price=1), trade(3)]))
        prices = connection.execute(select(schema.trades.c.price).order_by(schema.trades.c.trade)).scalars().all()
    assert prices == [trade(n).price for n in (1, 2, 3)]


def test_an_amount_beyond_63_bits_is_kept_exactly(database: Engine) -> None:
    upsert = Upsert(schema.movements, (), database.dialect)
    rows = [movement(1, line=line, delta=(-1) ** line * 3 * 2**100) for line in range(8)]
    with database.begin() as connection:
        upsert(connection, flat(rows))
        found = connection.execute(select(schema.movements).order_by(schema.movements.c.line)).all()
        assert connection.execute(select(func.count()).select_from(schema.movements)).scalar() == len(rows)
    assert [tuple(row) for row in found] == rows


def test_mysql_gets_its_own_upsert() -> None:
    dialect = mysql.dialect()
    text = Upsert(schema.orders, ("executed",), dialect)._texts[2]
    assert text.count("%s") == 2 * len(schema.orders.columns)
    assert text.endswith("ON DUPLICATE KEY UPDATE executed = VALUES(executed)")
    assert "ON DUPLICATE KEY UPDATE market = VALUES(market)" in Upsert(schema.trades, (), dialect)._texts[1]


def test_another_database_is_refused() -> None:
    with pytest.raises(ValueError, match="not postgresql"):
        Upsert(schema.orders, (), postgresql.dialect())  # type: ignore[no-untyped-call]
