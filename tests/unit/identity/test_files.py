"""The data folder and the master key's file."""

import os
import stat
from pathlib import Path

import pytest

from agio import _core
from agio.adapters.files.folder import existing, log_of, prepare
from agio.adapters.files.master_key import master_key_path, read_master_key
from agio.domain.errors import Fatal
from tests.conftest import may_change_owners


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_its_owners(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "a" / "data")
    assert mode(folder.root) == mode(folder.log) == 0o700
    assert {path.name for path in folder.root.iterdir()} == {"log", "agio.json"}
    assert [
        path.relative_to(folder.root).as_posix()
        for path in (folder.log, folder.projection, folder.identity, folder.admin)
    ] == [
        "log",
        "projection.db",
        "identity.db",
        "admin.sock",
    ]
    assert prepare(folder.root) == existing(folder.root) == folder


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert mode(prepare(tmp_path).root) == 0o700


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Fatal, match=r"thesis\.tex"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_of_another_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "agio.json").write_text('{"program": "agio", "format": 2}\n')
    with pytest.raises(Fatal, match="another release"):
        prepare(tmp_path)


def test_a_mark_that_a_full_disk_left_empty_is_none(tmp_path: Path) -> None:
    (tmp_path / "agio.json").touch()
    assert prepare(tmp_path).log.is_dir()
    assert "agio" in (tmp_path / "agio.json").read_text()


def test_a_mark_that_a_power_cut_left_empty_is_none(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    for left in (folder.identity, folder.projection, folder.admin, folder.listen_keys):
        left.touch()  # the socket, too, is there still
    (tmp_path / "agio.json").write_text("")
    assert prepare(tmp_path) == folder


def test_a_folder_put_together_from_a_backup_is_agios(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "identity.db").touch()
    assert existing(tmp_path) == prepare(tmp_path)
    (tmp_path / "agio.json").unlink()
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(Fatal, match="holds something else"):
        prepare(tmp_path)


def test_users_without_their_log_are_refused(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    folder.refuse_lost_log()
    folder.identity.touch()
    with pytest.raises(Fatal, match=r"has no log\. Is its disk mounted\?"):
        folder.refuse_lost_log()
    (folder.log / "00000000000000000001.seg").touch()
    folder.refuse_lost_log()


def test_a_lock_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    folder = prepare(tmp_path)
    (folder.log / "lock").mkdir()
    with pytest.raises(Fatal, match=r"cannot be used: Is a directory.*agio doctor"), folder.stopped():
        pass


def test_who_holds_the_lock_is_named(tmp_path: Path) -> None:
    """Not the exchange that ended long ago, whose number another process may have by now."""
    folder = prepare(tmp_path)
    (folder.log / "lock").write_text("1234567\n")
    with folder.stopped():
        with pytest.raises(_core.ShardError, match=rf"in use by process {os.getpid()};"):
            _core.Shard(str(folder.log), projected=0)
        with pytest.raises(Fatal, match="stop it first"), folder.stopped():
            pass


def test_where_the_log_of_a_copy_lies(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    assert log_of(tmp_path) == tmp_path / "log"
    assert not (tmp_path / "agio.json").exists(), "a look changes nothing"
    with pytest.raises(Fatal, match="it has no log: name one with --data"):
        log_of(tmp_path / "nowhere")


def test_a_folder_that_must_exist(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="not a data folder of agio"):
        existing(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Fatal, match="cannot be used"):
        prepare(tmp_path / "file")


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"AGIO_MASTER_KEY_FILE": "/k", "XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/k"),
        ({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}, "/x/agio/master.key"),
        ({"HOME": "/h"}, "/h/.config/agio/master.key"),
    ],
)
def test_where_the_key_lies(environment: dict[str, str], path: str) -> None:
    assert str(master_key_path(environment)) == path


def test_nobodys_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number without a name."""

    def nowhere(_: Path) -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "expanduser", nowhere)
    with pytest.raises(Fatal, match="AGIO_MASTER_KEY_FILE"):
        master_key_path({})


def test_a_key_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "key")
    for path in (tmp_path / "file" / "agio" / "key", tmp_path / "link"):
        with pytest.raises(Fatal, match=r"cannot be (made|read)"):
            read_master_key(path, tmp_path / "data", create=True)


def test_a_new_key_is_its_owners_and_stays(tmp_path: Path) -> None:
    path, data = tmp_path / "config" / "agio" / "master.key", tmp_path / "data"
    key = read_master_key(path, data, create=True)
    assert len(key) == 32
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert list(path.parent.iterdir()) == [path]
    assert read_master_key(path, data, create=True) == read_master_key(path, data, create=False) == key
    assert read_master_key(tmp_path / "other", data, create=True) != key


@pytest.mark.parametrize("content", ["", "ab" * 31, "ab" * 33, "zz" * 32, "ab" * 32 + "\nab"])
def test_a_damaged_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Fatal, match="damaged"):
        read_master_key(path, tmp_path / "data", create=True)
    assert path.read_text() == content


@pytest.mark.parametrize("open_to", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, open_to: int) -> None:
    path = tmp_path / "key"
    read_master_key(path, tmp_path / "data", create=True)
    path.chmod(open_to)
    with pytest.raises(Fatal, match="chmod 600"):
        read_master_key(path, tmp_path / "data", create=True)


def test_a_key_within_the_data_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    for path in (tmp_path / "data" / "key", tmp_path / "link" / "key"):
        with pytest.raises(Fatal, match="lies in the data folder"):
            read_master_key(path, tmp_path / "data", create=True)


@pytest.mark.skipif(not may_change_owners(), reason="absent: right to change owners")
def test_a_key_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    read_master_key(path, tmp_path / "data", create=True)
    os.chown(path, 12345, -1)
    with pytest.raises(Fatal, match="belongs to another user"):
        read_master_key(path, tmp_path / "data", create=True)
