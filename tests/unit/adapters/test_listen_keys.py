"""The file of listen keys: sealed, its owner's, and never a reason not to start."""

from pathlib import Path

import pytest

from agio.adapters.files.listen_keys import ListenKeyFile
from agio.services.identity.sealing import MasterKey
from agio.streams.user.listen_keys import KeptKey

KEYS = [KeptKey("k" * 64, 7, ("a", "b"), 1_795_000_000_000_000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "listen-keys"


def test_what_is_written_is_read(path: Path) -> None:
    ListenKeyFile(path, MasterKey(bytes(32))).write(KEYS)
    assert list(ListenKeyFile(path, MasterKey(bytes(32))).read()) == KEYS
    assert b"kkkk" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", [None, b"", b"short", bytes(200)])
def test_what_cannot_be_read_is_nothing(path: Path, text: bytes | None) -> None:
    if text is not None:
        path.write_bytes(text)
    assert list(ListenKeyFile(path, MasterKey(bytes(32))).read()) == []


def test_another_master_key_opens_nothing(path: Path) -> None:
    ListenKeyFile(path, MasterKey(bytes(32))).write(KEYS)
    assert list(ListenKeyFile(path, MasterKey(b"x" * 32)).read()) == []


def test_a_disk_that_takes_nothing_is_no_failure(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ListenKeyFile(path / "not a folder", MasterKey(bytes(32))).write(KEYS)
    assert "cannot be kept" in caplog.text
