"""Identity's rows. Blocking; called from one worker thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from agio.ports import KeyRow, User
from agio.services.identity.schema import accounts, api_keys, seals, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from agio.services.identity.sealing import MasterKey

SPOT = "spot"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """One row of `api_keys`, its material sealed."""

    name: str
    account: int
    kind: str
    permissions: tuple[str, ...]
    sealed: bytes = field(repr=False)
    number: int | None
    state: str
    created: int

    @property
    def row(self) -> str:
        """What the seal is bound to."""
        return seal_row(self.name, self.account, self.kind, self.permissions)


def seal_row(name: str, account: int, kind: str, permissions: Sequence[str]) -> str:
    """The row that a seal belongs to, in words."""
    return "|".join((name, str(account), kind, ",".join(permissions)))


PERMISSIONS = ("read", "trade", "withdraw")


class Store:
    """All SQL of identity."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        """Closes the database."""
        self._engine.dispose()

    def verify(self, master: MasterKey) -> None:
        """Remembers the master key's verification at first, and compares it from then on; raises Fatal."""
        with self._engine.begin() as connection:
            stored = connection.execute(select(seals.c.verification)).scalar()
            if stored is None:
                connection.execute(insert(seals).values(seal=1, verification=master.verification()))
            else:
                master.verify(stored)

    def add_user(self, name: str, created: int) -> int | None:
        """A pending user's number, of one that was left pending as well; None when the name is in use."""
        with self._engine.begin() as connection:
            found = connection.execute(select(users).where(users.c.name == name)).first()
            if found is not None:
                return int(found.user_id) if found.state == "pending" else None
            values = {"name": name, "state": "pending", "created": created}
            connection.execute(insert(users).values(values))
            number: int = connection.execute(select(users.c.user_id).where(users.c.name == name)).scalar_one()
            return number

    def open_user(self, user: int, account: int, created: int) -> None:
        """The user has an account in the log."""
        with self._engine.begin() as connection:
            values = {"account": account, "user_id": user, "product": SPOT, "created": created}
            connection.execute(insert(accounts).values(values))
            connection.execute(update(users).where(users.c.user_id == user).values(state="active"))

    def drop_user(self, user: int) -> None:
        """The log refused a pending user."""
        with self._engine.begin() as connection:
            connection.execute(delete(users).where(users.c.user_id == user, users.c.state == "pending"))

    def users(self) -> list[User]:
        """All active users, oldest first."""
        with self._engine.connect() as connection:
            return [User(*row) for row in connection.execute(_USERS.order_by(users.c.user_id))]

    def user(self, name: str) -> User | None:
        """An active user."""
        with self._engine.connect() as connection:
            row = connection.execute(_USERS.where(users.c.name == name)).first()
        return User(*row) if row else None

    def newest_user(self) -> User | None:
        """The active user whose account the log has opened last."""
        with self._engine.connect() as connection:
            row = connection.execute(_USERS.order_by(accounts.c.account.desc()).limit(1)).first()
        return User(*row) if row else None

    def pending_users(self) -> list[tuple[int, str]]:
        """Number and name of users without an account."""
        question = select(users.c.user_id, users.c.name).where(users.c.state == "pending")
        with self._engine.connect() as connection:
            return [(row.user_id, row.name) for row in connection.execute(question.order_by(users.c.user_id))]

    def add_key(self, key: StoredKey) -> None:
        """A new row."""
        flags = {f"can_{permission}": permission in key.permissions for permission in PERMISSIONS}
        values = {
            "name": key.name,
            "account": key.account,
            "kind": key.kind,
            "sealed": key.sealed,
            "number": key.number,
            "state": key.state,
            "created": key.created,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(api_keys).values(values | flags))

    def set_key(self, name: str, **values: Any) -> None:
        """Changes a key's state or number."""
        with self._engine.begin() as connection:
            connection.execute(update(api_keys).where(api_keys.c.name == name).values(**values))

    def drop_key(self, name: str) -> None:
        """Forgets a key that was never usable."""
        with self._engine.begin() as connection:
            connection.execute(delete(api_keys).where(api_keys.c.name == name, api_keys.c.state == "pending"))

    def keys(self, *states: str) -> list[StoredKey]:
        """Keys in these states, oldest first."""
        question = select(api_keys).where(api_keys.c.state.in_(states)).order_by(api_keys.c.created, api_keys.c.name)
        with self._engine.connect() as connection:
            return [_stored_key(row) for row in connection.execute(question)]

    def key_rows(self) -> list[KeyRow]:
        """Usable and revoked keys with their users, oldest first."""
        owners = {user.account: user.user for user in self.users()}
        return [_key_row(key, owners[key.account]) for key in self.keys("active", "revoking", "revoked")]

    def key(self, name: str) -> StoredKey | None:
        """A key in any state."""
        with self._engine.connect() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.name == name)).first()
        return _stored_key(row) if row else None


_USERS = select(users.c.user_id, users.c.name, accounts.c.account, users.c.created).join_from(users, accounts)


def _stored_key(row: Any) -> StoredKey:
    permissions = tuple(name for name in PERMISSIONS if getattr(row, f"can_{name}"))
    return StoredKey(row.name, row.account, row.kind, permissions, row.sealed, row.number, row.state, row.created)


def _key_row(key: StoredKey, user: int) -> KeyRow:
    revoked = key.state != "active"
    return KeyRow(key.name, user, key.account, key.kind, key.permissions, key.created, revoked)
