"""Numbers as text and back."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agio.domain.money import ONE, text, units


@given(st.integers(-(2**127), 2**127))
def test_what_is_written_is_read_as_the_same_number(value: int) -> None:
    assert units(text(value)) == value
    assert units(Decimal(text(value))) == value


@given(st.text("0123456789.eE+-_ NaInf", max_size=30))
def test_any_text_is_an_amount_or_a_refusal(written: str) -> None:
    try:
        value = units(written)
    except ValueError:
        return
    assert Fraction(Decimal(written)) * ONE == value
    assert units(text(value)) == value


@pytest.mark.parametrize("written", ["0.000000001", "1e-9", "NaN", "inf", "", "1e40", "1e-999", "0." + "1" * 60])
def test_what_is_no_amount_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"not an amount|more than 8 decimals"):
        units(written)
