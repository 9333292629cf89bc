"""The master key's file, which never lies in the data folder: a copy of the one is worthless without the other."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTES = 32
VARIABLE = "AGIO_MASTER_KEY_FILE"


def master_key_path(environment: Mapping[str, str] = os.environ) -> Path:
    """AGIO_MASTER_KEY_FILE, or agio/master.key in the user's configuration folder. Raises Fatal when there is none."""
    if named := environment.get(VARIABLE):
        return Path(named)
    configuration = environment.get("XDG_CONFIG_HOME") or _home(environment) / ".config"
    return Path(configuration) / "agio" / "master.key"


def _home(environment: Mapping[str, str]) -> Path:
    try:
        return Path(environment.get("HOME") or "~").expanduser()
    except RuntimeError:  # a user id without a name, as in many containers
        raise Fatal(f"this user has no home for the master key: say in {VARIABLE} which file it shall be") from None


def read_master_key(path: Path, data: Path, *, create: bool) -> bytes:
    """The key's 32 bytes. `create`: makes a new one when there is none, as on first use. Raises Fatal."""
    if path.resolve().is_relative_to(data.resolve()):
        raise Fatal(f"the master key {path} lies in the data folder, whose backups it protects: move it elsewhere")
    try:
        return _read(path)
    except FileNotFoundError:
        if not create:
            raise Fatal(
                f"the master key {path} is missing, and {data} holds API keys that were sealed with it. Put it back"
                f" from its backup, or name it in {VARIABLE}."
            ) from None
    except OSError as error:
        raise Fatal(f"the master key {path} cannot be read: {error.strerror}") from error
    try:
        return _create(path)
    except OSError as error:
        raise Fatal(
            f"the master key {path} cannot be made: {error.strerror}. Name a file that can be in {VARIABLE}."
        ) from error


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        about = os.fstat(file.fileno())
        text = file.read(BYTES * 2 + 2)
    if not stat.S_ISREG(about.st_mode):
        raise Fatal(f"the master key {path} is not a file")
    if about.st_mode & 0o077:
        raise Fatal(f"the master key {path} can be read by others: run `chmod 600 {path}`")
    if about.st_uid != os.geteuid():
        raise Fatal(f"the master key {path} belongs to another user ({about.st_uid}): agio runs as {os.geteuid()}")
    try:
        key = bytes.fromhex(text.decode().strip())
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise Fatal(f"the master key {path} is damaged: it holds {BYTES * 2} hexadecimal digits. Restore its backup.")
    return key


def _create(path: Path) -> bytes:
    """A new key, on the disk before it is used. Of two processes that try, one creates and both read the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
    _sync(path.parent)
    return _read(path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
