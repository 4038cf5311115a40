"""The metrics of API and worker, from their registries."""

from collections.abc import Iterator

from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.worker import WorkerMetrics
from prometheus_client import CollectorRegistry

from docs.generators.markdown import code, table

HEAD = ("metric", "type", "labels", "meaning")


def page() -> str:
    """Two tables: the API's metrics, then the worker's."""
    return "\n".join(
        f"## Of {owner}\n\n{table(HEAD, _rows(metrics.registry))}"
        for owner, metrics in (("the API", ApiMetrics()), ("a worker", WorkerMetrics()))
    )


def _rows(registry: CollectorRegistry) -> Iterator[tuple[str, str, str, str]]:
    labels = dict(_labels(registry))
    for family in registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield code(name), family.type, labels.get(family.name, ""), family.documentation


def _labels(registry: CollectorRegistry) -> Iterator[tuple[str, str]]:
    """The labels of every family, also of one that has no sample yet: prometheus_client has no public way to ask."""
    collectors = registry._names_to_collectors  # noqa: SLF001
    for family in registry.collect():
        owner = family if hasattr(family, "_labelnames") else collectors.get(family.name)
        yield family.name, ", ".join(map(code, getattr(owner, "_labelnames", ())))
