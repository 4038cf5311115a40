"""The layer that puts a span around a call, as the child of the span that its caller names."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc
import structlog

from modicum_server.domain.traces import trace_id_of
from modicum_server.ports import Span, SpanKind, Traces
from modicum_server.transports.calls import Call

TRACEPARENT_HEADER = "traceparent"
#: How calls end that failed through a fault of the server, and not of the caller.
FAULTS = frozenset(
    {
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNKNOWN,
    }
)


def traced(traces: Traces) -> Callable[[Call], AbstractAsyncContextManager[None]]:
    """Put a span around the call. A probe has none."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        if call.probe:
            yield
            return
        parent = traces.admitted(call.wire.header(TRACEPARENT_HEADER))
        facts = {"request_id": call.request_id, "door": call.wire.transport}
        span = traces.begin(call.method.lstrip("/"), parent, kind=SpanKind.SERVER, facts=facts)
        call.traceparent = span.traceparent
        trace = {"trace_id": trace_id_of(span.traceparent)} if span.traceparent else {}
        try:
            with structlog.contextvars.bound_contextvars(**trace):
                yield
        finally:
            _end(span, call)

    return layer


def _end(span: Span, call: Call) -> None:
    """End the span of a call. It names the resource only if the call succeeded: others may have no such names."""
    span.note({"code": call.code.name})
    if call.code is grpc.StatusCode.OK and call.resource:
        span.note({"resource": call.resource})
    span.end((call.reason or call.code.name) if call.code in FAULTS else "")
