"""Users and keys: in step with the log whatever is cut off, secrets sealed, and nothing told to the wrong person."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from agio.adapters.files.folder import DataFolder, prepare
from agio.adapters.files.master_key import master_key_path
from agio.adapters.sql import schema as sql
from agio.adapters.sql.databases import IDENTITY
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.identity import open_identity
from agio.domain.errors import ApiError, CommandRefused, Fatal
from agio.services.identity.service import IdentityService

LOST = ApiError(-1007, "outcome unknown", 408)


class Log:
    """A shard's commands, and what it makes of them. `breaks` is raised instead of, or after, the next command."""

    def __init__(self) -> None:
        self.accounts: list[dict[str, Any]] = []
        self.keys: dict[int, dict[str, Any]] = {}
        self.owners: dict[int, int] = {}
        self.revoked: set[int] = set()
        self.before: Exception | None = None
        self.after: Exception | None = None
        self.silent: Exception | None = None

    def now(self) -> int:
        return 77

    async def live_keys(self) -> dict[int, int]:
        if self.silent:
            raise self.silent
        return {number: account for number, account in self.owners.items() if number not in self.revoked}

    async def has_account(self, account: int) -> bool:
        return account in range(1000, 1000 + len(self.accounts))

    async def command(self, command: dict[str, Any]) -> list[dict[str, Any]]:
        if self.before:
            raise self.before
        [(kind, fields)] = command.items()
        events = getattr(self, kind)(**fields)
        if self.after:
            raise self.after
        return [{"Unrelated": {}}, *events]

    def OpenAccount(self, **fields: Any) -> list[dict[str, Any]]:  # noqa: N802
        assert set(fields) == {"rights", "maker", "taker", "limits"}
        self.accounts.append(fields)
        return [{"AccountChanged": {"account": 999 + len(self.accounts)}}]

    def AddKey(self, account: int, permissions: dict[str, bool]) -> list[dict[str, Any]]:  # noqa: N802
        assert account in range(1000, 1000 + len(self.accounts))
        number = len(self.keys) + 1
        self.keys[number] = permissions
        self.owners[number] = account
        return [{"KeyAdded": {"key": number}}]

    def RevokeKey(self, key: int) -> list[dict[str, Any]]:  # noqa: N802
        if key not in self.keys or key in self.revoked:
            raise CommandRefused("UnknownKey", "no such key")
        self.revoked.add(key)
        return [{"KeyRevoked": {"key": key}}]


Open = Callable[[], Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.delenv("AGIO_MASTER_KEY_FILE", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return prepare(tmp_path / "data")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
async def start(folder: DataFolder, log: Log) -> AsyncIterator[Open]:
    """Opens identity anew, as a start of the process does; the one before may have been cut off."""
    opened: list[IdentityService] = []

    async def again() -> IdentityService:
        opened.append(await open_identity(folder, log, lambda kind, material: (kind, material)))
        return opened[-1]

    yield again
    for service in opened:
        service.close()


def pem(key: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def test_a_user_gets_an_account_and_a_key(start: Open, log: Log) -> None:
    identity = await start()
    alice = await identity.add_user("alice")
    assert (alice.name, alice.account, alice.created) == ("alice", 1000, 77)
    new = await identity.add_key("alice", "hmac", None, ["trade", "read"])
    assert re.fullmatch(r"[A-Za-z0-9]{64}", new.api_key)
    assert re.fullmatch(r"[A-Za-z0-9]{64}", new.secret)
    key = identity.key(new.api_key)
    assert (key.account, key.key, key.kind, key.can_read, key.can_trade, key.can_withdraw) == (
        1000,
        1,
        "hmac",
        True,
        True,
        False,
    )
    assert key.verifier == ("hmac", new.secret.encode())
    assert identity.key(new.api_key) is key
    assert log.keys == {1: {"read": True, "trade": True, "withdraw": False}}
    assert identity.key(new.api_key[:-1]) is None


async def test_all_is_there_after_a_restart(start: Open, log: Log) -> None:
    before = await start()
    await before.add_user("alice")
    await before.add_user("bob")
    mine = await before.add_key("bob", "hmac", None, ["read"])
    theirs = await before.add_key("alice", "hmac", None, ["read"])
    await before.revoke_key(theirs.api_key)
    after = await start()
    assert await after.users() == await before.users()
    assert [user.name for user in await after.users()] == ["alice", "bob"]
    rows = {row.api_key: row for row in await after.keys()}
    assert (rows[mine.api_key].revoked, rows[theirs.api_key].revoked) == (False, True)
    assert rows[mine.api_key].permissions == ("read",)
    assert after.key(mine.api_key).verifier == ("hmac", mine.secret.encode())
    assert after.key(theirs.api_key) is None
    assert len(log.accounts) == 2


async def test_clients_keep_their_private_keys(start: Open) -> None:
    identity = await start()
    await identity.add_user("alice")
    private = ed25519.Ed25519PrivateKey.generate()
    new = await identity.add_key("alice", "ed25519", pem(private), ["read"])
    assert new.secret is None
    raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert identity.key(new.api_key).verifier == ("ed25519", raw)
    large = rsa.generate_private_key(65537, 2048)
    der = large.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    other = await identity.add_key("alice", "rsa", pem(large), ["read"])
    assert identity.key(other.api_key).verifier == ("rsa", der)


SMALL = pem(rsa.generate_private_key(65537, 1024))
ED = pem(ed25519.Ed25519PrivateKey.generate())


@pytest.mark.parametrize(
    ("user", "kind", "public", "permissions", "reason"),
    [
        ("nobody", "hmac", None, ["read"], "UnknownUser"),
        ("alice", "hmac", None, [], "BadPermission"),
        ("alice", "hmac", None, ["read", "fly"], "BadPermission"),
        ("alice", "dsa", None, ["read"], "BadKey"),
        ("alice", "hmac", ED, ["read"], "BadKey"),
        ("alice", "ed25519", None, ["read"], "BadKey"),
        ("alice", "ed25519", "not PEM", ["read"], "BadKey"),
        ("alice", "rsa", ED, ["read"], "BadKey"),
        ("alice", "rsa", SMALL, ["read"], "BadKey"),
    ],
)
async def test_a_key_is_refused(
    start: Open, log: Log, user: str, kind: str, public: str | None, permissions: list[str], reason: str
) -> None:
    identity = await start()
    await identity.add_user("alice")
    with pytest.raises(CommandRefused) as refused:
        await identity.add_key(user, kind, public, permissions)
    assert refused.value.reason == reason
    assert not log.keys
    assert await identity.keys() == []


async def test_a_user_is_refused(start: Open, log: Log) -> None:
    identity = await start()
    await identity.add_user("alice")
    for name, reason in (
        ("alice", "NameTaken"),
        ("", "BadName"),
        ("a b", "BadName"),
        ("1000", "BadName"),
        ("x" * 65, "BadName"),
    ):
        with pytest.raises(CommandRefused) as refused:
            await identity.add_user(name)
        assert refused.value.reason == reason
    assert len(log.accounts) == 1


async def test_revoked_at_once(start: Open, log: Log) -> None:
    identity = await start()
    await identity.add_user("alice")
    new = await identity.add_key("alice", "hmac", None, ["trade"])
    assert identity.key(new.api_key) is not None
    await identity.revoke_key(new.api_key)
    assert identity.key(new.api_key) is None
    assert log.revoked == {1}
    with pytest.raises(CommandRefused) as refused:
        await identity.revoke_key(new.api_key)
    assert refused.value.reason == "UnknownKey"


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_user_that_was_cut_off_is_finished_at_the_next_start(start: Open, log: Log, when: str) -> None:
    identity = await start()
    setattr(log, when, LOST)
    with pytest.raises(ApiError):
        await identity.add_user("alice")
    assert await identity.users() == []
    setattr(log, when, None)
    [alice] = await (await start()).users()
    assert alice.name == "alice"
    assert alice.account == 999 + len(log.accounts)


async def test_a_user_that_was_cut_off_can_be_asked_for_again(start: Open, log: Log) -> None:
    identity = await start()
    log.before = LOST
    with pytest.raises(ApiError):
        await identity.add_user("alice")
    log.before = None
    assert (await identity.add_user("alice")).account == 1000
    assert len(await identity.users()) == 1


@pytest.mark.parametrize("lost", ["a user's account", "a revocation", "the keys"])
async def test_a_start_that_the_log_does_not_answer_says_so(start: Open, log: Log, lost: str) -> None:
    """With words rather than a code; and without having revoked a key that nobody told of."""
    identity = await start()
    await identity.add_user("alice")
    new = await identity.add_key("alice", "hmac", None, ["trade"])
    if lost == "the keys":
        log.silent = LOST
    else:
        log.before = LOST
        with pytest.raises(ApiError):
            await (identity.add_user("bob") if lost == "a user's account" else identity.revoke_key(new.api_key))
    with pytest.raises(Fatal) as refused:
        await start()
    assert re.search(r"the log, which said: outcome unknown \(-1007\)\..*start again.*agio doctor", str(refused.value))
    log.silent = log.before = None
    after = await start()
    assert (after.key(new.api_key) is None) == (lost == "a revocation")
    assert len(await after.users()) == (2 if lost == "a user's account" else 1)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_key_that_was_cut_off_is_forgotten(start: Open, log: Log, when: str) -> None:
    identity = await start()
    await identity.add_user("alice")
    setattr(log, when, LOST)
    with pytest.raises(ApiError):
        await identity.add_key("alice", "hmac", None, ["trade"])
    setattr(log, when, None)
    assert await (await start()).keys() == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_revocation_that_was_cut_off_is_finished(start: Open, log: Log, when: str) -> None:
    identity = await start()
    await identity.add_user("alice")
    new = await identity.add_key("alice", "hmac", None, ["trade"])
    setattr(log, when, LOST)
    with pytest.raises(ApiError):
        await identity.revoke_key(new.api_key)
    assert identity.key(new.api_key) is None
    setattr(log, when, None)
    after = await start()
    assert log.revoked == {1}
    assert after.key(new.api_key) is None
    assert [row.revoked for row in await after.keys()] == [True]


@pytest.mark.parametrize(
    "refusal", [ApiError(-1008, "the disk is nearly full", 503), CommandRefused("Halted", "the shard has halted")]
)
async def test_a_log_that_takes_only_cancels_is_served(
    start: Open, log: Log, refusal: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Whose users and revocations cannot be finished now: the others must be able to cancel."""
    identity = await start()
    await identity.add_user("alice")
    kept, gone = [(await identity.add_key("alice", "hmac", None, ["trade"])).api_key for _ in range(2)]
    log.before = LOST
    with pytest.raises(ApiError):
        await identity.add_user("bob")
    log.before = refusal
    with pytest.raises(type(refusal)):
        await identity.revoke_key(gone)
    after = await start()
    assert (after.key(kept) is None, after.key(gone) is None) == (False, True)
    assert [line.split(" was begun")[0] for line in caplog.messages] == [
        "user 'bob'",
        f"the revocation of the key {gone[:8]}…",
    ]
    log.before = None
    later = await start()
    assert (later.key(gone), log.revoked) == (None, {2})


async def test_a_refusal_of_the_log_leaves_nothing(start: Open, log: Log) -> None:
    identity = await start()
    log.before = CommandRefused("Halted", "the shard has halted")
    with pytest.raises(CommandRefused):
        await identity.add_user("alice")
    log.before = None
    await identity.add_user("alice")
    log.before = CommandRefused("Halted", "the shard has halted")
    with pytest.raises(CommandRefused):
        await identity.add_key("alice", "hmac", None, ["read"])
    assert await identity.keys() == []


async def test_keys_of_a_restored_backup_that_the_log_revoked_are_dropped(start: Open, log: Log) -> None:
    """One that it revoked since, one that it never had, and one whose number it gave to another account."""
    identity = await start()
    await identity.add_user("alice")
    kept, *gone = [(await identity.add_key("alice", "hmac", None, ["read"])).api_key for _ in range(4)]
    log.revoked.add(2)
    del log.owners[3]
    log.owners[4] = 1001
    for _ in range(2):
        fresh = await start()
        assert fresh.key(kept) is not None
        assert [fresh.key(name) for name in gone] == [None] * 3
        assert {row.api_key for row in await fresh.keys() if row.revoked} == set(gone)


async def test_two_at_once_are_done_one_after_the_other(start: Open, log: Log) -> None:
    identity = await start()
    found = await asyncio.gather(*(identity.add_user("alice") for _ in range(5)), return_exceptions=True)
    assert [type(one) is CommandRefused for one in found].count(True) == 4
    assert len(log.accounts) == 1


# --- secrets ---


async def test_no_secret_lies_in_the_folder(start: Open, folder: DataFolder) -> None:
    identity = await start()
    await identity.add_user("alice")
    new = await identity.add_key("alice", "hmac", None, ["read"])
    written = b"".join(path.read_bytes() for path in folder.root.rglob("*") if path.is_file())
    assert new.api_key.encode() in written
    assert new.secret.encode() not in written
    master = bytes.fromhex(master_key_path().read_text())
    assert master not in written
    assert master.hex().encode() not in written


async def test_no_secret_is_shown(start: Open) -> None:
    identity = await start()
    await identity.add_user("alice")
    new = await identity.add_key("alice", "hmac", None, ["read"])
    shown = repr(identity._index._sealed) + repr(identity._master) + repr(await identity.keys())
    assert new.secret not in shown
    assert "sealed" not in shown


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_keys SET can_withdraw = 1",
        "UPDATE api_keys SET kind = 'ed25519'",
        "UPDATE api_keys SET account = 1001",
        "UPDATE api_keys SET sealed = zeroblob(90)",
        "UPDATE api_keys SET sealed = zeroblob(3)",
        "UPDATE api_keys SET sealed = (SELECT sealed FROM api_keys ORDER BY name LIMIT 1),"
        " name = name WHERE name = (SELECT max(name) FROM api_keys)",
    ],
)
async def test_a_row_that_was_changed_is_of_no_use(
    start: Open, folder: DataFolder, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    identity = await start()
    await identity.add_user("alice")
    await identity.add_user("mallory")
    new = max([await identity.add_key("alice", "hmac", None, ["read"]) for _ in range(2)])
    with sqlite3.connect(folder.identity) as connection:
        connection.execute(change)
    connection.close()
    after = await start()
    assert after.key(new.api_key) is None
    assert ("is revoked" if "account" in change else "does not open") in caplog.text
    assert new.secret not in caplog.text


async def test_another_master_key_is_known_at_start(start: Open) -> None:
    await start()
    master_key_path().write_text("ab" * 32)
    with pytest.raises(Fatal, match="not the one that the API keys of this data folder were sealed with"):
        await start()


async def test_a_missing_master_key_is_not_replaced(start: Open) -> None:
    await start()
    master_key_path().unlink()
    with pytest.raises(Fatal, match=r"is missing.*Put it back"):
        await start()
    assert not master_key_path().exists()


# --- tables ---


def test_created_equals_migrated(tmp_path: Path) -> None:
    made = []
    for name, make in (("created", sql.prepare), ("migrated", sql.migrate)):
        engine = sqlite_engine(tmp_path / f"{name}.db", durable=True)
        make(engine, IDENTITY)
        with engine.connect() as connection:
            listed = text(
                "SELECT sql FROM sqlite_master WHERE tbl_name != 'alembic_version' AND sql IS NOT NULL ORDER BY 1"
            )
            made.append(connection.execute(listed).scalars().all())
            stamp = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            assert stamp == IDENTITY.revision
        engine.dispose()
    assert made[0] == made[1]
    assert len(made[0]) > 4


def test_importing_does_not_load_cryptography() -> None:
    code = "import sys, agio.adapters.sql.identity; print([n for n in ('alembic', 'cryptography') if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"
