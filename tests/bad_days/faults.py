"""Disks and clocks that fail when a test says so: `shim.c`, compiled once, in front of libc."""

import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


def compile_shim(compiler: str, folder: Path) -> Path:
    """The library to load before agio's own."""
    library = folder / "shim.so"
    subprocess.run([compiler, "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


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
