"""What is generated is up to date, and the table agrees with the inventory."""

import re
from collections.abc import Iterator

import pytest

from agio.gateway import docs, inventory, known
from agio.gateway.compatibility import judge
from agio.gateway.operations import ADMIN, PUBLIC
from agio.gateway.row import Operation, Security

GENERATED = docs.generated()


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.name)
def test_generated_files_are_up_to_date(path: object) -> None:
    text = GENERATED[path]  # type: ignore[index]
    assert path.read_text(encoding="utf-8") == text, "run `make docs`"  # type: ignore[attr-defined]


def pairs() -> Iterator[tuple[dict[str, str], Operation]]:
    """Each row of the inventory and the operation that serves it."""
    rest = {row.rest: row for row in PUBLIC if row.rest}
    ws = {("WS", row.ws): row for row in PUBLIC if row.ws}
    for file in (*inventory.REST, "spot_ws_api"):
        for line in inventory.read(file):
            operation = {**rest, **ws}.get((line["method"], line["path"]))
            if operation is not None:
                yield line, operation


PAIRS = list(pairs())


@pytest.mark.parametrize(("line", "row"), PAIRS, ids=[f"{line['method']} {line['path']}" for line, _ in PAIRS])
def test_weights_are_the_inventorys(line: dict[str, str], row: Operation) -> None:
    numbers = [int(number) for number in re.findall(r"\d+", re.sub(r"20\d\d-\d\d-\d\d", "", line["weight"]))]
    assert row.weight in numbers
    if row.weigh is None:
        assert re.match(rf"(IP: )?{row.weight}\b", line["weight"])
    assert row.free == ("0 when accepted" in line["weight"] or "0 on success" in line["weight"])


@pytest.mark.parametrize(("line", "row"), PAIRS, ids=[f"{line['method']} {line['path']}" for line, _ in PAIRS])
def test_security_is_the_inventorys(line: dict[str, str], row: Operation) -> None:
    same = {"MARKET_DATA": "NONE", "SIGNED(Ed25519)": "USER_DATA"}
    assert row.security.value == same.get(line["security"], line["security"])


@pytest.mark.parametrize(("line", "row"), PAIRS, ids=[f"{line['method']} {line['path']}" for line, _ in PAIRS])
def test_mandatory_parameters_are_the_inventorys(line: dict[str, str], row: Operation) -> None:
    theirs = {name.partition("(")[0] for part in line["mandatory_params"].split(",") for name in part.split("|")}
    theirs -= {"", "timestamp", "signature", "apiKey"}
    ours = {param.name for param in row.params if param.required}
    ours |= {param.required for param in row.params if isinstance(param.required, str)}
    assert ours == theirs


def test_names_and_faces_are_unique() -> None:
    rows = (*PUBLIC, *ADMIN)
    for values in (
        [row.name for row in rows],
        [row.rest for row in rows if row.rest],
        [row.ws for row in rows if row.ws],
    ):
        assert len(values) == len(set(values))
    assert all(row.rest or row.ws for row in rows)


def test_every_row_is_in_the_inventory() -> None:
    """Nothing public is of our own making."""
    for row in PUBLIC:
        assert row.rest is None or known.has(*row.rest), row.name
        assert row.ws is None or known.has("WS", row.ws), row.name


def test_administration_changes_nothing_without_actor_and_reason() -> None:
    for row in ADMIN:
        assert row.security in (Security.ADMIN, Security.OPS)
        if row.rest and row.rest[0] != "GET":
            assert row.body is not None
            assert {"actor", "reason"} <= set(row.body.__struct_fields__)


def test_a_missing_parameter_is_told() -> None:
    call = next(call for call in inventory.calls("spot_rest") if call.name == "/api/v3/depth")
    depth = next(row for row in PUBLIC if row.name == "depth")
    assert judge(call, depth) == ("implemented", "")
    lacking = Operation("depth", "", Security.NONE, depth.handler, None, params=depth.params[:1])
    assert judge(call, lacking) == ("partly", "without limit, symbolStatus")
    assert judge(call, None) == ("-1020", "")
