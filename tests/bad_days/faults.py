"""Disks and clocks that fail when a test says so: `shim.c`, compiled once, in front of libc."""

import contextlib
import os
import subprocess
from pathlib import Path
from typing import IO

SOURCE = Path(__file__).with_name("shim.c")


def compile_shim(compiler: str, folder: Path) -> Path:
    """The library to load before agio's own."""
    library = folder / "shim.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


class SmallDisk:
    """A disk for one exchange's data folder and nothing else, which a test fills to the last byte."""

    OPTIONS = "size=400m,mode=700"
    """What orders need to be taken (256 MiB free), a segment, and some more."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def mount(self) -> bool:
        """False where we may not."""
        self.folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", self.OPTIONS, "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0

    def unmount(self) -> None:
        """It is gone, with all on it."""
        subprocess.run(["umount", "--lazy", self.folder], check=True)

    def fill(self) -> None:
        """Not a byte is free."""
        with (self.folder / "ballast").open("wb", buffering=0) as file:
            for piece in (1 << 20, 4096, 1):
                self._write(file, bytes(piece))
        assert os.statvfs(self.folder).f_bavail == 0

    def _write(self, file: IO[bytes], piece: bytes) -> None:
        with contextlib.suppress(OSError):
            while file.write(piece):
                pass

    def clear(self) -> None:
        """There is room again."""
        (self.folder / "ballast").unlink()


class FakeDisk:
    """The same, where no disk can be mounted: the shim says that it is full."""

    def __init__(self, folder: Path, faults: "Faults") -> None:
        self.folder = folder
        self.environment = faults.environment
        self._faults = faults

    def fill(self) -> None:
        self._faults.set("full")

    def clear(self) -> None:
        self._faults.clear("full")


class Faults:
    """The switches of one process."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._folder = folder
        self.environment = {
            "LD_PRELOAD": str(library),
            "SHIM": str(folder),
            "AGIO_MASTER_KEY_FILE": str(folder / "master.key"),
            "AGIO_SUPERVISED": "",
        }

    def set(self, name: str, text: str = "") -> None:
        """Begins to fail; `shim.c` tells how."""
        draft = self._folder / f".{name}"
        draft.write_text(text)
        draft.rename(self._folder / name)

    def clear(self, name: str) -> None:
        """All is well again."""
        (self._folder / name).unlink()

    def is_set(self, name: str) -> bool:
        """Whether it (still) fails."""
        return (self._folder / name).exists()
