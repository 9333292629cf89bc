"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates them."""
    op.create_table(
        "seals",
        sa.Column("seal", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("verification", sa.LargeBinary(32), nullable=False),
    )
    op.create_table(
        "users",
        sa.Column("user_id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.user_id"), nullable=False, index=True),
        sa.Column("product", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("account", sa.BigInteger, sa.ForeignKey("accounts.account"), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("can_read", sa.Boolean, nullable=False),
        sa.Column("can_trade", sa.Boolean, nullable=False),
        sa.Column("can_withdraw", sa.Boolean, nullable=False),
        sa.Column("sealed", sa.LargeBinary(1024), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refused: what is in these tables is nowhere else."""
    raise RuntimeError("identity is not made from the log: restore a backup instead of going back")
