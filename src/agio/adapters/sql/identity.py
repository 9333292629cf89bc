"""Identity over its embedded database, under the master key of this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from agio.adapters.files.master_key import master_key_path, read_master_key
from agio.adapters.sql.databases import IDENTITY
from agio.adapters.sql.engine import sqlite_engine
from agio.adapters.sql.schema import prepare
from agio.services.identity.sealing import MasterKey
from agio.services.identity.service import IdentityService, Terms
from agio.services.identity.store import Store

if TYPE_CHECKING:
    from agio.adapters.files.folder import DataFolder
    from agio.services.identity.index import MakeVerifier
    from agio.services.identity.service import Log


async def open_identity(
    folder: DataFolder, shard: Log, verifier: MakeVerifier, terms: Terms | None = None
) -> IdentityService:
    """Identity in step with the log, ready for use. The first start makes the master key. Raises Fatal."""
    service = await asyncio.to_thread(_service, folder, shard, verifier, terms or Terms())
    try:
        await service.sync()
    except BaseException:
        await asyncio.to_thread(service.close)
        raise
    return service


def _service(folder: DataFolder, shard: Log, verifier: MakeVerifier, terms: Terms) -> IdentityService:
    # Keys that exist were sealed by a key that exists: only a folder without any may have a new one.
    key = read_master_key(master_key_path(), folder.root, create=not folder.identity.exists())
    engine = sqlite_engine(folder.identity, durable=True)
    prepare(engine, IDENTITY)
    folder.identity.chmod(0o600)
    return IdentityService(Store(engine), MasterKey(key), shard, verifier, terms)
