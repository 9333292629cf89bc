"""Health, readiness and metrics, for supervisors and monitors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agio.gateway.admin.state import State
from agio.gateway.row import Call, Operation, Security, Venue, encode, success
from agio.ports import Reply

if TYPE_CHECKING:
    from collections.abc import Container

ALIVE = frozenset({"running", "degraded", "overloaded", "cancels-only", "halted", "stopping"})
READY = frozenset({"running", "degraded"})


def health(venue: Venue, _: Call) -> Reply:
    """200 unless the shard has failed: then only a restart helps."""
    return _judge(venue, ALIVE)


def ready(venue: Venue, _: Call) -> Reply:
    """200 while orders are taken, also when history falls behind (`degraded`); 503 otherwise."""
    return _judge(venue, READY)


def _judge(venue: Venue, good: Container[str]) -> Reply:
    state = State.of(venue)
    return Reply(200 if state.state in good else 503, encode(state), -1, -1)


def metrics(venue: Venue, _: Call) -> Reply:
    """Everything that is counted, as Prometheus reads it."""
    return success(venue.metrics())


ROWS = (
    Operation("health", "Whether the process is of use.", Security.OPS, health, State, rest=("GET", "/health")),
    Operation("ready", "Whether orders are taken.", Security.OPS, ready, State, rest=("GET", "/ready")),
    Operation("metrics", "Counters for Prometheus.", Security.OPS, metrics, str, rest=("GET", "/metrics")),
)
