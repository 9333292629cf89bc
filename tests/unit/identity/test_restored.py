"""Users and keys from a backup, beside a log that is older, newer or gone; and databases that are damaged."""

import logging
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from agio.adapters.files.folder import DataFolder, prepare
from agio.adapters.sql import engine
from agio.adapters.sql.identity import look, open_identity
from agio.domain.errors import Fatal
from agio.services.identity.service import IdentityService
from tests.unit.identity.test_identity import Log


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataFolder:
    monkeypatch.setenv("AGIO_MASTER_KEY_FILE", str(tmp_path / "master.key"))
    return prepare(tmp_path / "data")


async def begin(folder: DataFolder, log: Log) -> IdentityService:
    return await open_identity(folder, log, lambda kind, material: (kind, material))


async def test_a_copy_of_the_one_file_is_a_backup_while_it_is_in_use(folder: DataFolder, tmp_path: Path) -> None:
    log = Log()
    identity = await begin(folder, log)
    for name in ("alice", "bob"):
        await identity.add_user(name)
        await identity.add_key(name, "hmac", None, ["read"])
        restored = prepare(tmp_path / name)
        shutil.copy(folder.identity, restored.identity)
    identity.close()
    assert look(tmp_path / "bob" / "identity.db") == {"users": 2, "keys": 2, "problem": None}
    again = await begin(restored, log)
    assert [user.name for user in await again.users()] == ["alice", "bob"]
    again.close()


async def test_users_that_the_log_lacks_are_refused(folder: DataFolder) -> None:
    """An older log would give their accounts' numbers to the next users."""
    log = Log()
    identity = await begin(folder, log)
    await identity.add_user("alice")
    await identity.add_user("bob")
    identity.close()
    newest = log.accounts.pop()
    with pytest.raises(Fatal, match=r"user 'bob' has account 1001, and the log has no such account: the log is older"):
        await begin(folder, log)
    log.accounts.append(newest)
    (await begin(folder, log)).close()


async def test_keys_that_are_nobodys_are_told(folder: DataFolder, caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    identity = await begin(folder, log)
    await identity.add_user("alice")
    backup = folder.identity.read_bytes()
    await identity.add_key("alice", "hmac", None, ["read"])
    identity.close()
    with caplog.at_level(logging.WARNING):
        (await begin(folder, log)).close()
        assert not caplog.messages
        folder.identity.write_bytes(backup)
        (await begin(folder, log)).close()
    assert "keys of the log that are nobody's here: 1" in caplog.text


@pytest.mark.parametrize("damage", ["all of it", "a page"])
async def test_a_damaged_database_is_told_with_the_way_out(folder: DataFolder, damage: str) -> None:
    (await begin(folder, Log())).close()
    content = bytearray(folder.identity.read_bytes())
    content[0 if damage == "all of it" else 3 * 4096 : 4 * 4096] = b"\xff" * (
        4096 * (4 if damage == "all of it" else 1)
    )
    folder.identity.write_bytes(content)
    with pytest.raises(Fatal, match=r"identity\.db .*Put its newest backup in its place"):
        await begin(folder, Log())
    assert "Put its newest backup" in look(folder.identity)["problem"]
    assert folder.identity.read_bytes() == content, "what is left is evidence"


async def test_a_database_that_cannot_be_opened_is_told(folder: DataFolder) -> None:
    (await begin(folder, Log())).close()
    folder.identity.unlink()
    folder.identity.mkdir()
    with pytest.raises(Fatal, match=r"cannot be used: unable to open.*permissions"):
        await begin(folder, Log())


async def test_a_database_that_another_process_uses_is_told(
    folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await begin(folder, Log())).close()
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    with closing(sqlite3.connect(folder.identity)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(Fatal, match=r"database is locked\. Another process uses it: `fuser`"):
            await begin(folder, Log())


@pytest.mark.parametrize("name", ["who?", "a%41b", "a#b", "a:b@c", "a b"])
def test_a_database_lies_where_it_was_asked_for(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    made = engine.sqlite_engine(tmp_path / name / "x.db", durable=True)
    with made.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE x (y)")
    made.dispose()
    assert (tmp_path / name / "x.db").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
