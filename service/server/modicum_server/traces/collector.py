"""Spans that go to a collector by OTLP, through the SDK of OpenTelemetry.

A thread of the SDK sends them in batches, from a queue of bounded length. A span that finds it full is dropped, so a
collector that is away holds nothing up. Endpoint, headers, queue and sampler are the SDK's own variables (`OTEL_*`).
"""

from importlib import import_module, metadata
from random import SystemRandom
from threading import Thread

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler
from opentelemetry.trace import NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from modicum_server.domain.traces import known_traceparent
from modicum_server.ports import Facts, SpanKind
from modicum_server.traces.opening import EXPORTERS

#: How long the last spans may take at the end of the process.
GOODBYE_SECONDS = 2.0
PREFIX = "modicum."
NANOSECONDS = 1_000_000_000
_KINDS = {kind: trace.SpanKind[kind.value] for kind in SpanKind}
_NOT_SAMPLED, _SAMPLED = TraceFlags(TraceFlags.DEFAULT), TraceFlags(TraceFlags.SAMPLED)


class CollectorSpan:
    """`ports.Span` over one of OpenTelemetry."""

    def __init__(self, span: trace.Span) -> None:
        """Take a span that has begun."""
        self._span = span

    @property
    def traceparent(self) -> str:
        """Its place in its trace, which says whether the trace is sent."""
        place = self._span.get_span_context()
        return f"00-{place.trace_id:032x}-{place.span_id:016x}-{place.trace_flags & TraceFlags.SAMPLED:02x}"

    def note(self, facts: Facts) -> None:
        """Add facts."""
        for name, value in facts.items():
            self._span.set_attribute(PREFIX + name, value)

    def end(self, failed: str = "", *, at: float | None = None) -> None:
        """End it."""
        if failed:
            self._span.set_status(Status(StatusCode.ERROR, failed))
        self._span.end(_nanoseconds(at))


class CollectorTraces:
    """`ports.Traces` that are sent. A trace is sent as a whole or not at all: its first span here decides."""

    def __init__(self, service: str, protocol: str, *, follow_callers: bool) -> None:
        """Take the name of the service, unless a variable names it, and whether a caller's flag decides."""
        self._follow_callers = follow_callers
        self._random = SystemRandom()
        exporter: SpanExporter = import_module(f"{EXPORTERS[protocol]}.trace_exporter").OTLPSpanExporter()
        configured = TracerProvider(shutdown_on_exit=False).sampler  # as OTEL_TRACES_SAMPLER says
        self._sampler: Sampler = configured if isinstance(configured, ParentBased) else ParentBased(configured)
        facts = {"service.name": service, "service.version": metadata.version("modicum-server")}
        resource = Resource.create(facts).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(sampler=self._sampler, resource=resource, shutdown_on_exit=False)
        self._exporter = exporter
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("modicum_server")

    def begin(
        self,
        name: str,
        parent: str,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        facts: Facts | None = None,
        at: float | None = None,
    ) -> CollectorSpan:
        """Begin a span."""
        attributes = {PREFIX + key: value for key, value in (facts or {}).items()}
        span = self._tracer.start_span(
            name, _context_of(parent), kind=_KINDS[kind], attributes=attributes, start_time=_nanoseconds(at)
        )
        return CollectorSpan(span)

    def admitted(self, given: str) -> str:
        """Return the place of a caller, with our own decision whether to trace the call.

        We decide as for a trace of our own, by a random number. A caller could choose the id of a trace that every
        share of ids contains.
        """
        known = known_traceparent(given)
        if not known or self._follow_callers:
            return known
        drawn = self._random.getrandbits(128) or 1
        sampled = self._sampler.should_sample(None, drawn, "call").decision is Decision.RECORD_AND_SAMPLE
        return f"{known[:-2]}{_SAMPLED if sampled else _NOT_SAMPLED:02x}"

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        last = Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(GOODBYE_SECONDS)
        if last.is_alive():
            self._exporter.shutdown()  # ends its wait for another try


def _context_of(parent: str) -> Context:
    known = known_traceparent(parent)
    if not known:
        return Context()
    flags = TraceFlags(int(known[53:55], 16))
    place = SpanContext(int(known[3:35], 16), int(known[36:52], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(place), Context())


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * NANOSECONDS)
