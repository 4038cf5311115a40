"""Both doors take the place of their caller in a trace, and put a span around the call."""

import asyncio

import httpx
import pytest
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum.v1 import model_service_pb2 as models
from modicum_server.domain.audits import Stage
from modicum_server.domain.traces import Cause, trace_id_of
from modicum_server.ports import SpanKind

from tests.traces.recorded_traces import RecordedTraces
from tests.transports.transports_stage import PROJECT, TOKENS

GIVEN = f"00-{'a' * 32}-{'b' * 16}-01"
LIST_MODELS = "modicum.v1.ModelService/ListModels"


@pytest.fixture
def traces() -> RecordedTraces:
    return RecordedTraces()


@pytest.fixture
def http(served):
    bearer = {"Authorization": f"Bearer {TOKENS['auditor']}"}
    return lambda path, **headers: httpx.get(f"http://127.0.0.1:{served.http_port}/{path}", headers=bearer | headers)


async def over_grpc(served, http, **headers):
    caller = served.caller()
    metadata = (*caller.metadata, *((name.lower(), value) for name, value in headers.items()))
    await caller.models.ListModels(models.ListModelsRequest(parent=PROJECT), metadata=metadata)


async def over_rest(served, http, **headers):
    answer = await asyncio.to_thread(http, f"v1/{PROJECT}/models", **headers)
    assert answer.status_code == 200, answer.text


DOORS = pytest.mark.parametrize(("call", "door"), [(over_grpc, "grpc"), (over_rest, "rest")])


@DOORS
async def test_a_call_is_a_child_of_the_span_that_its_caller_names(served, http, traces, call, door):
    await call(served, http, traceparent=GIVEN, **{"x-request-id": "request-7"})

    [span] = traces.spans
    assert (span.name, span.parent, span.kind, span.failed) == (LIST_MODELS, GIVEN, SpanKind.SERVER, "")
    assert span.facts == {"request_id": "request-7", "door": door, "code": "OK", "resource": PROJECT}


@DOORS
async def test_a_malformed_place_is_ignored(served, http, traces, call, door):
    await call(served, http, traceparent=f"{GIVEN}-more")

    [span] = traces.spans
    assert (span.parent, span.facts["code"], span.ended) == ("", "OK", True)


async def test_a_refused_call_names_no_resource_and_no_token(served, traces):
    caller = served.caller(token="a-secret-token")
    with pytest.raises(Exception, match="token"):
        await caller.models.ListModels(models.ListModelsRequest(parent="projects/secret"), metadata=caller.metadata)

    [span] = traces.spans
    assert (span.facts["code"], span.failed) == ("UNAUTHENTICATED", "")
    assert "secret" not in str(span)


async def test_a_probe_has_no_span(served, traces):
    stub = health_pb2_grpc.HealthStub(served.channel)
    await stub.Check(health_pb2.HealthCheckRequest())

    assert traces.spans == []


async def test_what_a_call_queues_and_logs_stands_in_its_trace(served, traces):
    caller = served.caller()
    request = await served.audit_request(caller)
    metadata = (*caller.metadata, ("traceparent", GIVEN), ("x-request-id", "request-7"))
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        await caller.audits.CreateAudit(request, metadata=metadata)
    async with served.store.transaction() as transaction:
        while (shard := await transaction.shards.claim("worker", lease_seconds=60)).stage is not Stage.SEARCH:
            pass

    [span] = traces.named("modicum.v1.AuditService/CreateAudit")
    assert shard.cause == Cause("request-7", span.traceparent)
    assert {line["trace_id"] for line in lines if line["event"] in {"rpc", "audit_created"}} == {trace_id_of(GIVEN)}
