"""Of which stored candles others are made: of the fewest, and each minute once."""

from itertools import pairwise

import pytest

from agio.domain.intervals import DAY, HOUR, MINUTE
from agio.projections.spot.intervals import INTERVALS, parts

START = 1_700_000_000_000_000
YEAR = 365 * DAY


def openings(name: str, offset: int, most: int, span: int = YEAR) -> list[int]:
    interval = INTERVALS[name]
    opens = [interval.opening(START, offset * MINUTE)]
    while len(opens) <= most and opens[-1] < START + span:
        opens.append(interval.after(opens[-1], offset * MINUTE))
    return opens


def stored(opens: list[int]) -> list[tuple[int, int]]:
    """Opening and end of each stored candle that is asked for."""
    found = []
    for width, stretches, cut in parts(opens):
        length = width * MINUTE
        for start, end in stretches:
            first = -(-start // length) * length
            found += [(at, at + length) for at in range(first, end, length) if at not in cut]
    return sorted(found)


@pytest.mark.parametrize("offset", [0, 60, -720, 330, 345, 1, 59, 840])
@pytest.mark.parametrize("count", [1, 2, 30])
@pytest.mark.parametrize("name", INTERVALS)
def test_each_minute_is_there_once_and_no_part_lies_in_two_candles(name: str, count: int, offset: int) -> None:
    opens = openings(name, offset, count)
    found = stored(opens)
    assert found[0][0] == opens[0]
    assert found[-1][1] == opens[-1]
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert set(opens) <= {start for start, _ in found} | {opens[-1]}


@pytest.mark.parametrize(
    ("name", "offset", "most"),
    [("1m", 0, 1), ("1h", 0, 1), ("1h", 345, 60), ("1d", 0, 1), ("1d", 60, 24), ("1d", 330, 83), ("1w", 345, 120),
     ("1M", 0, 31), ("1M", 345, 140)],
)  # fmt: skip
def test_a_candle_is_made_of_few(name: str, offset: int, most: int) -> None:
    """A month that begins at half past has 43,200 minutes: whoever asked for a year of them held up everybody."""
    opens = openings(name, offset, 1000)
    assert len(stored(opens)) <= most * (len(opens) - 1)


def test_widths_of_which_none_is_whole_are_not_asked_for() -> None:
    assert [width for width, *_ in parts(openings("1m", 0, 1000))] == [1]
    assert [width for width, *_ in parts(openings("1h", 345, 1000))] == [1]
    assert [width for width, *_ in parts(openings("1d", 330, 365))] == [60, 1]
    assert [width for width, *_ in parts([0, HOUR])] == [60]
