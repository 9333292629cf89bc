"""One exchange as a process: signals, readiness, and a new beginning after a failure."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
import time
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn, Protocol

import uvloop

from agio.bootstrap import REST, STREAM, WS_API, Exchange, Settings
from agio.domain.errors import AgioError, Fatal

log = logging.getLogger(__name__)

FAILED = 75
"""The exit code that asks a supervisor for a restart (EX_TEMPFAIL)."""
RESTARTS = "AGIO_RESTARTS"
PAUSES = (0, 1, 2, 4, 8)
"""Seconds before each new beginning in a row."""
MOST_RESTARTS = len(PAUSES)
"""In a row, before the process gives up."""
SUPERVISED = "AGIO_SUPERVISED"
"""Says that whoever started this process will start it again after a failure."""
SYSTEMD = "SYSTEMD_EXEC_PID"
"""Systemd says the same by naming the process that it has started; what that one starts inherits the variable."""
COLLECT_AFTER = 50_000
"""Objects made and not freed before the garbage collector looks at them."""
LOWEST_BASE, HIGHEST_BASE = 12_000, 32_000
"""Where free ports are looked for."""
PLACES = 6
"""Ports of one exchange, those of products to come included."""
STRIDE = 1009
"""From one look for free ports to the next, in places: past those at which processes look that started just then."""
STEADY_SECONDS = 60
"""After so long a start counts as a good one."""


class Guest(Protocol):
    """What comes with an exchange: demo users and liquidity, or nothing."""

    async def settle(self, exchange: Exchange) -> list[dict[str, str]]:
        """Prepares the exchange; returns the users to tell of, each with name, api_key and secret_key."""
        ...

    def screen(self, ready: dict[str, Any]) -> str:
        """What a person sees when it is ready."""
        ...

    async def leave(self) -> None:
        """Ends what `settle` began."""
        ...


class Plain:
    """Nobody."""

    async def settle(self, exchange: Exchange) -> list[dict[str, str]]:
        """No users to tell of."""
        return []

    def screen(self, ready: dict[str, Any]) -> str:
        """Where it listens."""
        return f"agio is ready: REST {ready['rest']}, WebSocket API {ready['ws_api']}, streams {ready['streams']}"

    async def leave(self) -> None:
        """Nothing to end."""


class _End(NamedTuple):
    """How it ended: why it failed, if it did, and whether every thread has ended."""

    failure: str | None
    is_clean: bool


def run(settings: Settings, guest: Guest, *, as_json: bool) -> None:
    """Runs until a signal; ends with 0 after a stop. After a failure a new process takes this one's place."""
    _configure_logs()
    if not settings.port_base:
        settings = replace(settings, port_base=_free_base({settings.host, settings.ops_host}))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            failure, is_clean = runner.run(_live(settings, guest, as_json=as_json))
        except Fatal as error:
            if not _restarts():
                raise
            failure, is_clean = str(error), False  # what made it begin anew may go on for a while
        if failure is not None:
            log.critical("failed", extra={"reason": failure})
            _begin_anew(settings, failure)
        if not is_clean:
            _leave(0)  # closing the runner would wait for the threads that are still at work


async def _live(settings: Settings, guest: Guest, *, as_json: bool) -> _End:
    """From start to stop."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[str | None] = loop.create_future()

    def end(reason: str | None = None) -> None:
        if not ended.done():
            ended.set_result(reason)

    for number in _stops():
        loop.add_signal_handler(number, end)
    exchange = Exchange(settings, end)
    starting = loop.create_task(exchange.start())
    await asyncio.wait((starting, ended), return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # it may read a long log: there is nothing to answer yet, and nothing to write
        log.warning("ended before it was ready: the log is as it was")
        return _End(await ended, is_clean=False)
    await starting
    try:
        await _settle(exchange, guest, ended, as_json=as_json)
        _spare_collector()
        loop.call_later(STEADY_SECONDS, os.environ.pop, RESTARTS, None)
        failure = await ended
    finally:
        await guest.leave()
        await exchange.stop()
    return _End(failure, exchange.is_clean)


def _stops() -> list[signal.Signals]:
    """Signals that end it. A terminal that is closed does, too, unless whoever started it said otherwise (nohup)."""
    hears = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hears else [])]


async def _settle(exchange: Exchange, guest: Guest, ended: asyncio.Future[str | None], *, as_json: bool) -> None:
    try:
        ready = {**addresses(exchange), "users": await guest.settle(exchange)}
    except AgioError:
        await asyncio.sleep(0)  # what broke the guest may be about to end everything
        if ended.done():
            return
        raise
    sys.stdout.write((json.dumps(ready) if as_json else guest.screen(ready)) + "\n")
    sys.stdout.flush()


def _spare_collector() -> None:
    """Spares the garbage collector what stays anyway, and most looks for the cycles that requests do not make."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)


def addresses(exchange: Exchange) -> dict[str, str]:
    """Where clients find it."""
    host, ports = exchange.settings.host, exchange.ports
    host = f"[{host}]" if ":" in host else host
    return {
        "rest": f"http://{host}:{ports[REST]}",
        "ws_api": f"ws://{host}:{ports[WS_API]}/ws-api/v3",
        "streams": f"ws://{host}:{ports[STREAM]}",
    }


def _free_base(hosts: set[str]) -> int:
    """A port base all of whose ports are free, so that a process that begins anew finds them again.

    Below the range from which systems take the ports of outgoing connections: one of those could come in between.
    Each process looks at places of its own: those that start together would not see each other's ports yet.
    """
    places = (HIGHEST_BASE - LOWEST_BASE) // PLACES
    for attempt in range(100):
        base = LOWEST_BASE + (os.getpid() + attempt * STRIDE) % places * PLACES
        if all(_is_free(host, base + place) for host in hosts for place in range(PLACES)):
            return base
    raise Fatal(f"no {PLACES} free ports in a row were found; choose some with --port-base")


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise Fatal(f"cannot listen on {host}: {error}; name an address of this machine with --host") from error
    return True


def _begin_anew(settings: Settings, failure: str) -> NoReturn:
    """What failed is not retried: a supervisor starts a new process, or this one becomes it."""
    restarts = _restarts()
    supervised = os.environ.get(SUPERVISED) or os.environ.get(SYSTEMD) == str(os.getpid())
    if supervised or restarts >= MOST_RESTARTS:
        given_up = f"; given up after {restarts} new beginnings in a row" if restarts else ""
        sys.stderr.write(f"agio: {failure}{given_up}\n")
        _leave(FAILED)
    os.environ[RESTARTS] = str(restarts + 1)
    pause = PAUSES[restarts]
    sys.stderr.write(f"agio: {failure}; beginning anew{f' in {pause} s' if pause else ''}\n")
    sys.stderr.flush()
    for number in _stops():
        signal.signal(number, signal.SIG_DFL)  # the loop, which heard them, is at its end
    time.sleep(pause)
    arguments = [*sys.orig_argv[1:], "--port-base", str(settings.port_base)]
    os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 -- itself, with its own arguments


def _restarts() -> int:
    return int(os.environ.get(RESTARTS, "0"))


def _leave(code: int) -> NoReturn:
    """Ends the process without waiting for its threads."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)


def _configure_logs() -> None:
    from agio.adapters.logs import configure

    configure()
