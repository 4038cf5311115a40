"""A real audit on a real server is one trace, from the client's call to the model's process, at a collector."""

import shutil
from collections import Counter

import pytest
from modicum import Client
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from tests.acceptance.acceptance_running import running_server
from tests.acceptance.acceptance_stage import ARCHITECTURE, PHOTOGRAPHS
from tests.traces.collector_stand_in import Collector, Received, collecting
from tests.waiting import eventually

MODEL = ("--weights", "w.safetensors", "--architecture", ARCHITECTURE, "--input", "input.toml")
REGISTERING, AUDITING, SPAN = 0xA11, 0xB22, 0xC33
CREATE = "modicum.v1.AuditService/CreateAudit"
SERVER, CLIENT, CONSUMER = 2, 3, 5


def spans_of(collector: Collector, number: int, last: str) -> list[Received]:
    """All spans of a trace, once the shard of this stage has ended and its spans have come."""
    eventually(lambda: [span for span in collector.named(f"shard {last}") if span.trace == f"{number:032x}"], last)
    return [span for span in collector.spans if span.trace == f"{number:032x}"]


@pytest.mark.long
def test_an_audit_is_one_trace_off_which_its_times_are_read(short_folder, materials):
    shutil.copytree(materials, short_folder, dirs_exist_ok=True)
    with collecting() as collector, running_server(short_folder, **collector.variables) as running:
        user = running.client_place(short_folder)
        registering = user.with_variables(TRACEPARENT=f"00-{REGISTERING:032x}-{SPAN:016x}-01")
        assert registering.run("modicum", "models", "create", "m", *MODEL, "--class-labels", "labels.txt").code == 0
        assert user.run("modicum", "datasets", "create", "d", "photos").code == 0
        place = SpanContext(AUDITING, SPAN, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        with Client(running.address, token=running.token) as client, trace.use_span(NonRecordingSpan(place)):
            audit = client.audits.create(models=["m"], dataset="d", thresholds=[0.9], passes=40, controls=[], name="a")
            audit.wait()
        checked, audited = (
            spans_of(collector, number, last) for number, last in ((REGISTERING, "CHECK"), (AUDITING, "SUMMARISE"))
        )
        token = running.token

    by_id = {span.id: span for span in audited}
    [create] = [span for span in audited if span.name == CREATE]
    [search], [summary] = (
        [each for each in audited if each.name == f"shard {stage}"] for stage in ("SEARCH", "SUMMARISE")
    )
    below = {span.name: span for span in audited if span.parent == search.id}
    handler = next(span for span in audited if span.name == "handler")
    phases = {span.name: span for span in audited if span.parent == handler.id}

    assert {span.parent for span in audited} <= {f"{SPAN:016x}", *by_id}, "every span hangs in the trace"
    assert (create.parent, create.kind, create.service) == (f"{SPAN:016x}", SERVER, "modicum-api")
    assert (search.parent, search.kind, search.service) == (create.id, CONSUMER, "modicum-worker")
    assert summary.parent == create.id
    assert below.keys() == {"plan", "staging", "TorchServe StreamPredictions", "settle"}
    assert below["TorchServe StreamPredictions"].kind == CLIENT
    assert handler.parent == below["TorchServe StreamPredictions"].id
    assert phases.keys() == {"load", "prepare", "compute"}
    assert Counter(span.name for span in audited)["queue"] == 2

    request_id = create.facts["modicum.request_id"]
    work = [span for span in audited if span.name.startswith(("shard", "queue"))]
    assert {span.facts["modicum.request_id"] for span in work} == {request_id}
    assert {span.facts["modicum.audit"] for span in work} == {audit.name}
    assert (search.facts["modicum.outcome"], search.facts["modicum.images"]) == ("done", PHOTOGRAPHS)

    queue = next(span for span in audited if span.name == "queue" and span.facts["modicum.stage"] == "SEARCH")
    for part in (queue, below["staging"], phases["compute"]):
        assert part.seconds > 0
    assert queue.end <= below["plan"].start <= below["staging"].start <= phases["load"].start
    assert phases["load"].start <= phases["compute"].start < phases["compute"].end <= below["settle"].start

    assert {"modicum.v1.ModelService/CreateModelVersion", "shard CHECK", "queue", "handler"} <= {
        span.name for span in checked
    }
    assert all(token not in str(span) for span in collector.spans)
    assert not any(span.error for span in (*checked, *audited))
