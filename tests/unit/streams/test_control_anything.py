"""Any frame of a stream connection: a request, or a refusal with a code."""

import json
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from agio.streams import control

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
NEAR = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from([*control.METHODS, "subscribe", ""]) | JSON,
        "params": st.lists(st.sampled_from(["btcusdt@trade", "combined", "", "a b", "x" * 300]) | JSON, max_size=3)
        | JSON,
        "id": st.integers(-(2**64), 2**64) | st.text(max_size=40) | JSON,
    },
)


def refusal(message: bytes) -> control.ControlError | None:
    """Reads a frame as far as a room does."""
    try:
        request = control.parse(message)
        if request.method in ("SUBSCRIBE", "UNSUBSCRIBE"):
            control.names(request)
        elif request.method.endswith("_PROPERTY"):
            control.combined(request)
    except control.ControlError as error:
        return error
    reply = json.loads(control.result(None, request.id))
    assert reply == {"result": None, "id": request.id}
    return None


@settings(deadline=None)
@given(NEAR | JSON)
def test_any_json_is_a_request_or_refused(value: Any) -> None:
    error = refusal(json.dumps(value).encode())
    if error is not None:
        told = json.loads(error.json())
        assert told["code"] in (0, 1, 2, 3)
        assert told["error"]["msg"] == told["msg"]


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_as_json(message: bytes) -> None:
    error = refusal(message)
    assert error is not None
    try:
        msgspec.json.decode(message)
    except msgspec.DecodeError:
        assert error.code == 3


@given(st.integers(200, 5_000))
def test_nested_without_end(depth: int) -> None:
    error = refusal(b"[" * depth)
    assert error is not None
    assert error.code == 3


@settings(deadline=None)
@given(
    st.lists(st.text("abcz0129@_!%", min_size=1, max_size=30), min_size=1, max_size=5), st.sampled_from([1, None, "a"])
)
def test_names_come_as_they_were_sent(names: list[str], number: int | str | None) -> None:
    request = control.parse(json.dumps({"method": "SUBSCRIBE", "params": names, "id": number}).encode())
    assert control.names(request) == names
    assert request.id == number
