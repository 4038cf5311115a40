"""Spans reach a collector, or are dropped; who decides which traces are sent."""

import os
import subprocess
import sys

import pytest
from modicum_server.domain.traces import trace_id_of
from modicum_server.errors import FieldInvalid
from modicum_server.ports import NO_TRACES, SpanKind, spanned
from modicum_server.traces import opening
from modicum_server.traces.opening import opened_traces, require_traces

from tests.ports import free_port
from tests.traces.collector_stand_in import collecting

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
#: A trace that every share of ids contains, as it ends in zeros.
CHOSEN = f"00-{'1' * 16}{'0' * 15}1-{SPAN}"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in os.environ:
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


@pytest.fixture
def collector(monkeypatch):
    with collecting() as collector:
        for name, value in collector.variables.items():
            monkeypatch.setenv(name, value)
        yield collector


def opened(*, follow_callers=False):
    return opened_traces(os.environ, "modicum-test", follow_callers=follow_callers)


def test_spans_arrive_with_their_parents_facts_and_times(collector):
    with opened() as traces:
        call = traces.begin("call", f"00-{TRACE}-{SPAN}-01", kind=SpanKind.SERVER, facts={"request_id": "r"})
        traces.begin("queue", call.traceparent, at=1000.0).end(at=1002.5)
        call.note({"code": "OK"})
        call.end("INTERNAL")

    [call], [queue] = collector.named("call"), collector.named("queue")
    assert (call.trace, call.parent, call.service, call.kind) == (TRACE, SPAN, "modicum-test", 2)
    assert call.facts == {"modicum.request_id": "r", "modicum.code": "OK"}
    assert call.error == "INTERNAL"
    assert (queue.trace, queue.parent, queue.seconds) == (TRACE, call.id, 2.5)


def test_the_variables_name_the_service(collector, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "audits")

    with opened() as traces:
        traces.begin("call", "").end()

    assert {span.service for span in collector.spans} == {"audits"}


def test_an_error_ends_a_span_with_its_reason_and_without_its_words(collector):
    with opened() as traces, pytest.raises(FieldInvalid), spanned(traces, "plan", ""):
        raise FieldInvalid("field", "a secret")

    [plan] = collector.spans
    assert plan.error == "FIELD_INVALID"
    assert "secret" not in str(plan)


@pytest.mark.parametrize("flags", ["00", "01"])
@pytest.mark.parametrize(("share", "sent"), [("0", False), ("1", True)])
@pytest.mark.parametrize("sampler", ["traceidratio", "parentbased_traceidratio"])
def test_our_share_decides_and_neither_flag_nor_trace_of_a_caller(
    collector, monkeypatch, *, sampler, share, sent, flags
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", share)

    with opened() as traces:
        call = traces.begin("call", traces.admitted(f"{CHOSEN}-{flags}"))
        traces.begin("shard", call.traceparent).end()
        call.end()

    assert trace_id_of(call.traceparent) == trace_id_of(CHOSEN)
    assert len(collector.spans) == (2 if sent else 0)


@pytest.mark.parametrize(("flags", "sent"), [("00", 0), ("01", 1)])
def test_the_flag_of_callers_decides_where_the_setting_says_so(collector, flags, sent):
    with opened(follow_callers=True) as traces:
        traces.begin("call", traces.admitted(f"{CHOSEN}-{flags}")).end()

    assert len(collector.spans) == sent


def test_a_malformed_place_begins_a_trace(collector):
    with opened() as traces:
        assert not traces.admitted(f"{CHOSEN}-01-more")
        traces.begin("call", traces.admitted("nonsense")).end()

    [call] = collector.spans
    assert not call.parent


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_is_away_holds_nothing_up_and_the_queue_is_bounded(monkeypatch, protocol):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "16")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")

    with opened() as traces:
        for _ in range(1000):
            traces.begin("call", "").end()


@pytest.mark.parametrize(
    "variables",
    {
        "nothing": {},
        "an empty address": {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        "switched off": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_SDK_DISABLED": "true"},
        "no exporter": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_TRACES_EXPORTER": "none"},
    }.values(),
)
def test_without_a_collector_there_are_no_traces(variables):
    with opened_traces(variables, "modicum-test", follow_callers=False) as traces:
        assert traces is NO_TRACES


@pytest.mark.parametrize("variable", opening.ENDPOINTS)
def test_a_collector_without_the_extra_is_refused_by_one_sentence(variable):
    with pytest.raises(FieldInvalid) as refused:
        require_traces({variable: "http://127.0.0.1:4317"}, exporters={"grpc": "opentelemetry_not_there.exporter"})

    assert str(refused.value) == (
        f"{variable}: traces need OpenTelemetry, which is not installed: pip install 'modicum-server[traces]', or set "
        "OTEL_TRACES_EXPORTER=none to send no traces"
    )


def test_an_unknown_protocol_is_refused():
    with pytest.raises(FieldInvalid, match=r"expected grpc or http/protobuf, got 'http/json'"):
        require_traces({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})


def test_without_a_collector_nothing_of_opentelemetry_is_imported():
    program = (
        "import sys\n"
        "import modicum_server.cli, modicum_server.bootstrap as bootstrap, modicum_server.transports.api\n"
        "import modicum_server.worker.worker, modicum_server.torchserve.adapter, modicum, modicum.connection\n"
        "from modicum_server.settings import Settings\n"
        "with bootstrap._opened_traces(Settings(), 'modicum-api') as traces:\n"
        "    traces.begin('call', '').end()\n"
        "modicum.connection.trace_metadata()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
