"""Whose connection it is."""

import pytest

from agio.wire import address

PROXIES = frozenset({"10.0.0.1", "10.0.0.2"})


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("1.1.1.1", None, "1.1.1.1"),
        ("1.1.1.1", "2.2.2.2", "1.1.1.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "2.2.2.2", "2.2.2.2"),
        ("10.0.0.1", "forged, 2.2.2.2, 10.0.0.2", "2.2.2.2"),
        ("10.0.0.1", " , ", "10.0.0.1"),
    ],
)
def test_client(peer: str, forwarded: str | None, client: str) -> None:
    assert address.client(peer, forwarded, PROXIES) == client


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ("1.2.3.4", "1.2.3.4"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1%eth0", "2001:db8:1:2::/64"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("no:address", "no:address"),
    ],
)
def test_network(one: str, same: str) -> None:
    assert address.network(one) == same


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "MOST_NETWORKS", 10)
    limit = address.ConnectLimit(1, 300, lambda: 0)
    assert all(limit.admits(f"1.1.1.{n}") for n in range(100))
    assert len(limit._attempts) <= 10
