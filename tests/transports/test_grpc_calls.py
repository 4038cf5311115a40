"""The gRPC door: tokens, errors, request ids, streams, health, reflection, its end."""

import asyncio
import gzip
import hashlib
import json

import grpc
import pytest
from google.protobuf import empty_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from modicum.v1 import artifact_service_pb2 as artifacts
from modicum.v1 import audit_pb2, project_pb2, search_pb2
from modicum.v1 import audit_service_pb2 as audits
from modicum.v1 import model_service_pb2 as models
from modicum.v1 import project_service_pb2 as projects
from modicum_server.bootstrap import build_api
from modicum_server.domain.audits import Stage
from modicum_server.errors import DependencyUnavailable
from modicum_server.metrics.store_metrics import Snapshot
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.methods.audits import PIECE_BYTES

from tests.transports.transports_stage import PROJECT, messages, seen
from tests.waiting import PATIENCE_SECONDS, until

Code = grpc.StatusCode


async def refusal(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return seen(caught.value)


async def end_of(stream):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stream:
            pass
    return seen(caught.value)


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("token", "reason"), [(None, "TOKEN_MISSING"), ("", "TOKEN_MISSING"), ("wrong", "TOKEN_INVALID")]
)
async def test_a_call_takes_a_token(served, token, reason):
    header = () if token is None else (("authorization", f"Bearer {token}"),)
    error = await refusal(served.caller().projects.ListProjects(projects.ListProjectsRequest(), metadata=header))

    assert (error.code, error.reason) == (Code.UNAUTHENTICATED, reason)


async def test_streams_take_a_token_too(served):
    caller = served.caller(token=None)

    watch = await end_of(caller.audits.WatchAudit(audits.WatchAuditRequest(name=f"{PROJECT}/audits/a")))
    upload = await refusal(caller.artifacts.UploadArtifact(messages(artifacts.UploadHeader(), b"", 1)))

    assert {watch.reason, upload.reason} == {"TOKEN_MISSING"}


async def test_a_caller_sees_their_role(served):
    for who in ("viewer", "auditor", "admin"):
        caller = served.caller(who)
        page = await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)
        assert [project.role for project in page.projects] == [project_pb2.Project.Role.Value(f"ROLE_{who.upper()}")]


async def test_a_low_role_is_refused(served):
    viewer = served.caller("viewer")
    request = models.CreateModelRequest(parent=PROJECT, model_id="net")
    error = await refusal(viewer.models.CreateModel(request, metadata=viewer.metadata))

    assert (error.code, error.reason) == (Code.PERMISSION_DENIED, "ROLE_INSUFFICIENT")
    assert error.metadata == {"project": PROJECT, "role": "auditor"}


async def test_a_bad_field_is_a_violation_with_its_path(served):
    caller = served.caller()
    request = models.CreateModelRequest(parent=PROJECT, model_id="No!")
    error = await refusal(caller.models.CreateModel(request, metadata=caller.metadata))

    (violation,) = error.details["BadRequest"].field_violations
    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID")
    assert violation.field == "model_id"
    assert "got 'No!'" in violation.description


async def test_a_request_id_comes_back(served):
    caller = served.caller()
    call = caller.projects.ListProjects(
        projects.ListProjectsRequest(), metadata=(*caller.metadata, ("x-request-id", "mine-1"))
    )
    await call

    assert ("x-request-id", "mine-1") in tuple(await call.trailing_metadata())


@pytest.mark.long
async def test_a_request_id_that_could_forge_a_log_is_replaced(served):
    caller = served.caller(token="wrong")
    metadata = (*caller.metadata, ("x-request-id", "a b{}"))
    error = await refusal(caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=metadata))

    assert len(error.request_id) == 32


async def test_a_bug_is_answered_with_the_request_id_only(served, monkeypatch, capsys):
    def broken(*_args, **_options):
        raise RuntimeError("secret of /etc/modicum")

    monkeypatch.setattr("modicum_server.usecases.projects.Projects.page", broken)
    caller = served.caller()
    metadata = (*caller.metadata, ("x-request-id", "find-me"))
    error = await refusal(caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=metadata))

    assert (error.code, error.reason, error.request_id) == (Code.INTERNAL, "INTERNAL", "find-me")
    assert "secret" not in error.message
    logged = ""
    async with asyncio.timeout(30):
        while "secret of /etc/modicum" not in logged:  # the line may come after the answer
            await asyncio.sleep(0.01)
            logged += "".join(capsys.readouterr())


@pytest.mark.long
async def test_an_enum_number_of_a_newer_client_is_refused(served):
    caller = served.caller()
    request = await served.audit_request(caller)
    request.audit.specification.searches[0].method = 77
    error = await refusal(caller.audits.CreateAudit(request, metadata=caller.metadata))

    assert error.details["BadRequest"].field_violations[0].field == "audit.specification.searches[0].method"


@pytest.mark.long
async def test_a_control_that_is_unset_is_refused(served):
    caller = served.caller()
    request = await served.audit_request(caller)
    request.audit.specification.controls.add(images=1)
    error = await refusal(caller.audits.CreateAudit(request, metadata=caller.metadata))

    assert error.metadata["field"] == "audit.specification.controls[0].control"


async def test_an_audit_from_upload_to_watch_to_cancel(served):
    caller = served.caller()
    request = await served.audit_request(caller)
    audit = await caller.audits.CreateAudit(request, metadata=caller.metadata)

    assert audit.state == audit_pb2.Audit.STATE_QUEUED
    assert audit.specification.canvas == search_pb2.Canvas(channels=3, height=8, width=8)
    assert audit.specification.searches[0].passes == Settings().default_passes
    assert not audit.progress.HasField("remaining_seconds")
    watch = caller.audits.WatchAudit(audits.WatchAuditRequest(name=audit.name), metadata=caller.metadata)
    queued = (await watch.read()).audit
    assert queued.progress.HasField("audits_ahead")
    queued.progress.ClearField("audits_ahead")
    assert queued == audit
    async with served.store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
    running = (await watch.read()).audit
    assert (running.state, running.stage) == (audit_pb2.Audit.STATE_RUNNING, audit_pb2.Audit.STAGE_SEARCH)
    assert running.progress.waits_for_worker
    await caller.audits.CancelAudit(audits.CancelAuditRequest(name=audit.name), metadata=caller.metadata)
    assert (await watch.read()).audit.state == audit_pb2.Audit.STATE_CANCELLED
    assert await watch.read() is grpc.aio.EOF
    answer = await caller.audits.DeleteAudit(audits.DeleteAuditRequest(name=audit.name), metadata=caller.metadata)
    assert answer == empty_pb2.Empty()


@pytest.mark.long
async def test_validate_only_tells_the_cost(served):
    caller = served.caller()
    request = await served.audit_request(caller, validate_only=True)
    audit = await caller.audits.CreateAudit(request, metadata=caller.metadata)

    assert audit.progress.passes_planned == 2 * 1809


async def test_an_artifact_is_downloaded_as_it_was_uploaded(served):
    caller = served.caller()
    data = bytes(range(256)) * 20_000
    digest = await served.upload(caller, data, size=1024 * 1024)

    request = artifacts.DownloadArtifactRequest(name=f"{PROJECT}/artifacts/{digest}", offset=1)
    stream = caller.artifacts.DownloadArtifact(request, metadata=caller.metadata)
    assert b"".join([message.data async for message in stream]) == data[1:]


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        pytest.param([], "UPLOAD_INVALID", id="nothing"),
        pytest.param([artifacts.UploadArtifactRequest(data=b"x")], "UPLOAD_INVALID", id="bytes first"),
        pytest.param([artifacts.UploadArtifactRequest()], "UPLOAD_INVALID", id="an empty message"),
    ],
)
async def test_an_upload_begins_with_its_header(served, parts, reason):
    caller = served.caller()

    async def sent():
        for part in parts:
            yield part

    error = await refusal(caller.artifacts.UploadArtifact(sent(), metadata=caller.metadata))

    assert (error.code, error.reason) == (Code.INVALID_ARGUMENT, reason)


async def test_an_upload_that_breaks_can_be_resumed(served):
    caller = served.caller()
    data = b"0123456789" * 1000
    header = artifacts.UploadHeader(parent=PROJECT, digest=hashlib.sha256(data).hexdigest(), size_bytes=len(data))

    async def broken():
        async for message in messages(header, data[:5000], 1000):
            yield message
        await asyncio.sleep(60)

    call = caller.artifacts.UploadArtifact(broken(), metadata=caller.metadata)
    find = artifacts.FindMissingArtifactsRequest(parent=PROJECT, digests=[header.digest])

    async def has_half() -> bool:
        (missing,) = (await caller.artifacts.FindMissingArtifacts(find, metadata=caller.metadata)).missing
        return missing.received_bytes == 5000

    async def resumed() -> bool:
        """Whether the rest was taken; not while the server still has the call that broke."""
        rest = caller.artifacts.UploadArtifact(messages(header, data[5000:], 1000), metadata=caller.metadata)
        try:
            await rest
        except grpc.aio.AioRpcError as error:
            if seen(error).reason != "UPLOAD_BUSY":
                raise
            return False
        return True

    await until(has_half)
    call.cancel()
    header.offset = 5000
    await until(resumed)

    assert not (await caller.artifacts.FindMissingArtifacts(find, metadata=caller.metadata)).missing


@pytest.mark.parametrize("bounds", [Bounds(longest_call_seconds=0.1)])
async def test_a_deadline_that_passes_is_not_answered_late(served, monkeypatch):
    async def slow(*_args, **_options):
        await asyncio.sleep(60)

    monkeypatch.setattr("modicum_server.usecases.projects.Projects.page", slow)
    caller = served.caller()
    error = await refusal(caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata))

    assert (error.code, error.reason) == (Code.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")


@pytest.mark.long
async def test_a_watcher_that_leaves_frees_its_place(served):
    caller = served.caller()
    audit = await caller.audits.CreateAudit(await served.audit_request(caller), metadata=caller.metadata)
    request = audits.WatchAuditRequest(name=audit.name)
    watches = [caller.audits.WatchAudit(request, metadata=caller.metadata) for _ in range(3)]
    for watch in watches:
        await watch.read()

    full = await end_of(caller.audits.WatchAudit(request, metadata=caller.metadata))
    assert full.reason == "TOO_MANY_WATCHERS"
    assert full.details["RetryInfo"].retry_delay.seconds == 5
    watches[0].cancel()
    await until(lambda: b"modicum_watchers 2.0" in served.metrics.expose(Snapshot())[0])
    late = caller.audits.WatchAudit(request, metadata=caller.metadata)
    assert (await late.read()).audit.name == audit.name
    for watch in (*watches, late):
        watch.cancel()


@pytest.mark.long
async def test_a_server_that_stops_tells_its_watches_to_resume(served):
    caller = served.caller()
    audit = await caller.audits.CreateAudit(await served.audit_request(caller), metadata=caller.metadata)
    watch = caller.audits.WatchAudit(audits.WatchAuditRequest(name=audit.name), metadata=caller.metadata)
    await watch.read()

    stopping = asyncio.create_task(served.api.stop(grace=10 * PATIENCE_SECONDS))
    error = await refusal(watch.read())
    await asyncio.wait_for(stopping, PATIENCE_SECONDS)

    assert (error.code, error.reason) == (Code.UNAVAILABLE, "SERVER_STOPPING")
    assert error.metadata == {"sequence": str(audit.sequence)}
    assert error.details["RetryInfo"].retry_delay.seconds == 1


async def test_probes_need_no_token_and_know_every_service(served):
    health = health_pb2_grpc.HealthStub(served.channel)

    for service in ("", "modicum.v1.AuditService", "modicum.v1.ArtifactService"):
        answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await health.Check(health_pb2.HealthCheckRequest(service="nobody"))
    assert caught.value.code() == Code.NOT_FOUND


@pytest.mark.parametrize("bounds", [Bounds(health_seconds=0.05)])
async def test_health_follows_the_database(served, monkeypatch):
    async def away():
        raise DependencyUnavailable

    stub = health_pb2_grpc.HealthStub(served.channel)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="modicum.v1.AuditService"))
    assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
    monkeypatch.setattr(served.store, "ping", away)

    answer = await asyncio.wait_for(watch.read(), PATIENCE_SECONDS)

    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
    watch.cancel()


@pytest.mark.long
async def test_a_report_comes_in_pieces_with_its_media_type(served):
    caller = served.caller()
    audit = await caller.audits.CreateAudit(await served.audit_request(caller), metadata=caller.metadata)
    rows = await served.artifact_store.put(gzip.compress(b'{"item": "0.png"}\n'))
    document = {"schema_version": 1, "findings": {"digest": rows}, "long": "x" * PIECE_BYTES}
    digest = await served.artifact_store.put(json.dumps(document).encode())
    async with served.store.transaction() as transaction:
        await transaction.audits.succeed(audit.name, result_digest=digest, artifacts=[rows])

    request = audits.GetAuditReportRequest(name=audit.name)
    pieces = [piece async for piece in caller.audits.GetAuditReport(request, metadata=caller.metadata)]
    unknown = await end_of(
        caller.audits.GetAuditReport(audits.GetAuditReportRequest(name=audit.name, format=9), metadata=caller.metadata)
    )

    assert [piece.media_type for piece in pieces[:2]] == ["application/json", ""]
    assert json.loads(b"".join(piece.data for piece in pieces)) == {**document, "rows": [{"item": "0.png"}]}
    assert unknown.reason == "FORMAT_UNKNOWN"


async def test_reflection_lists_the_contract(served):
    stub = reflection_pb2_grpc.ServerReflectionStub(served.channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([request]), metadata=served.caller().metadata)
    names = {service.name async for answer in call for service in answer.list_services_response.service}

    assert {f"modicum.v1.{noun}Service" for noun in ("Project", "Model", "Dataset", "Artifact", "Audit")} <= names


async def test_a_port_that_is_taken_is_refused(served, database_url, tmp_path):
    taken = Settings(grpc_port=served.grpc_port, http_port=0)

    with pytest.raises(OSError, match=f"{served.grpc_port}; choose another"):
        await build_api(served.store, None, served.artifact_store, taken).start()
