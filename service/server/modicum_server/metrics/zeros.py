"""Counters whose labels have known values. A series that first appears as 1 is no rise in the eyes of Prometheus."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter


def counter_from_zero(
    registry: CollectorRegistry, name: str, text: str, labels: Sequence[str], series: Iterable[Sequence[str]]
) -> Counter:
    """Return a counter that shows these series as 0 from the start. Each is one value for each label, in order."""
    counter = Counter(name, text, labels, registry=registry)
    for values in series:
        counter.labels(*values)
    return counter
