"""Connections leave descriptors to those who need them more."""

import subprocess
import sys

import pytest

from agio.wire.capacity import OWN, fitted, wanted
from agio.wire.http import HttpLimits
from agio.wire.limits import Limits
from tests.conftest import has_descriptors

HTTP, SOCKETS = HttpLimits(), Limits()


def test_limits_stay_where_there_is_room_for_them() -> None:
    assert fitted(HTTP, SOCKETS, wanted(HTTP, SOCKETS)) == (HTTP, SOCKETS)
    assert fitted(HTTP, SOCKETS, wanted(HTTP, SOCKETS) - 1) != (HTTP, SOCKETS)


@pytest.mark.parametrize("descriptors", [512, 1024, 4096, 10_240, 20_000, 30_000])
def test_what_clients_may_open_leaves_what_is_needed(descriptors: int) -> None:
    http, sockets = fitted(HTTP, SOCKETS, descriptors)
    assert http.connections + 2 * sockets.sockets <= descriptors - OWN
    assert http.connections >= 10
    assert sockets.connections >= 10
    assert (http.body_bytes, sockets.lifetime) == (HTTP.body_bytes, SOCKETS.lifetime)


def test_without_any_there_is_still_one_of_each() -> None:
    http, sockets = fitted(HTTP, SOCKETS, 10)
    assert (http.connections, sockets.connections) == (1, 1)


@pytest.mark.parametrize(("soft", "hard", "found"), [(256, 512, 512), (256, 900, 600), (700, 900, 700)])
def test_the_soft_limit_is_raised_as_far_as_the_hard_one_lets_it(soft: int, hard: int, found: int) -> None:
    """In a process of its own: a hard limit that is lowered stays so."""
    if not has_descriptors(str(hard)):
        pytest.skip(f"absent: descriptors {hard}")
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import resource\n"
            "from agio.adapters.descriptors import allowed\n"
            f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
            "print(allowed(600), resource.getrlimit(resource.RLIMIT_NOFILE)[0])",
        ],
        capture_output=True,
        check=True,
    ).stdout
    assert said.split() == [b"%d" % found] * 2
