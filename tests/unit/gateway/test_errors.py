"""Every text that Python raises is Binance's own."""

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import agio
from agio.gateway import errors, inventory

ROWS = inventory.read("spot_errors")


def texts(code: int) -> set[str]:
    return {text for row in ROWS if row["code"] == str(code) for text in row["text"].split(" || ")}


@pytest.mark.parametrize(
    "template", [t for t in errors.TEMPLATES if t.source == "inventory"], ids=lambda t: t.text[:40]
)
def test_text_is_in_the_inventory(template: errors.Template) -> None:
    assert template.text in texts(template.code)


def raised(source: str) -> Iterator[tuple[int, str | None]]:
    """Code and text of each `ApiError` that a source makes: `%s` for what is filled in, None for what is no literal."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name("ApiError"), args=[code, ast.Constant(str(text)), *_]):
                yield ast.literal_eval(code), text
            case ast.Call(func=ast.Name("ApiError"), args=[code, ast.JoinedStr(parts), *_]):
                yield (
                    ast.literal_eval(code),
                    "".join(str(p.value) if isinstance(p, ast.Constant) else "%s" for p in parts),
                )
            case ast.Call(func=ast.Name("ApiError"), args=[code, *_]):
                yield ast.literal_eval(code), None


def test_what_other_rooms_raise_is_in_the_inventory() -> None:
    """Codes from 0 on are those of stream requests, which the inventory has no texts of."""
    found = {
        (str(path), code, text)
        for path in Path(agio.__path__[0]).rglob("*.py")
        if path != Path(errors.__file__)
        for code, text in raised(path.read_text())
        if code < 0
    }
    assert {code for _, code, _ in found} >= {-1007, -1125, -1194}
    assert not [one for one in found if one[2] not in texts(one[1])]
    assert list(raised('ApiError(-1, f"a {b}")\nApiError(-2, a)')) == [(-1, "a %s"), (-2, None)]


def test_templates_fill_in() -> None:
    assert len(errors.TEMPLATES) > 20
    error = errors.TOO_LONG.error(24)
    assert (error.code, error.message, error.status) == (
        -1127,
        "More than 24 hours between startTime and endTime.",
        400,
    )


def test_the_inventory_reads_as_a_table() -> None:
    assert csv.QUOTE_NONE
    assert all(re.fullmatch(r"-?\d+(/-?\d+)*", row["code"]) for row in ROWS)
