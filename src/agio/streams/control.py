"""Requests that come over a stream connection (web-socket-streams.md, "Live Subscribing/Unsubscribing to streams")."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import msgspec

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
MAX_NAME = 256
"""Longer than any stream name; keeps what a connection can make us remember bounded."""

_MOST_PARAMETERS = {"LIST_SUBSCRIPTIONS": 0, "SET_PROPERTY": 2, "GET_PROPERTY": 1}
_INVALID_NAME = re.compile(r"[\x00-\x20\x7f]|\A\Z")
_BYTE = re.compile(r"byte (\d+)")
_INT64 = 1 << 63
_LONGEST_ID = 36

Id = int | str | None


class ControlError(Exception):
    """A request refused with one of the codes 0 to 3."""

    def __init__(self, code: int, message: str, id: Id = None) -> None:  # noqa: A002
        super().__init__(message)
        self.code = code
        self.message = message
        self.id = id

    def json(self) -> bytes:
        """Binance documents `code` and `msg` at the top; on the wire, clients have seen and parse them in `error`."""
        error = {"code": self.code, "msg": self.message}
        return msgspec.json.encode({**error, "error": error, "id": self.id})


class Request(NamedTuple):
    """A well-formed request."""

    method: str
    params: list[Any]
    id: Id


def result(value: Any, id: Id) -> bytes:  # noqa: A002
    """A success reply."""
    return msgspec.json.encode({"result": value, "id": id})


def parse(message: bytes) -> Request:
    """Raises ControlError."""
    try:
        request = msgspec.json.decode(message)
    except RecursionError:  # nested without end
        raise ControlError(3, "Invalid JSON: recursion limit exceeded at line 1 column 128") from None
    except msgspec.DecodeError as error:
        raise ControlError(3, f"Invalid JSON: expected value at {_place(message, str(error))}") from None
    if not isinstance(request, dict) or "method" not in request:
        raise _invalid(f"missing field `method` at {_line_and_column(message, len(message))}")
    method = request["method"]
    if method not in METHODS:
        raise _invalid(_unknown_variant(message, method))
    id_ = _id(request)
    params = request.get("params") or []
    if not isinstance(params, list):
        raise _invalid("params must be a list", id_)
    if len(params) > _MOST_PARAMETERS.get(method, len(params)):
        raise _invalid("too many parameters", id_)
    return Request(method, params, id_)


def names(request: Request) -> list[str]:
    """The stream names of a SUBSCRIBE or UNSUBSCRIBE. Unknown ones are accepted, like Binance does."""
    for name in request.params:
        if not isinstance(name, str) or not is_name(name):
            raise _invalid("invalid stream", request.id)
    if not request.params:
        raise _invalid("params must name a stream", request.id)
    return request.params


def is_name(name: str) -> bool:
    """Whether it may be a stream's name at all."""
    return len(name) <= MAX_NAME and not _INVALID_NAME.search(name)


def combined(request: Request) -> bool | None:
    """The value of `combined` that SET_PROPERTY asks for; None for GET_PROPERTY."""
    name = request.params[0] if request.params else None
    if not isinstance(name, str):
        raise _invalid("property name must be a string", request.id)
    if name != "combined":
        raise ControlError(0, "Unknown property", request.id)
    if request.method == "GET_PROPERTY":
        return None
    value = request.params[1] if len(request.params) > 1 else None
    if not isinstance(value, bool):
        raise ControlError(1, "Invalid value type: expected Boolean", request.id)
    return value


def _invalid(why: str, id: Id = None) -> ControlError:  # noqa: A002
    return ControlError(2, f"Invalid request: {why}", id)


def _id(request: dict[str, Any]) -> Id:
    """An int64, a string of at most 36 characters, or an explicit null."""
    id_ = request.get("id", False)
    if id_ is None or (isinstance(id_, str) and len(id_) <= _LONGEST_ID):
        return id_
    if isinstance(id_, int) and not isinstance(id_, bool) and -_INT64 <= id_ < _INT64:
        return id_
    raise _invalid("request ID must be an unsigned integer")


def _unknown_variant(message: bytes, method: Any) -> str:
    quoted = msgspec.json.encode(method)
    end = message.find(quoted) + len(quoted)
    shown = method if isinstance(method, str) else quoted.decode()
    known = ", ".join(f"`{name}`" for name in METHODS)
    return f"unknown variant `{shown}`, expected one of {known} at {_line_and_column(message, end)}"


def _place(message: bytes, error: str) -> str:
    found = _BYTE.search(error)
    return _line_and_column(message, int(found[1]) + 1 if found else len(message))


def _line_and_column(message: bytes, end: int) -> str:
    *lines, last = message[:end].split(b"\n")
    return f"line {len(lines) + 1} column {len(last)}"
