"""Where the client says that its calls stand in a trace."""

import pytest
from modicum.traces import trace_metadata
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

OUTSIDE = f"00-{'a' * 32}-{'b' * 16}-01"


def current_span(flags=TraceFlags.SAMPLED):
    return trace.use_span(NonRecordingSpan(SpanContext(0xC, 0xD, is_remote=False, trace_flags=TraceFlags(flags))))


def test_a_call_stands_in_the_current_span():
    with current_span():
        assert trace_metadata({}) == (("traceparent", f"00-{0xC:032x}-{0xD:016x}-01"),)
    with current_span(TraceFlags.DEFAULT):
        assert trace_metadata({}) == (("traceparent", f"00-{0xC:032x}-{0xD:016x}-00"),)


def test_a_command_stands_where_the_variable_says():
    assert trace_metadata({"TRACEPARENT": OUTSIDE}) == (("traceparent", OUTSIDE),)


def test_the_current_span_comes_before_the_variable():
    with current_span():
        assert trace_metadata({"TRACEPARENT": OUTSIDE}) == (("traceparent", f"00-{0xC:032x}-{0xD:016x}-01"),)


@pytest.mark.parametrize("given", ["", "nonsense", OUTSIDE.upper(), OUTSIDE + "\n", f"00-{'0' * 32}-{'b' * 16}-01"])
def test_a_malformed_variable_says_nothing(given):
    assert trace_metadata({"TRACEPARENT": given}) == ()
