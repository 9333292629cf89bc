"""A data folder: what lies where, and whose it is."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "agio.json"
"""By which a data folder is known."""
FORMAT = '{"program": "agio", "format": 1}\n'


@dataclass(frozen=True, slots=True)
class DataFolder:
    """One exchange's data."""

    root: Path

    @property
    def log(self) -> Path:
        """The journal's folder."""
        return self.root / "log"

    @property
    def projection(self) -> Path:
        """The database that is made from the log."""
        return self.root / "projection.db"

    @property
    def identity(self) -> Path:
        """The database of users and keys."""
        return self.root / "identity.db"

    @property
    def admin(self) -> Path:
        """Where the running exchange takes administration, from its owner only."""
        return self.root / "admin.sock"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Holds the log's lock, so that no exchange starts meanwhile. Raises Fatal while one is running."""
        with (self.log / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Fatal(f"the exchange in {self.root} is running: stop it first") from None
            yield

    def free_bytes(self) -> int:
        """Free space on its disk."""
        return shutil.disk_usage(self.root).free


def prepare(root: Path) -> DataFolder:
    """Makes the folder when there is none, for its owner only. Raises Fatal when it is another's or not agio's."""
    folder = DataFolder(root.absolute())
    try:
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _own(folder.root)
        _mark(folder.root)
        folder.log.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Fatal(f"the data folder {root} cannot be used: {error.strerror}") from error
    return folder


def existing(root: Path) -> DataFolder:
    """A folder that must be there already, as for looking into it or rebuilding. Raises Fatal."""
    if not (root / MARK).is_file():
        raise Fatal(f"{root} is not a data folder of agio: name one with --data")
    return prepare(root)


def _own(root: Path) -> None:
    about = root.stat()
    if about.st_uid != os.geteuid():
        raise Fatal(f"the data folder {root} belongs to another user ({about.st_uid})")
    if stat.S_IMODE(about.st_mode) & 0o077:
        root.chmod(0o700)


def _mark(root: Path) -> None:
    mark = root / MARK
    if mark.is_file():
        if mark.read_text() != FORMAT:
            raise Fatal(f"the data folder {root} is of another release of agio: use the release that made it")
    elif found := sorted(entry.name for entry in root.iterdir()):
        raise Fatal(f"the folder {root} holds something else ({', '.join(found[:3])}): name an empty or a new folder")
    else:
        mark.write_text(FORMAT)
