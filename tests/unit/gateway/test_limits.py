"""Weights, windows, refusals and bans, at times that the test chooses."""

import pytest

from agio.domain.errors import ApiError
from agio.gateway.limits import DAY, MINUTE, SECOND, WINDOW, Figures, Limits

NOW = 1_700_000_100 * SECOND // WINDOW * WINDOW


def limits(**figures: int) -> Limits:
    return Limits(Figures(**figures))


def test_weight_counts_per_calendar_minute() -> None:
    counts = limits(weight=10)
    usage = counts.of("a", NOW)
    counts.enter(usage, 10, NOW)
    with pytest.raises(ApiError) as refused:
        counts.enter(counts.of("a", NOW + MINUTE - 1), 1, NOW + MINUTE - 1)
    assert (refused.value.code, refused.value.status) == (-1003, 429)
    assert refused.value.message.startswith(
        "Too much request weight used; current limit is 10 request weight per 1 MINUTE."
    )
    counts.enter(counts.of("a", NOW + MINUTE), 10, NOW + MINUTE)
    counts.enter(counts.of("b", NOW + MINUTE), 10, NOW + MINUTE)


def test_raw_requests_count_per_five_minutes_whatever_they_weigh() -> None:
    counts = limits(raw=2)
    for _ in range(2):
        counts.enter(counts.of("a", NOW), 0, NOW)
    later = NOW + MINUTE
    with pytest.raises(ApiError, match="Too many requests queued"):
        counts.enter(counts.of("a", later), 0, later)
    assert counts.retry_at(counts.of("a", later), later, b"") == NOW + WINDOW
    counts.enter(counts.of("a", NOW + WINDOW), 0, NOW + WINDOW)


def test_a_refusal_costs_no_weight_and_a_success_can_be_given_back() -> None:
    counts = limits(weight=5)
    usage = counts.of("a", NOW)
    counts.enter(usage, 3, NOW)
    with pytest.raises(ApiError):
        counts.spend(usage, 3, NOW)
    assert usage.weight == 3
    usage.give_back(3, NOW)
    assert usage.weight == 0
    counts.of("a", NOW + MINUTE)
    usage.give_back(3, NOW)
    assert usage.weight == 0, "another minute owes nothing"


def hammer(counts: Limits, now: int) -> ApiError:
    """Asks until banned."""
    for _ in range(1000):
        try:
            counts.enter(counts.of("a", now), 6001, now)
        except ApiError as refusal:
            if refusal.status == 418:
                return refusal
    raise AssertionError("never banned")


def test_going_on_while_refused_bans_longer_each_time() -> None:
    counts = limits(patience=3)
    now, lengths = NOW, []
    for _ in range(14):
        refusal = hammer(counts, now)
        until = counts.of("a", now).banned_until
        assert str(until // 1000) in refusal.message
        lengths.append(until - now)
        with pytest.raises(ApiError) as banned:
            counts.enter(counts.of("a", until - 1), 0, until - 1)
        assert banned.value.status == 418
        now = until
        counts.enter(counts.of("a", now), 1, now)
    assert lengths[:3] == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE]
    assert lengths[-1] == 3 * DAY


def test_a_few_refusals_do_not_ban_and_are_forgotten_with_the_minute() -> None:
    counts = limits(patience=3)
    for minute in range(5):
        now = NOW + minute * MINUTE
        for _ in range(3):
            with pytest.raises(ApiError) as refused:
                counts.enter(counts.of("a", now), 6001, now)
            assert refused.value.status == 429


def test_offences_are_forgotten() -> None:
    counts = limits(patience=0)
    hammer(counts, NOW)
    later = NOW + 4 * DAY
    hammer(counts, later)
    assert counts.of("a", later).banned_until - later == 2 * MINUTE


def test_memory_is_bounded() -> None:
    counts = limits(addresses=10, weight=5)
    for number in range(30):
        counts.enter(counts.of(f"a{number}", NOW), 0, NOW)
    assert len(counts) == 10
    counts.enter(counts.of("b", NOW), 5, NOW)
    with pytest.raises(ApiError):
        counts.enter(counts.of("c", NOW), 1, NOW)
    later = NOW + 2 * WINDOW
    counts.enter(counts.of("d", later), 5, later)
    assert len(counts) == 1, "idle addresses are forgotten"


def test_a_banned_address_is_not_forgotten() -> None:
    counts = limits(addresses=1, patience=0)
    hammer(counts, NOW)
    for number in range(3):
        counts.of(f"x{number}", NOW + number * SECOND)
    with pytest.raises(ApiError) as banned:
        counts.enter(counts.of("a", NOW + SECOND), 0, NOW + SECOND)
    assert banned.value.status == 418


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9", True),
        ("2001:db8:1:2::9", "2001:db8:1:3::9", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_one_subscriber_has_one_count(one: str, other: str, same: bool) -> None:
    counts = limits()
    assert (counts.of(one, NOW) is counts.of(other, NOW)) is same


def test_retry_after_orders() -> None:
    counts = limits()
    usage = counts.of("a", NOW + 1)
    assert counts.retry_at(usage, NOW + 1, b'{"code":-1015,"msg":"100 orders per 10 SECOND."}') == NOW + 10 * SECOND
    day = counts.retry_at(usage, NOW + 1, b'{"code":-1015,"msg":"200000 orders per 1 DAY."}')
    assert day % DAY == 0
    assert 0 < day - NOW <= DAY
