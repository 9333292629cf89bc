"""Users and their API keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from agio.gateway.admin.act import Act, Words, change, question, telling
from agio.gateway.row import Call, Venue, result

if TYPE_CHECKING:
    from agio.ports import KeyRow, NewKey, Reply, User


class AddUser(Act):
    """A new user, who gets one spot account."""

    name: Words


class AddKey(Act):
    """A new key of a user, by name."""

    user: Words
    permissions: list[Literal["read", "trade", "withdraw"]]
    kind: Literal["hmac", "ed25519", "rsa"] = "hmac"
    public_key: str | None = None
    """PEM; of ed25519 and rsa keys."""


class RevokeKey(Act):
    """A key that must not work any more."""

    api_key: Words


class UserOut(Struct):
    """A user and the number of the account."""

    user: int
    name: str
    account: int
    created: int


class KeyOut(Struct):
    """A key, without its secret."""

    api_key: str
    user: int
    account: int
    kind: str
    permissions: tuple[str, ...]
    created: int
    revoked: bool


class NewKeyOut(Struct):
    """A key just made; `secret` is told this once."""

    api_key: str
    secret: str | None


async def add_user(venue: Venue, call: Call) -> Reply:
    """Adds a user."""
    with telling():
        return result(_user(await venue.admin.add_user(call.values.name)))


async def users(venue: Venue, _: Call) -> Reply:
    """All users."""
    return result([_user(user) for user in await venue.admin.users()])


async def add_key(venue: Venue, call: Call) -> Reply:
    """Adds a key."""
    asked: AddKey = call.values
    with telling():
        made: NewKey = await venue.admin.add_key(asked.user, asked.kind, asked.public_key, asked.permissions)
    return result(NewKeyOut(*made))


async def keys(venue: Venue, _: Call) -> Reply:
    """All keys."""
    rows: list[KeyRow] = await venue.admin.keys()
    return result([KeyOut(*row) for row in rows])


async def revoke_key(venue: Venue, call: Call) -> Reply:
    """Revokes a key, and ends the user data that it has subscribed to."""
    with telling():
        try:
            await venue.admin.revoke_key(call.values.api_key)
        finally:  # also when the log has not answered: it is finished by the next start
            venue.feeds.revoked(call.values.api_key)
    return result({})


def _user(user: User) -> UserOut:
    return UserOut(*user)


ROWS = (
    question("users", "users", "All users.", users, list[UserOut]),
    change("users.add", "users", "Adds a user with one spot account.", add_user, AddUser, UserOut),
    question("keys", "keys", "All keys, without secrets.", keys, list[KeyOut]),
    change("keys.add", "keys", "Adds a key; its secret is told this once.", add_key, AddKey, NewKeyOut),
    change("keys.revoke", "keys/revoke", "Revokes a key: nothing after it trades.", revoke_key, RevokeKey, dict),
)
