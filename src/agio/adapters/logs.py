"""Structured logs: JSON lines on stderr for programs, on a terminal lines for people, in colour where it is welcome."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def configure(level: int = logging.INFO) -> None:
    """Sends the standard library's records through structlog; `extra` fields become fields of the line."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    people = sys.stderr.isatty()
    last = _for_people() if people else structlog.processors.JSONRenderer()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(() if people else (structlog.processors.format_exc_info,)),
            last,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _for_people() -> structlog.dev.ConsoleRenderer:
    """Without colours where they are declined (no-color.org), or their codes would be seen.

    Its tracebacks are the plain ones: the richer tell what variables hold, and so keys, secrets and signatures.
    """
    colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)
