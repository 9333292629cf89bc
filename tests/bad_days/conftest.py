"""One exchange for all bad days that it must survive; those that it need not have their own."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_days.client import Client
from tests.bad_days.faults import FakeDisk, Faults, SmallDisk, compile_shim
from tests.conftest import program
from tests.exchange import Exchange, running, start


@pytest.fixture(scope="session")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """An exchange without house liquidity. At the end it has to stop cleanly, and to have nothing to regret."""
    with running(tmp_path_factory.mktemp("bad-days") / "data", "--liquidity", "none") as shared:
        yield shared
    log = shared.errors.read_text()
    assert '"level": "error"' not in log, log
    assert "Traceback" not in log, log


@pytest.fixture
def client(venue: Exchange) -> Iterator[Client]:
    """The first user's; after the test the exchange must still serve it."""
    yield Client(venue.rest, venue.user)
    after = Client(venue.rest, venue.user)
    assert after.send("GET", "/api/v3/time").status == 200
    assert after.signed("GET", "/api/v3/account").status == 200


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that fails."""
    return compile_shim(program("cc"), tmp_path_factory.mktemp("shim"))


@pytest.fixture
def faults(shim: Path, tmp_path: Path) -> Faults:
    """Switches for one test's own exchange."""
    return Faults(shim, tmp_path)


@pytest.fixture(params=["real", "fake"])
def disk(request: pytest.FixtureRequest, faults: Faults, tmp_path: Path) -> Iterator[SmallDisk | FakeDisk]:
    """A disk to fill; where none can be mounted, the fake alone."""
    folder = tmp_path / "data"
    if request.param == "fake":
        yield FakeDisk(folder, faults)
        return
    small = SmallDisk(folder, {"AGIO_MASTER_KEY_FILE": str(tmp_path / "master.key")})
    if not small.mount():
        pytest.skip("absent: right to mount")
    yield small
    small.unmount()


@pytest.fixture
def begin() -> Iterator[Callable[..., Exchange]]:
    """`tests.exchange.start`, for exchanges that the test itself ends; what still runs after it is killed."""
    begun: list[Exchange] = []

    def one_more(folder: Path, *options: str, **how: dict[str, str]) -> Exchange:
        begun.append(start(folder, *options, environment=how.get("environment")))
        return begun[-1]

    yield one_more
    for exchange in begun:
        exchange.process.kill()
        exchange.process.wait()
