"""Identity over its embedded database, under the master key of this machine."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from agio.adapters.files.master_key import master_key_path, read_master_key
from agio.adapters.sql.databases import IDENTITY
from agio.adapters.sql.engine import is_damage, refuse_damaged, sqlite_engine, usable
from agio.adapters.sql.schema import prepare
from agio.services.identity.sealing import MasterKey
from agio.services.identity.service import IdentityService, Terms
from agio.services.identity.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    from agio.adapters.files.folder import DataFolder
    from agio.services.identity.index import MakeVerifier
    from agio.services.identity.service import Log


WAY_OUT = (
    "Put its newest backup in its place. Without one, users get new accounts and keys, as"
    " docs/runbooks/lost-master-key.md tells."
)


async def open_identity(
    folder: DataFolder, shard: Log, verifier: MakeVerifier, terms: Terms | None = None
) -> IdentityService:
    """Identity in step with the log, ready for use. The first start makes the master key. Raises Fatal."""
    with usable(folder.identity, WAY_OUT):
        service = await asyncio.to_thread(_service, folder, shard, verifier, terms or Terms())
        try:
            await service.sync()
        except BaseException:
            await asyncio.to_thread(service.close)
            raise
    return service


def look(path: Path) -> dict[str, Any]:
    """How many users and keys in use a database has, and what is wrong with it; changes nothing. For `agio doctor`."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            users, keys = (connection.execute(question).fetchone()[0] for question in _COUNTS)
    except sqlite3.Error as error:
        return {"problem": f"{error}. {WAY_OUT}" if is_damage(error) else f"{error}"}
    return {"users": users, "keys": keys, "problem": None if found == "ok" else f"{' '.join(found.split())}. {WAY_OUT}"}


_COUNTS = (
    "SELECT count(*) FROM users WHERE state = 'active'",
    "SELECT count(*) FROM api_keys WHERE state = 'active'",
)


def _service(folder: DataFolder, shard: Log, verifier: MakeVerifier, terms: Terms) -> IdentityService:
    # Keys that exist were sealed by a key that exists: only a folder without any may have a new one.
    key = read_master_key(master_key_path(), folder.root, create=not folder.identity.exists())
    engine = sqlite_engine(folder.identity, durable=True)
    refuse_damaged(engine, WAY_OUT)
    prepare(engine, IDENTITY)
    folder.identity.chmod(0o600)
    return IdentityService(Store(engine), MasterKey(key), shard, verifier, terms)
