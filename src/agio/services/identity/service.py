"""`agio.ports.IdentityAdmin`: users and keys, in SQL and in the log.

What is to be done is written to SQL first, then commanded, then noted as done, so that `sync` can finish after a crash
whatever was begun. A secret that was never shown belongs to nobody: its key is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from agio.domain.errors import ApiError, CommandRefused, Fatal
from agio.ports import KeyRow, NewKey, User
from agio.services.identity import public_keys
from agio.services.identity.index import KeyIndex
from agio.services.identity.store import PERMISSIONS, Store, StoredKey, seal_row

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from agio.domain.keys import ApiKey
    from agio.services.identity.index import MakeVerifier
    from agio.services.identity.sealing import MasterKey

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

LETTERS = string.ascii_letters + string.digits
LENGTH = 64
"""Of key names and secrets, as Binance's."""
NAME = re.compile(r"(?!\d+$)[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""Not digits alone: operators name an account by its user or by its number."""
KINDS = ("hmac", "ed25519", "rsa")
NOT_TAKEN = -1008
"""The log takes only cancels now, for its disk is nearly full: nothing has been done."""


class Log(Protocol):
    """What identity needs of a shard."""

    def now(self) -> int:
        """The log's time, µs."""
        ...

    async def command(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        """As `agio.ports.ShardPort.command`."""
        ...

    async def live_keys(self) -> Mapping[int, int]:
        """The account of every key that the log knows and has not revoked."""
        ...

    async def has_account(self, account: int) -> bool:
        """Whether the log has opened it."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """What a new account may do and pays; rates are 10^-8 of what is received."""

    maker: int = 100_000
    taker: int = 100_000

    def command(self) -> dict[str, Any]:
        """The command that opens an account on these terms."""
        rights = {"trade": True, "withdraw": True, "deposit": True}
        limits = {"ten_seconds": 0, "day": 0, "open": 0}
        return {"OpenAccount": {"rights": rights, "maker": self.maker, "taker": self.taker, "limits": limits}}


class IdentityService:
    """Users and keys; belongs to one event loop. `key` answers from memory, all else asks SQL in a worker thread."""

    def __init__(self, store: Store, master: MasterKey, shard: Log, verifier: MakeVerifier, terms: Terms) -> None:
        self._store = store
        self._command = shard.command
        self._clock = shard.now
        self._live_keys = shard.live_keys
        self._has_account = shard.has_account
        self._master = master
        self._index = KeyIndex(master, verifier)
        self._terms = terms
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="agio-identity")
        self._turn = asyncio.Lock()

    @property
    def master(self) -> MasterKey:
        """Seals what else in the data folder is secret."""
        return self._master

    def close(self) -> None:
        """Ends the worker and closes the database. Blocks until it is done."""
        self._pool.shutdown()
        self._store.close()

    async def _sql(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._pool, partial(call, *args, **kwargs))

    def key(self, api_key: str) -> ApiKey | None:
        """A usable key, by the name that clients send."""
        return self._index.key(api_key)

    async def sync(self) -> None:
        """Finishes what a crash cut off, and loads the usable keys. Call it once, before anything else.

        What a log that has halted, or whose disk is nearly full, does not take is left for a later start.
        Keys that the log has revoked, or does not know as this account's, are revoked here as well: those of a
        backup that was restored. Raises Fatal when the master key is another, when the log does not answer, or when it
        lacks users that are here: it is older, and would give their accounts' numbers to others.
        """
        async with self._turn:
            await self._sql(self._store.verify, self._master)
            try:
                await self._finish()
            except ApiError as error:
                raise Fatal(
                    f"users and keys could not be compared with the log, which said: {error}. Nothing is lost, and what"
                    " was begun is finished by the next start: start again. If it stays so, the lines before this one"
                    " say why, and `agio doctor` looks at the disk and the log."
                ) from error

    async def _finish(self) -> None:
        newest = await self._sql(self._store.newest_user)
        if newest is not None and not await self._has_account(newest.account):
            raise Fatal(
                f"user {newest.name!r} has account {newest.account}, and the log has no such account: the log is older"
                " than identity.db, or another's. Restore the log that belongs to it; or, if this older log is meant,"
                " an identity.db of the same time."
            )
        for user, name in await self._sql(self._store.pending_users):
            await self._finish_one(f"user {name!r}", self._open(user))
        for key in await self._sql(self._store.keys, "pending"):
            await self._sql(self._store.drop_key, key.name)
        for key in await self._sql(self._store.keys, "revoking"):
            await self._finish_one(f"the revocation of the key {key.name[:8]}…", self._revoke(key))
        await self._load(await self._live_keys())

    async def _finish_one(self, what: str, rest: Awaitable[object]) -> None:
        """What is begun is of use to nobody, so that a log that takes only cancels can be served without it."""
        try:
            await rest
        except (ApiError, CommandRefused) as error:
            if isinstance(error, ApiError) and error.code != NOT_TAKEN:
                raise
            log.warning("%s was begun and cannot be finished, for the log said: %s", what, error)

    async def _load(self, live: Mapping[int, int]) -> None:
        known = await self._sql(self._store.keys, "active", "revoking")
        if unknown := len(live.keys() - {key.number for key in known}):
            log.warning(
                "keys of the log that are nobody's here: %d. If identity.db is an old one, users and keys that were"
                " added since have to be added again",
                unknown,
            )
        keys = [key for key in known if key.state == "active"]
        for key in keys:
            if key.number is not None and live.get(key.number) == key.account:
                self._index.add(key)
            else:
                log.warning("the key %s… is in use here, but not in the log: it is revoked", key.name[:8])
                await self._sql(self._store.set_key, key.name, state="revoked")
        if keys:
            await self._sql(self._master.prepare)  # here rather than in the first request

    async def add_user(self, name: str) -> User:
        """A user with one spot account; refused as NameTaken or BadName."""
        if not NAME.fullmatch(name):
            raise CommandRefused(
                "BadName", "a user's name has up to 64 letters, digits and . _ @ + -, not digits alone"
            )
        async with self._turn:
            created = self._clock()
            user = await self._sql(self._store.add_user, name, created)
            if user is None:
                raise CommandRefused("NameTaken", f"there is a user {name!r} already")
            return User(user, name, await self._open(user), created)

    async def _open(self, user: int) -> int:
        """Opens a pending user's account. When the outcome is unknown the user stays pending, for `sync`."""
        try:
            events = await self._command(self._terms.command())
        except CommandRefused:
            await self._sql(self._store.drop_user, user)
            raise
        account: int = _one(events, "AccountChanged")["account"]
        await self._sql(self._store.open_user, user, account, self._clock())
        return account

    async def users(self) -> list[User]:
        """All users, oldest first."""
        return await self._sql(self._store.users)

    async def add_key(self, user: str, kind: str, public_key: str | None, permissions: Sequence[str]) -> NewKey:
        """A key for the user of that name; refused as UnknownUser, BadKey or BadPermission."""
        granted = _granted(permissions)
        async with self._turn:
            owner = await self._sql(self._store.user, user)
            if owner is None:
                raise CommandRefused("UnknownUser", f"there is no user {user!r}")
            secret = _random() if kind == "hmac" else None
            material = await self._sql(_material, kind, secret, public_key)
            key = await self._sql(self._pending, owner.account, kind, material, granted)
            await self._register(key)
            return NewKey(key.name, secret)

    def _pending(self, account: int, kind: str, material: bytes, granted: tuple[str, ...]) -> StoredKey:
        name = _random()
        sealed = self._master.seal(material, seal_row(name, account, kind, granted))
        key = StoredKey(name, account, kind, granted, sealed, None, "pending", self._clock())
        self._store.add_key(key)
        return key

    async def _register(self, key: StoredKey) -> None:
        rights = {name: name in key.permissions for name in PERMISSIONS}
        try:
            events = await self._command({"AddKey": {"account": key.account, "permissions": rights}})
        except CommandRefused:
            await self._sql(self._store.drop_key, key.name)
            raise
        number: int = _one(events, "KeyAdded")["key"]
        await self._sql(self._store.set_key, key.name, number=number, state="active")
        self._index.add(replace(key, number=number, state="active"))

    async def secrets_of(self, user: str) -> list[NewKey]:
        """The hmac keys in use of a user, with their secrets: for `agio dev`, which shows its demo users' every time.

        No row of the operation table leads here.
        """
        owner = await self._sql(self._store.user, user)
        keys = await self._sql(self._store.keys, "active") if owner else []
        mine = [key for key in keys if owner and key.account == owner.account and key.kind == "hmac"]
        return [NewKey(key.name, self._master.open(key.sealed, key.row).decode()) for key in mine]

    async def keys(self) -> list[KeyRow]:
        """All keys, oldest first, revoked ones as well."""
        return await self._sql(self._store.key_rows)

    async def revoke_key(self, api_key: str) -> None:
        """Nothing after it trades; refused as UnknownKey."""
        async with self._turn:
            found = await self._sql(self._store.key, api_key)
            if found is None or found.state not in ("active", "revoking"):
                raise CommandRefused("UnknownKey", "there is no such key in use")
            await self._sql(self._store.set_key, api_key, state="revoking")
            self._index.remove(api_key)
            await self._revoke(found)

    async def _revoke(self, key: StoredKey) -> None:
        try:
            await self._command({"RevokeKey": {"key": key.number}})
        except CommandRefused as refused:
            if refused.reason != "UnknownKey":  # the log has revoked it already
                raise
        await self._sql(self._store.set_key, key.name, state="revoked")


def _granted(permissions: Sequence[str]) -> tuple[str, ...]:
    if not permissions or not set(permissions) <= set(PERMISSIONS):
        raise CommandRefused("BadPermission", f"permissions are one or more of {', '.join(PERMISSIONS)}")
    return tuple(name for name in PERMISSIONS if name in permissions)


def _material(kind: str, secret: str | None, public_key: str | None) -> bytes:
    """What the verifier is made of. Raises CommandRefused as BadKey."""
    if kind not in KINDS:
        raise CommandRefused("BadKey", f"a key is of kind {', '.join(KINDS)}, not {kind!r}")
    if secret is not None:
        if public_key is not None:
            raise CommandRefused("BadKey", "an hmac key has no public key")
        return secret.encode()
    if public_key is None:
        raise CommandRefused("BadKey", f"a key of kind {kind} needs a public key")
    return public_keys.raw(kind, public_key)


def _random() -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))


def _one(events: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(event[kind] for event in events if kind in event)
    return found
