"""How many files and sockets this process may have open at once."""

from __future__ import annotations

import resource
from contextlib import suppress

MODEST = 10_240
"""What a system still grants that refuses more, though it names no limit (macOS)."""


def allowed(wanted: int) -> int:
    """Raises the process's own (soft) limit to `wanted`, as far as the system's (hard) one lets it; what it is then.

    Shells and supervisors commonly start a process with 1,024, for the sake of programs that use `select`.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    for limit in (wanted, MODEST):
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        if soft >= most:
            break
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return most
    return soft
