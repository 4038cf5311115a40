"""Whether spans go to a collector, as the standard variables of OpenTelemetry say. Without them nothing is imported."""

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from modicum_server.errors import FieldInvalid
from modicum_server.ports import NO_TRACES, Traces

#: The second one counts where the first one is not set.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
#: The protocols that there are, and the package of each. OpenTelemetry for Python takes the first one by default.
EXPORTERS = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
}


def endpoint_variable(environment: Mapping[str, str]) -> str:
    """Return the variable that names the collector; empty where no traces are wanted."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or environment.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return ""
    return next((name for name in ENDPOINTS if environment.get(name, "").strip()), "")


def protocol_of(environment: Mapping[str, str]) -> str:
    """Return the protocol by which spans travel."""
    given = (environment.get(name, "").strip() for name in PROTOCOLS)
    return next(filter(None, given), next(iter(EXPORTERS)))


def require_traces(environment: Mapping[str, str], *, exporters: Mapping[str, str] = EXPORTERS) -> None:
    """Check that traces, if they are wanted, can be sent by one of the exporters.

    Raises:
        FieldInvalid: OpenTelemetry is not installed, or the protocol is not one of those that it has.
    """
    variable, protocol = endpoint_variable(environment), protocol_of(environment)
    if not variable:
        return
    if protocol not in exporters:
        raise FieldInvalid(PROTOCOLS[-1], f"expected {' or '.join(exporters)}, got {protocol[:80]!r}")
    if not _is_installed(exporters[protocol]):
        raise FieldInvalid(
            variable,
            "traces need OpenTelemetry, which is not installed: pip install 'modicum-server[traces]', or set "
            "OTEL_TRACES_EXPORTER=none to send no traces",
        )


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # a package above it
        return False


@contextmanager
def opened_traces(environment: Mapping[str, str], service: str, *, follow_callers: bool) -> Iterator[Traces]:
    """Send spans of `service` to the collector, if there is one, for the length of the context.

    Raises:
        FieldInvalid: as `require_traces`.
    """
    if not endpoint_variable(environment):
        yield NO_TRACES
        return
    require_traces(environment)
    from modicum_server.traces.collector import CollectorTraces  # noqa: PLC0415 - of an extra

    traces = CollectorTraces(service, protocol_of(environment), follow_callers=follow_callers)
    try:
        yield traces
    finally:
        traces.close()
