"""What every test may ask for, and the rule that nothing is skipped without reason."""

import contextlib
import os
import resource
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.databases import MariaDb, serving
from tests.exchange import Exchange, running

ROOT = Path(__file__).resolve().parents[1]
SYSTEM_PROGRAMS = ("/usr/sbin", "/usr/local/sbin")
"""Where servers lie, which are on the path of root only."""
DATA = Path(os.environ.get("AGIO_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One running `agio dev` that all tests share: leave no open orders behind, and expect those of others."""
    with running(tmp_path_factory.mktemp("exchange") / "data", "--seed", "1") as shared:
        yield shared


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDb]:
    """A MariaDB server of the tests' own; the test is skipped where none is installed."""
    install, server = program("mariadb-install-db"), program("mariadbd")
    with serving(tmp_path_factory.mktemp("mariadb"), install, server) as shared:
        yield shared


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded market data, `AGIO_DATA`; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"absent: folder {DATA}")
    return DATA


def program(name: str) -> str:
    """The path of a server that a test starts itself; the test is skipped where it is not installed."""
    return where(name) or pytest.skip(f"absent: program {name}")


def where(name: str) -> str | None:
    """The path of a program."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_PROGRAMS)))


def may_mount() -> bool:
    """Whether this process may mount a disk (CAP_SYS_ADMIN)."""
    with contextlib.suppress(OSError):
        status = Path("/proc/self/status").read_text()
        return bool(int(status.partition("CapEff:")[2].split()[0], 16) & 1 << 21)
    return False


def may_change_owners() -> bool:
    """Whether this process may give files away."""
    return os.geteuid() == 0


def has_address(address: str) -> bool:
    """Whether this machine has it, so that something may listen there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family) as probe:
        probe.bind((address, 0))
        return True
    return False


def has_descriptors(number: str) -> bool:
    """Whether this process may have so many open files."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return most == resource.RLIM_INFINITY or most >= int(number)


RIGHTS = {"to mount": may_mount, "to change owners": may_change_owners}
PRESENT: dict[str, Callable[[str], bool]] = {
    "folder": lambda what: Path(what).is_dir(),
    "program": lambda what: where(what) is not None,
    "right": lambda what: what not in RIGHTS or RIGHTS[what](),
    "address": has_address,
    "descriptors": has_descriptors,
}
"""What a test may be skipped for, by the first word behind `absent: `, and whether the rest of it is here."""


def is_absent(reason: str) -> bool:
    """Whether a reason for skipping names something that is truly not here."""
    kind, _, what = reason.partition("absent: ")[2].partition(" ")
    return kind in PRESENT and not PRESENT[kind](what)


def refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure, unless what it needs is truly absent. Only under AGIO_STRICT, as CI runs."""
    if not os.environ.get("AGIO_STRICT") or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not is_absent(reason):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and CI skips only what names something absent: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Each phase of each test."""
    report = yield
    refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole module that skips itself."""
    report = yield
    refuse(report)
    return report
