"""Where a process looks for free ports."""

import os
from itertools import pairwise

import pytest

from agio.domain.errors import Fatal
from agio.venue import process
from agio.venue.process import HIGHEST_BASE, LOWEST_BASE, PLACES, _free_base

TOGETHER = 500


def bases(monkeypatch: pytest.MonkeyPatch, taken: int) -> list[int]:
    """Those that processes started together choose, when the first `taken` places of each are not free."""
    found = []
    for pid in range(4_000_000, 4_000_000 + TOGETHER):
        looks = iter(range(taken * PLACES))
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        monkeypatch.setattr(process, "_is_free", lambda *_, looks=looks: next(looks, None) is None)
        found.append(_free_base({"127.0.0.1"}))
    return found


@pytest.mark.parametrize("taken", [0, 1])
def test_processes_that_start_together_choose_different_ports(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = sorted(bases(monkeypatch, taken))
    assert all(later - earlier >= PLACES for earlier, later in pairwise(found))
    assert found[0] >= LOWEST_BASE
    assert found[-1] + PLACES <= HIGHEST_BASE


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_is_free", lambda *_: False)
    with pytest.raises(Fatal, match="choose some with --port-base"):
        _free_base({"127.0.0.1"})
