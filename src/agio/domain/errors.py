"""What can go wrong, as every room says it."""

from __future__ import annotations


class AgioError(Exception):
    """The root of agio's errors."""


class ApiError(AgioError):
    """A request refused with one of Binance's codes.

    Rooms raise it with the code and text of `docs/reference/inventory/spot_errors.tsv`; the gateway answers it.
    """

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        """For people."""
        return f"{self.message} ({self.code})"


class CommandRefused(AgioError):
    """The engine refused an administrative command: `reason` is its name, `words` say why."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(f"{reason}: {words}")
        self.reason = reason
        self.words = words


class Fatal(AgioError):
    """The process cannot start or go on; the text says what is wrong and what to do."""
