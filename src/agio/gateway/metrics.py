"""What the gateway counts, and what others count, in Prometheus' text form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agio.gateway.dispatch import Dispatcher

POWERS = 23
"""Powers of two of µs that are told apart, up to 4 s: what takes longer is told as one."""

Source = Callable[[], Mapping[str, float]]
"""Current figures by name."""


class Metrics:
    """Collects when asked. prometheus_client is imported then, not at start."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """`sources`: by a prefix such as `shard`, figures that others keep."""
        self._sources = sources
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
        for prefix, source in self._sources.items():
            for name, value in source().items():
                yield GaugeMetricFamily(f"agio_{prefix}_{name}", f"{prefix}: {name}.", value=value)


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    """Counts up to each power of two of µs."""
    told, total = [], 0
    for power, count in enumerate(buckets[:POWERS]):
        total += count
        told.append((repr((1 << power) / 1e6), float(total)))
    return [*told, ("+Inf", float(sum(buckets)))]
