"""What the gateway counts, and what others count, in Prometheus' text form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agio.gateway.dispatch import Dispatcher

POWERS = 23
"""Powers of two of µs that are told apart, up to 4 s: what takes longer is told as one."""

WORDS = {
    "applied": "The last command that the engine has applied.",
    "under_way": "Requests that are not answered yet.",
    "lag_seconds": "From a command to its rows in SQL, of the last transaction.",
    "behind_commands": "Commands that history does not have yet.",
    "behind_seconds": "For how long history does not have what it lacks.",
    "overloaded": "1 while new orders are refused, for history is too far behind.",
    "waiting": "1 while history stands, for its database is full, locked or away.",
    "rows": "Rows that history has written.",
    "commits": "Transactions of history.",
    "retries": "Transactions that history had to try again.",
    "topics": "Streams that somebody listens to.",
    "sessions": "Connections with a stream.",
    "subscriptions": "Subscriptions to user data.",
    "watched_accounts": "Accounts whose user data is listened to.",
    "listen_keys": "Listen keys that are alive.",
    "connections": "Open connections.",
    "waiting_bytes": "What waits for slow readers.",
    "requests": "Requests of clients, such as SUBSCRIBE.",
    "refused_requests": "Requests of clients that were refused.",
    "accepted": "Handshakes that were accepted.",
    "refused": "Handshakes that were refused.",
    "closed": "Connections that have ended.",
    "received": "Messages from clients.",
    "sent": "Messages to clients, pings and pongs included.",
    "sent_bytes": "Bytes of messages to clients.",
    "slow": "Connections that were ended because they did not read.",
    "silent": "Connections that were ended because they did not answer pings.",
    "flooding": "Connections that were ended because they sent too much.",
    "broken": "Connections that were ended because they broke the protocol.",
    "failed": "Errors of our own on connections.",
}
"""What each figure is; those of the same name are the same of another listener."""

Source = Callable[[], Mapping[str, float]]
"""Current figures by name."""


class Metrics:
    """Collects when asked. prometheus_client is imported then, not at start."""

    def __init__(self, gauges: Mapping[str, Source], counters: Mapping[str, Source]) -> None:
        """By a prefix such as `shard`, figures that others keep: as they are now, and counts that only grow."""
        self._gauges = gauges
        self._counters = counters
        self._dispatchers: list[Dispatcher] = []
        self._registry: Any = None

    def watch(self, dispatcher: Dispatcher) -> None:
        """Tells this dispatcher's counts, too."""
        self._dispatchers.append(dispatcher)

    def __call__(self) -> bytes:
        """The page."""
        from prometheus_client import CollectorRegistry, generate_latest

        if self._registry is None:
            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(self)
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Any]:
        """prometheus_client's collector protocol."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        requests = CounterMetricFamily(
            "agio_requests", "Answers by operation and status.", labels=["operation", "status"]
        )
        durations = HistogramMetricFamily("agio_request_seconds", "Time to answer.", labels=["operation"])
        for dispatcher in self._dispatchers:
            for row in dispatcher.table.rows:
                name, tally = row.operation.name, row.tally
                for status, count in tally.statuses.items():
                    requests.add_metric([name, str(status)], count)
                if tally.nanoseconds:
                    durations.add_metric([name], _cumulated(tally.buckets), tally.nanoseconds / 1e9)
            for status, count in dispatcher.unrouted.items():
                requests.add_metric(["", str(status)], count)
        yield from (requests, durations)
        addresses = sum(len(dispatcher.limits) for dispatcher in self._dispatchers)
        yield GaugeMetricFamily("agio_limited_addresses", "Addresses whose use is counted.", value=addresses)
        for family, sources in ((GaugeMetricFamily, self._gauges), (CounterMetricFamily, self._counters)):
            for prefix, source in sources.items():
                for name, value in source().items():
                    yield family(f"agio_{prefix}_{name}", WORDS[name], value=value)


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    """Counts up to each power of two of µs."""
    told, total = [], 0
    for power, count in enumerate(buckets[:POWERS]):
        total += count
        told.append((repr((1 << power) / 1e6), float(total)))
    return [*told, ("+Inf", float(sum(buckets)))]
