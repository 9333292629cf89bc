"""Every text that Python raises is Binance's own."""

import csv
import re

import pytest

from agio.gateway import codec, errors, inventory

ROWS = inventory.read("spot_errors")


@pytest.mark.parametrize(
    "template", [t for t in errors.TEMPLATES if t.source == "inventory"], ids=lambda t: t.text[:40]
)
def test_text_is_in_the_inventory(template: errors.Template) -> None:
    texts = {text for row in ROWS if row["code"] == str(template.code) for text in row["text"].split(" || ")}
    assert template.text in texts


def test_templates_fill_in() -> None:
    assert len(errors.TEMPLATES) > 20
    error = errors.TOO_LONG.error(24)
    assert (error.code, error.message, error.status) == (
        -1127,
        "More than 24 hours between startTime and endTime.",
        400,
    )


def test_bodies_are_those_of_the_extension() -> None:
    from agio import _core

    for text in ("Invalid symbol.", 'with "quotes" and \\', "ü"):
        assert codec.error_body(-1121, text) == _core.error_body(-1121, text)


def test_the_inventory_reads_as_a_table() -> None:
    assert csv.QUOTE_NONE
    assert all(re.fullmatch(r"-?\d+(/-?\d+)*", row["code"]) for row in ROWS)
