"""Metrics of what a worker keeps on its disk, read at a scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from modicum_server.ports import KeptArtifacts, KeptUse

NAME = "modicum_worker_kept"


class KeptCollector(Collector):
    """Shows zeros until something is watched: a worker beside a local folder keeps nothing."""

    def __init__(self) -> None:
        self._kept: KeptArtifacts | None = None

    def watch(self, kept: KeptArtifacts) -> None:
        """Read the use of these artifacts at every scrape."""
        self._kept = kept

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        use = KeptUse() if self._kept is None else self._kept.use
        files = "Weights, images, boxes and masks of a remote artifact store that tasks needed and"
        yield CounterMetricFamily(f"{NAME}_hits", f"{files} that the worker had kept on its disk.", use.hits)
        yield CounterMetricFamily(f"{NAME}_misses", f"{files} that the worker had to fetch.", use.misses)
        yield GaugeMetricFamily(f"{NAME}_bytes", "Bytes that the worker keeps on its disk.", use.size_bytes)
