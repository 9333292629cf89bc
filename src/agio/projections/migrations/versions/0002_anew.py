"""History is made anew from the log: its candles of an hour and of a day were as many as those of a minute."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forgets everything, and the position with it: the next start reads the log from its beginning."""
    for name in ("positions", "candles", "movements", "aggregates", "trades", "orders"):
        op.execute(sa.delete(sa.table(name)))


def downgrade() -> None:
    """The tables are the same."""
