"""A gRPC service that follows a script: it fails, is slow, or loses replies. It runs no audits.

It is for tests of calls and streams. What the real service does is tested with the real service.
"""

import hashlib
import threading
import time
from collections import defaultdict
from concurrent import futures

import grpc
from google.protobuf import any_pb2, empty_pb2
from google.rpc import error_details_pb2, status_pb2
from modicum.v1 import (
    artifact_pb2,
    artifact_service_pb2,
    artifact_service_pb2_grpc,
    audit_pb2,
    audit_service_pb2,
    audit_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2_grpc,
    model_pb2,
    model_service_pb2,
    model_service_pb2_grpc,
    verdict_pb2,
)

VERSION = "projects/default/models/m/versions/1"
INPUT = model_pb2.InputSpecification(
    channels=13, height=40, width=32, upper_bound=1, interpolation="bilinear", mean=[0.5] * 13, std=[0.25] * 13
)


class Script:
    """What the next calls of each method do, and which calls were made."""

    def __init__(self):
        self.calls = defaultdict(list)
        self.metadata = []
        self.pages = ""
        self.steps = defaultdict(list)
        self.artifacts = {}
        self.partial = {}
        self.version_states = [model_pb2.ModelVersion.STATE_READY]
        self.model = {"latest_version": VERSION}
        self.useful_gradient = True
        self.waits_for_worker = False
        self.failed_tries = [""]
        self.ended = threading.Event()
        self.watches = []
        self.reports = {}
        self.verdict = verdict_pb2.Verdict(name="projects/default/verdicts/v", outcome=verdict_pb2.Verdict.OUTCOME_PASS)
        self.audit = audit_pb2.Audit(name="projects/default/audits/a", state=audit_pb2.Audit.STATE_RUNNING, sequence=1)
        self.audit.specification.searches.add(method=3, threshold=0.9, fill=1, target_rule=1)

    def note(self, method, request, context):
        """Record the call and play its next step: a status code, the arguments of `abort`, a function, or a delay."""
        self.calls[method].append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        if self.pages:
            context.set_trailing_metadata((("modicum-pages", self.pages),))
        step = self.steps[method].pop(0) if self.steps[method] else None
        if isinstance(step, grpc.StatusCode):
            context.abort(step, "scripted")
        elif isinstance(step, tuple):
            abort(context, *step)
        elif callable(step):
            step()
        elif step is not None:
            self.ended.wait(step)


def abort(context, code, reason, metadata=None, violations=(), retry_seconds=None):  # noqa: PLR0917 - as a step gives them
    """End the call with google.rpc details, as the real service does."""
    details = [error_details_pb2.ErrorInfo(reason=reason, domain="modicum", metadata=metadata or {})]
    if violations:
        request = error_details_pb2.BadRequest()
        for field, text in violations:
            request.field_violations.add(field=field, description=text)
        details.append(request)
    if retry_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromNanoseconds(int(retry_seconds * 1e9))
        details.append(retry)
    status = status_pb2.Status(code=code.value[0], message="the message")
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, "the message")


class Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, script):
        self.script = script

    def GetModel(self, request, context):  # noqa: N802
        self.script.note("GetModel", request, context)
        return model_pb2.Model(name=request.name, **self.script.model)

    def ListModels(self, request, context):  # noqa: N802
        self.script.note("ListModels", request, context)
        page = int(request.page_token or 0)
        models = [model_pb2.Model(name=f"projects/default/models/m{2 * page + place}") for place in range(2)]
        token = str(page + 1) if page < 2 else ""
        return model_service_pb2.ListModelsResponse(models=models, next_page_token=token)

    def CreateModel(self, request, context):  # noqa: N802
        self.script.note("CreateModel", request, context)
        return model_pb2.Model(name=f"{request.parent}/models/{request.model_id}")

    def DeleteModel(self, request, context):  # noqa: N802
        self.script.note("DeleteModel", request, context)
        return empty_pb2.Empty()

    def CreateModelVersion(self, request, context):  # noqa: N802
        self.script.note("CreateModelVersion", request, context)
        version = model_pb2.ModelVersion()
        version.CopyFrom(request.model_version)
        version.name, version.state = VERSION, model_pb2.ModelVersion.STATE_PENDING
        return version

    def GetModelVersion(self, request, context):  # noqa: N802
        self.script.note("GetModelVersion", request, context)
        states = self.script.version_states
        state = states.pop(0) if len(states) > 1 else states[0]
        tries = self.script.failed_tries
        rejected = state == model_pb2.ModelVersion.STATE_REJECTED
        return model_pb2.ModelVersion(
            name=request.name,
            state=state,
            class_labels=["cat", "dog"],
            input=INPUT,
            useful_gradient=self.script.useful_gradient,
            waits_for_worker=self.script.waits_for_worker,
            failed_try=tries.pop(0) if len(tries) > 1 else tries[0],
            reject_reason="STATE_DICT_MISMATCH" if rejected else "",
            reject_detail="expected fc.weight" if rejected else "",
        )


class Datasets(dataset_service_pb2_grpc.DatasetServiceServicer):
    def __init__(self, script):
        self.script = script

    def CreateDataset(self, request, context):  # noqa: N802
        self.script.note("CreateDataset", request, context)
        name = f"{request.parent}/datasets/{request.dataset_id}"
        return dataset_pb2.Dataset(name=name, manifest_digest=request.dataset.manifest_digest)


class Artifacts(artifact_service_pb2_grpc.ArtifactServiceServicer):
    def __init__(self, script):
        self.script = script

    def FindMissingArtifacts(self, request, context):  # noqa: N802
        self.script.note("FindMissingArtifacts", request, context)
        reply = artifact_service_pb2.FindMissingArtifactsResponse()
        for digest in request.digests:
            if digest not in self.script.artifacts:
                reply.missing.add(digest=digest, received_bytes=len(self.script.partial.get(digest, b"")))
        return reply

    def UploadArtifact(self, requests, context):  # noqa: N802
        header = next(requests).header
        steps = self.script.steps["UploadArtifact"]
        break_after = steps.pop(0) if steps else None
        self.script.calls["UploadArtifact"].append(header)
        if isinstance(break_after, tuple):
            abort(context, *break_after)
        held = self.script.partial.setdefault(header.digest, bytearray())
        assert header.offset == len(held)
        for request in requests:
            held += request.data
            if break_after is not None and len(held) >= break_after:
                context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        if len(held) != header.size_bytes:
            abort(context, grpc.StatusCode.OUT_OF_RANGE, "UPLOAD_TRUNCATED")
        if hashlib.sha256(held).hexdigest() != header.digest:
            self.script.partial.pop(header.digest)
            abort(context, grpc.StatusCode.DATA_LOSS, "DIGEST_MISMATCH")
        self.script.artifacts[header.digest] = bytes(self.script.partial.pop(header.digest))
        return artifact_pb2.Artifact(digest=header.digest)

    def UploadSmallArtifacts(self, request, context):  # noqa: N802
        self.script.note("UploadSmallArtifacts", request, context)
        held = {hashlib.sha256(data).hexdigest(): data for data in request.contents}
        self.script.artifacts.update(held)
        return artifact_service_pb2.UploadSmallArtifactsResponse(
            artifacts=[artifact_pb2.Artifact(digest=digest) for digest in held]
        )

    def DownloadArtifact(self, request, context):  # noqa: N802
        self.script.note("DownloadArtifact", request, context)
        data = self.script.artifacts[request.name.rsplit("/", 1)[-1]]
        half = len(data) // 2
        if request.offset < half:
            yield artifact_service_pb2.DownloadArtifactResponse(data=data[request.offset : half])
            if self.script.steps.pop("break download", None):
                context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        if self.script.steps.get("damaged artifact"):
            abort(context, grpc.StatusCode.INTERNAL, "ARTIFACT_CORRUPT")
        yield artifact_service_pb2.DownloadArtifactResponse(data=data[max(request.offset, half) :])


class Audits(audit_service_pb2_grpc.AuditServiceServicer):
    def __init__(self, script):
        self.script = script

    def GetAudit(self, request, context):  # noqa: N802
        self.script.note("GetAudit", request, context)
        return self.script.audit

    def CreateAudit(self, request, context):  # noqa: N802
        self.script.note("CreateAudit", request, context)
        return self.script.audit

    def JudgeAudit(self, request, context):  # noqa: N802
        self.script.note("JudgeAudit", request, context)
        return audit_pb2.Judgement(verdict=self.script.verdict)

    def CancelAudit(self, request, context):  # noqa: N802
        self.script.note("CancelAudit", request, context)
        self.script.audit.state = audit_pb2.Audit.STATE_CANCELLED
        return self.script.audit

    def StopAudit(self, request, context):  # noqa: N802
        self.script.note("StopAudit", request, context)
        return self.script.audit

    def GetAuditReport(self, request, context):  # noqa: N802
        self.script.note("GetAuditReport", request, context)
        data = self.script.reports[request.format]
        half = len(data) // 2
        yield audit_service_pb2.GetAuditReportResponse(media_type="application/octet-stream", data=data[:half])
        if self.script.steps.pop("break report", None):
            context.abort(grpc.StatusCode.UNAVAILABLE, "scripted")
        yield audit_service_pb2.GetAuditReportResponse(data=data[half:])

    def WatchAudit(self, request, context):  # noqa: N802
        """Play the next watch: (sequence, state[, audits ahead]) snapshots, then a code, or None to hold the stream."""
        self.script.note("WatchAudit", request, context)
        snapshots, end = self.script.watches.pop(0) if self.script.watches else ([], None)
        for sequence, state, *ahead in snapshots:
            audit = audit_pb2.Audit()
            audit.CopyFrom(self.script.audit)
            audit.sequence = sequence
            audit.state = audit_pb2.Audit.State.Value(f"STATE_{state}")
            if ahead:
                audit.progress.audits_ahead = ahead[0]
            if state == "FAILED":
                audit.failure.reason, audit.failure.detail = "MODEL_DIED", "it died on grey"
            yield audit_service_pb2.WatchAuditResponse(audit=audit)
        if isinstance(end, grpc.StatusCode):
            context.abort(end, "scripted")
        while end is None and context.is_active():
            time.sleep(0.02)


def serve(script):
    """Start it on a free port of this machine; returns the server and its address."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(Models(script), server)
    dataset_service_pb2_grpc.add_DatasetServiceServicer_to_server(Datasets(script), server)
    artifact_service_pb2_grpc.add_ArtifactServiceServicer_to_server(Artifacts(script), server)
    audit_service_pb2_grpc.add_AuditServiceServicer_to_server(Audits(script), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, f"127.0.0.1:{port}"
