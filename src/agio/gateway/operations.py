"""THE table: everything that a client, an operator or a monitor can ask. Rows live beside their handlers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agio.gateway import codec
from agio.gateway.admin import accounts, clock, markets, monitor, state, users
from agio.gateway.row import Operation, Security, Tally
from agio.gateway.spot import account, general, history, market_data, orders, session, tickers, user_stream
from agio.gateway.wallet import startup

if TYPE_CHECKING:
    from collections.abc import Iterable

PUBLIC: tuple[Operation, ...] = (
    *general.ROWS,
    *market_data.ROWS,
    *tickers.ROWS,
    *orders.ROWS,
    *account.ROWS,
    *history.ROWS,
    *user_stream.ROWS,
    *session.ROWS,
    *startup.ROWS,
)
"""What the rest and ws-api listeners serve."""

OPS: tuple[Operation, ...] = monitor.ROWS
"""What the ops listener serves."""

ADMIN: tuple[Operation, ...] = (*users.ROWS, *accounts.ROWS, *markets.ROWS, *clock.ROWS, *state.ROWS, *OPS)
"""What the owner-only Unix socket serves."""


@dataclass(slots=True)
class Row:
    """An operation at work: its parsers and how often it was called."""

    operation: Operation
    rest_schema: codec.Schema | None
    ws_schema: codec.Schema | None
    is_signed: bool
    is_keyed: bool
    reads_body: bool
    """Whether parameters may stand in the body of a request: in a GET's they may not (rest-api.md)."""
    tally: Tally = field(default_factory=Tally)

    @classmethod
    def of(cls, operation: Operation) -> Row:
        """Makes the parsers."""
        parsed = operation.security not in (Security.ADMIN, Security.OPS)
        rest = codec.rest_schema(operation) if parsed and operation.rest else None
        ws = codec.ws_schema(operation) if operation.ws else None
        reads_body = operation.rest is not None and operation.rest[0] != "GET"
        return cls(operation, rest, ws, operation.is_signed, operation.security is not Security.NONE, reads_body)


class Table:
    """Rows by what is asked."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.rows = [Row.of(operation) for operation in operations]
        self.rest = {row.operation.rest: row for row in self.rows if row.operation.rest}
        self.routes = {(method.encode(), path.encode()): row for (method, path), row in self.rest.items()}
        """As requests name them."""
        self.ws = {row.operation.ws: row for row in self.rows if row.operation.ws}
        self.methods: dict[str, list[str]] = {}
        for method, path in self.rest:
            self.methods.setdefault(path, []).append(method)
