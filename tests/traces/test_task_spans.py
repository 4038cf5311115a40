"""What a model's process says of its time becomes spans within its call."""

import time

from modicum_server.generated.worker_pb2 import Phase
from modicum_server.ports import NO_SPAN, NO_TRACES
from modicum_server.torchserve.task_spans import MOST_PHASES, HandlerSpans

from tests.traces.recorded_traces import RecordedTraces

SECOND = 1_000_000_000


def phase(name, start, end):
    return Phase(name=name, start_nanoseconds=round(start * SECOND), end_nanoseconds=round(end * SECOND))


def test_phases_lie_below_a_span_of_the_handler():
    traces = RecordedTraces()
    call, begun = traces.begin("call", ""), time.time() - 10

    HandlerSpans(traces, call, begun).add([phase("load", begun + 1, begun + 2), phase("compute", begun + 2, begun + 5)])

    [handler], [load], [compute] = (traces.named(name) for name in ("handler", "load", "compute"))
    assert handler.parent == call.traceparent
    assert load.parent == compute.parent == handler.traceparent
    assert [round(each - begun, 3) for each in (load.start, load.end_at, compute.start, compute.end_at)] == [1, 2, 2, 5]
    assert (handler.start, handler.end_at) == (load.start, compute.end_at)
    assert all(span.ended for span in (handler, load, compute))


def test_a_hostile_process_names_no_other_phases_and_no_other_times():
    traces = RecordedTraces()
    call, begun = traces.begin("call", ""), time.time() - 10
    hostile = [phase("a secret", begun, begun), phase("load", 0, 1 << 33), *[phase("compute", begun + 3, 0)] * 100]

    HandlerSpans(traces, call, begun).add(hostile)

    below = [span for span in traces.spans if span.parent == traces.named("handler")[0].traceparent]
    assert len(below) == MOST_PHASES
    assert {span.name for span in below} == {"load", "compute"}
    assert all(begun <= span.start <= span.end_at <= time.time() for span in below)


def test_without_traces_nothing_is_made():
    HandlerSpans(NO_TRACES, NO_SPAN).add([phase("load", 1, 2)])
