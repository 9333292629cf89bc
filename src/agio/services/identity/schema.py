"""The tables of identity. No secret is in them in clear."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

REVISION = "0001"
"""The newest revision in `migrations/`: what a fresh database is stamped with."""

metadata = MetaData()

seals = Table(
    "seals",
    metadata,
    Column("seal", SmallInteger, primary_key=True, autoincrement=False),
    Column("verification", LargeBinary(32), nullable=False),
)
"""One row: by which the right master key is known."""

users = Table(
    "users",
    metadata,
    Column("user_id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""`state`: pending until the user has an account in the log, then active."""

accounts = Table(
    "accounts",
    metadata,
    Column("account", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", ForeignKey("users.user_id"), nullable=False, index=True),
    Column("product", String(16), nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""`account` is the engine's number."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("account", ForeignKey("accounts.account"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("can_read", Boolean, nullable=False),
    Column("can_trade", Boolean, nullable=False),
    Column("can_withdraw", Boolean, nullable=False),
    Column("sealed", LargeBinary(1024), nullable=False),
    Column("number", BigInteger, nullable=True),
    Column("state", String(16), nullable=False),
    Column("created", BigInteger, nullable=False),
)
"""`name` is what clients send, `number` the engine's. `state`: pending, active, revoking or revoked."""
