"""What the tests of transports stand on: a served API, channels to it by token, and what errors say."""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from modicum.v1 import (
    artifact_service_pb2 as artifacts,
)
from modicum.v1 import (
    artifact_service_pb2_grpc,
    audit_service_pb2_grpc,
    dataset_pb2,
    dataset_service_pb2_grpc,
    model_pb2,
    model_service_pb2_grpc,
    project_service_pb2_grpc,
    search_pb2,
)
from modicum.v1 import (
    audit_pb2 as audit,
)
from modicum.v1 import (
    audit_service_pb2 as audits,
)
from modicum.v1 import (
    dataset_service_pb2 as datasets,
)
from modicum.v1 import (
    model_service_pb2 as models,
)
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.metrics.api import ApiMetrics
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.api import Api

PROJECT = "projects/default"
TOKENS = {"admin": "token-of-ada", "auditor": "token-of-otto", "viewer": "token-of-vera"}


class Caller:
    """The stubs of one channel, with one person's token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None) -> None:
        self.channel = channel
        self.metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        self.projects = project_service_pb2_grpc.ProjectServiceStub(channel)
        self.models = model_service_pb2_grpc.ModelServiceStub(channel)
        self.datasets = dataset_service_pb2_grpc.DatasetServiceStub(channel)
        self.artifacts = artifact_service_pb2_grpc.ArtifactServiceStub(channel)
        self.audits = audit_service_pb2_grpc.AuditServiceStub(channel)


@dataclass
class Served:
    """An API that is served, and callers of it."""

    api: Api
    store: PostgresStore
    artifact_store: FolderArtifactStore
    metrics: ApiMetrics
    grpc_port: int
    http_port: int
    channel: grpc.aio.Channel

    def caller(self, who: str = "auditor", *, token: str | None = "") -> Caller:
        return Caller(self.channel, TOKENS[who] if token == "" else token)

    async def upload(self, caller: Caller, data: bytes, *, size: int = 1000) -> str:
        digest = hashlib.sha256(data).hexdigest()
        header = artifacts.UploadHeader(parent=PROJECT, digest=digest, size_bytes=len(data))
        await caller.artifacts.UploadArtifact(messages(header, data, size), metadata=caller.metadata)
        return digest

    async def register(self, caller: Caller) -> str:
        request = models.CreateModelRequest(parent=PROJECT, model_id="net")
        model = await caller.models.CreateModel(request, metadata=caller.metadata)
        digest = await self.upload(caller, b"weights")
        version = model_pb2.ModelVersion(
            weights=model_pb2.Weights(digest=digest, architecture="torchvision:resnet18"),
            input=model_pb2.InputSpecification(
                channels=3, height=8, width=8, upper_bound=1, interpolation="bilinear", mean=[0.5] * 3, std=[0.5] * 3
            ),
            class_labels=["cat", "dog"],
        )
        made = models.CreateModelVersionRequest(parent=model.name, model_version=version)
        answer = await caller.models.CreateModelVersion(made, metadata=caller.metadata)
        async with self.store.transaction() as transaction:
            await transaction.models.accept(answer.name, ModelCheck(2, OutputKind.LOGITS, True, 3.0))
        return answer.name

    async def dataset(self, caller: Caller, count: int = 2) -> str:
        rows = []
        for index in range(count):
            digest = await self.upload(caller, f"image {index}".encode())
            rows.append({"item": f"{index}.png", "image": digest, "label": "cat"})
        manifest = await self.upload(caller, "\n".join(map(json.dumps, rows)).encode())
        request = datasets.CreateDatasetRequest(
            parent=PROJECT, dataset_id="photos", dataset=dataset_pb2.Dataset(manifest_digest=manifest)
        )
        return (await caller.datasets.CreateDataset(request, metadata=caller.metadata)).name

    async def audit_request(self, caller: Caller, **changes) -> audits.CreateAuditRequest:
        specification = audit.AuditSpecification(
            model_versions=[await self.register(caller)],
            dataset=await self.dataset(caller),
            searches=[search_pb2.Search(threshold=0.9)],
        )
        return audits.CreateAuditRequest(parent=PROJECT, audit=audit.Audit(specification=specification), **changes)


async def messages(header, data: bytes, size: int) -> AsyncIterator[artifacts.UploadArtifactRequest]:
    yield artifacts.UploadArtifactRequest(header=header)
    for start in range(0, len(data), size):
        yield artifacts.UploadArtifactRequest(data=data[start : start + size])


@dataclass
class Seen:
    """What a caller sees of an error."""

    code: grpc.StatusCode
    message: str
    reason: str
    metadata: dict[str, str]
    details: dict[str, Message]
    request_id: str


def seen(error: grpc.aio.AioRpcError) -> Seen:
    status = rpc_status.from_call(error_as_call(error))
    details = {}
    for detail in status.details:
        kind = detail.type_url.rsplit(".", 1)[-1]
        details[kind] = getattr(error_details_pb2, kind)()
        detail.Unpack(details[kind])
    info = details["ErrorInfo"]
    assert info.domain == "modicum"
    return Seen(
        error.code(), error.details(), info.reason, dict(info.metadata), details, details["RequestInfo"].request_id
    )


def error_as_call(error: grpc.aio.AioRpcError):
    class Call:
        def trailing_metadata(self):
            return tuple(error.trailing_metadata())

        def code(self):
            return error.code()

        def details(self):
            return error.details()

    return Call()
