"""Binance's surface as recorded in docs/reference/inventory, for what is generated from it. Not used when serving."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "docs" / "reference" / "inventory"
REFERENCE = "binance-spot-api-docs at a5e0bc3 (2026-07-21); the other products as read in 2026-11"
REST = {
    "spot_rest": "Spot, REST",
    "sapi_wallet": "Wallet",
    "sapi_margin": "Margin",
    "sapi_subaccount": "Sub-accounts",
    "sapi_convert": "Convert",
    "sapi_fiat": "Fiat",
    "usdm_rest": "USD-margined futures, REST",
}
WEBSOCKET = {"spot_ws_api": "Spot, WebSocket API", "usdm_ws_api": "USD-margined futures, WebSocket API"}
STREAMS = {"spot_streams": "Spot, streams", "usdm_streams": "USD-margined futures, streams"}


@dataclass(frozen=True, slots=True)
class Call:
    """One row: an HTTP method and path, or WS and a method's name."""

    method: str
    name: str
    parameters: frozenset[str]
    purpose: str


def read(file: str) -> list[dict[str, str]]:
    """A file's rows by column."""
    with (FOLDER / f"{file}.tsv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def calls(file: str) -> list[Call]:
    """The calls of a file."""
    return [_call(row) for row in read(file)]


def _call(row: dict[str, str]) -> Call:
    names = f"{row['mandatory_params']},{row['optional_params']}".replace("|", ",").split(",")
    parameters = frozenset(name.partition("(")[0].strip() for name in names) - {""}
    return Call(row["method"], row["path"], parameters, row["purpose"])


def known() -> str:
    """What `known.txt` holds: every call, sorted; the futures' WebSocket API is another host's."""
    rows = [call for file in (*REST, "spot_ws_api") for call in calls(file)]
    return "".join(f"{line}\n" for line in sorted({f"{call.method} {call.name}" for call in rows}))
