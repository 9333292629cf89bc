"""What logs say, and what they keep to themselves."""

import io
import logging
from collections.abc import Iterator

import pytest

from agio.adapters.logs import configure


class Screen(io.StringIO):
    """What stderr is, on a terminal or for a program."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_traceback_tells_where_and_not_what_variables_hold(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `rich` installed, as for developers, structlog would show them on a terminal."""
    screen = Screen(terminal=terminal)
    monkeypatch.setattr("sys.stderr", screen)
    configure()

    def breaks(secret: str) -> None:
        raise ValueError(len(secret))

    try:
        breaks("x" * 5 + "told")
    except ValueError:
        logging.getLogger("agio.test").exception("it broke", extra={"operation": "ping"})
    said = screen.getvalue()
    assert all(words in said for words in ("it broke", "operation", "ping", "in breaks", "ValueError: 9"))
    assert "xxxxxtold" not in said


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_those_who_want_and_can_show_them(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Screen(terminal=True)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    configure()
    logging.getLogger("agio.test").warning("hello")
    assert "hello" in screen.getvalue()
    assert ("\x1b[" in screen.getvalue()) is coloured
