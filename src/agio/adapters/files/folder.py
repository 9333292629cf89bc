"""A data folder: what lies where, and whose it is."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agio.domain.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARK = "agio.json"
"""By which a data folder is known."""
FORMAT = '{"program": "agio", "format": 1}\n'
DATABASES = ("identity.db", "projection.db")
LEFT = ("admin.sock", "listen-keys", ".listen-keys")
"""What a process that was killed leaves besides the log and the databases."""
RESTORED = frozenset({"log", *LEFT, *(name + end for name in DATABASES for end in ("", "-journal", "-shm", "-wal"))})
"""What a folder without a mark may hold, because it was put together from a backup, or lost its mark in a power cut."""


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
    def listen_keys(self) -> Path:
        """The listen keys that are valid, sealed."""
        return self.root / "listen-keys"

    @property
    def admin(self) -> Path:
        """Where the running exchange takes administration, from its owner only."""
        return self.root / "admin.sock"

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Holds the log's lock, so that no exchange starts meanwhile. Raises Fatal while one is running."""
        try:
            lock = (self.log / "lock").open("a")
        except OSError as error:
            raise _unusable(self.root, error) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Fatal(f"the exchange in {self.root} is running: stop it first") from None
            with suppress(OSError):  # who is refused now is told of this process, not of the last exchange's
                os.ftruncate(lock.fileno(), 0)
                os.write(lock.fileno(), b"%d\n" % os.getpid())
            yield

    def refuse_lost_log(self) -> None:
        """Users and keys come into being in the log. Raises Fatal when they are here without it.

        A new log in its place would know none of them, and would revoke every key.
        """
        is_lost = not any(self.log.glob("*.seg")) and not (self.log / "head").exists()
        if is_lost and self.identity.exists():
            raise Fatal(
                f"{self.identity} holds users and keys, but {self.log} has no log. Is its disk mounted? Restore the log"
                " that belongs to them; for a new exchange, name a new folder with --data"
            )


def prepare(root: Path) -> DataFolder:
    """Makes the folder when there is none, for its owner only. Raises Fatal when it is another's or not agio's."""
    folder = DataFolder(root.absolute())
    try:
        folder.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        _own(folder.root)
        _mark(folder.root)
        folder.log.mkdir(mode=0o700, exist_ok=True)
        _own(folder.log)
    except OSError as error:
        raise _unusable(root, error) from error
    return folder


def existing(root: Path) -> DataFolder:
    """A folder that must be there already, as for looking into it or rebuilding. Raises Fatal."""
    log_of(root)
    return prepare(root)


def log_of(root: Path) -> Path:
    """Where the log lies, to be read and not changed: also of a copy, or of another user's. Raises Fatal."""
    log = root / "log"
    try:
        os.listdir(log)  # noqa: PTH208 -- pathlib says later, and less, that it may not be read
    except FileNotFoundError:
        raise Fatal(f"{root} is not a data folder of agio, it has no log: name one with --data") from None
    except OSError as error:
        raise _unusable(root, error) from error
    return log


def _unusable(root: Path, error: OSError) -> Fatal:
    return Fatal(
        f"the data folder {root} cannot be used: {error.strerror} ({error.filename or root}). Look at its permissions"
        " and at the disk: `agio doctor`"
    )


def _own(root: Path) -> None:
    about = root.stat()
    if about.st_uid != os.geteuid():
        raise Fatal(
            f"the data folder {root} belongs to another user ({about.st_uid}), and agio runs as {os.geteuid()}: run it"
            " as that user, or give this one all of the folder with `chown -R`"
        )
    if stat.S_IMODE(about.st_mode) & 0o077:
        root.chmod(0o700)


def _mark(root: Path) -> None:
    """Leaves a mark that is there; one that a full disk or a power cut left empty is none."""
    mark = root / MARK
    if mark.is_file() and (words := mark.read_text()):
        if words != FORMAT:
            raise Fatal(f"the data folder {root} is of another release of agio: use the release that made it")
        return
    found = sorted({entry.name for entry in root.iterdir()} - {MARK})
    if found and not ("log" in found and RESTORED.issuperset(found)):
        raise Fatal(f"the folder {root} holds something else ({', '.join(found[:3])}): name an empty or a new folder")
    mark.write_text(FORMAT)
