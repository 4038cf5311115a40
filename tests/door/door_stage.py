"""A served API as a stranger sees it: every method of the contract by its descriptor, called with bytes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from modicum.v1 import (
    artifact_service_pb2,
    audit_service_pb2,
    dataset_service_pb2,
    model_service_pb2,
    project_service_pb2,
    verdict_service_pb2,
)
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.store.postgres import PostgresStore

PROJECT = "projects/default"
TOKEN = "token-of-ada"
SERVICES = (
    project_service_pb2,
    model_service_pb2,
    dataset_service_pb2,
    artifact_service_pb2,
    audit_service_pb2,
    verdict_service_pb2,
)
METHODS: Mapping[str, MethodDescriptor] = {
    method.name: method
    for module in SERVICES
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
#: Ends a stream that would not end by itself. No call is this slow on a busy machine.
CALL_SECONDS = 60.0
STATUS_TRAILER = "grpc-status-details-bin"


@dataclass(frozen=True)
class Reply:
    """How a call ended: its code, its message, and the reason in its ErrorInfo."""

    code: grpc.StatusCode
    text: str = ""
    reason: str = ""
    message: Message | None = None


@dataclass
class Door:
    """A served API, and the names of its contents: one resource of each kind."""

    store: PostgresStore
    grpc_port: int
    http_port: int
    channel: grpc.aio.Channel
    names: dict[str, str] = field(default_factory=dict)

    async def call(
        self, name: str, *requests: Message | bytes, token: str | None = TOKEN, authorization: str | None = None
    ) -> Reply:
        """Call a method with messages, or with bytes instead, and read all its replies."""
        method = METHODS[name]
        path = f"/{method.containing_service.full_name}/{name}"
        if authorization is None and token is not None:
            authorization = f"Bearer {token}"
        metadata = () if authorization is None else (("authorization", authorization),)
        options: Any = {"metadata": metadata, "timeout": CALL_SECONDS}
        sent = [request if isinstance(request, bytes) else request.SerializeToString() for request in requests]
        parse = GetMessageClass(method.output_type).FromString
        try:
            if method.client_streaming:
                return Reply(grpc.StatusCode.OK, message=parse(await self.channel.stream_unary(path)(sent, **options)))
            if method.server_streaming:
                replies = [parse(data) async for data in self.channel.unary_stream(path)(sent[0], **options)]
                return Reply(grpc.StatusCode.OK, message=replies[-1] if replies else None)
            return Reply(grpc.StatusCode.OK, message=parse(await self.channel.unary_unary(path)(sent[0], **options)))
        except grpc.aio.AioRpcError as error:
            return _refusal(error)

    async def call_json(self, name: str, *requests: Mapping[str, Any], token: str | None = TOKEN) -> Reply:
        """Call a method with messages written as JSON."""
        return await self.call(name, *(message_of(METHODS[name], request) for request in requests), token=token)

    async def upload(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        header = {"header": {"parent": PROJECT, "digest": digest, "sizeBytes": len(data)}}
        body = artifact_service_pb2.UploadArtifactRequest(data=data)
        reply = await self.call("UploadArtifact", message_of(METHODS["UploadArtifact"], header), body)
        assert reply.code is grpc.StatusCode.OK, reply
        return digest

    async def furnish(self) -> None:
        """Create one resource of each kind. The audit has ended, so that a watch of it ends too."""
        weights, image = await self.upload(b"weights"), await self.upload(b"image")
        manifest = await self.upload(json.dumps({"item": "a.png", "image": image, "label": "cat"}).encode())
        self.names |= {"digest": weights, "manifest": manifest, "artifact": f"{PROJECT}/artifacts/{weights}"}
        for name, call in (("model", "CreateModel"), ("version", "CreateModelVersion"), ("dataset", "CreateDataset")):
            self.names[name] = await self._made(call)
            if name == "version":
                async with self.store.transaction() as transaction:
                    await transaction.models.accept(self.names[name], ModelCheck(2, OutputKind.LOGITS, True, 3.0))
        self.names["audit"] = await self._made("CreateAudit")
        self.names["verdict"] = f"{PROJECT}/verdicts/one"
        self.names["finding"] = f"{self.names['audit']}/findings/0-0-0"
        await self.call_json("CancelAudit", {"name": self.names["audit"]})

    async def _made(self, call: str) -> str:
        reply = await self.call_json(call, *ordinary(call, self.names))
        assert reply.code is grpc.StatusCode.OK, reply
        name: str = reply.message.name  # type: ignore[union-attr]
        return name


def message_of(method: MethodDescriptor, written: Mapping[str, Any]) -> Message:
    return json_format.ParseDict(written, GetMessageClass(method.input_type)())


def ordinary(method: str, names: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    """Ordinary requests as JSON: each method's, about the existing resources."""
    made = {
        "CreateProject": {"projectId": "other"},
        "CreateModel": {"parent": PROJECT, "modelId": "net"},
        "CreateModelVersion": {"parent": names.get("model"), "modelVersion": _version(names)},
        "CreateDataset": {
            "parent": PROJECT,
            "datasetId": "photos",
            "dataset": {"manifestDigest": names.get("manifest")},
        },
        "CreateAudit": {"parent": PROJECT, "audit": {"specification": _specification(names)}},
        "ListProjects": {},
        "FindMissingArtifacts": {"parent": PROJECT, "digests": [names.get("digest")]},
        "UploadSmallArtifacts": {"parent": PROJECT, "contents": ["YWI="]},
        "JudgeAudit": {"name": names.get("audit"), "policy": "rules: []"},
        "ListModelVersions": {"parent": names.get("model")},
        "ListDatasetItems": {"parent": names.get("dataset")},
        "ListFindings": {"parent": names.get("audit")},
        "GetProject": {"name": PROJECT},
        "GetRetention": {"parent": PROJECT},
        "SetRetention": {"parent": PROJECT, "retention": {"findingsDays": 90}},
        "DeleteProject": {"name": PROJECT},
    }
    if method == "UploadArtifact":
        digest = hashlib.sha256(b"ab").hexdigest()
        return [{"header": {"parent": PROJECT, "digest": digest, "sizeBytes": 2}}, {"data": "YWI="}]
    if method in made:
        return [made[method]]
    return [{"parent": PROJECT}] if method.startswith("List") else [{"name": names.get(_kind(method))}]


def _kind(method: str) -> str:
    """The kind of resource in a method's name: GetAuditReport -> audit."""
    kinds = {"ModelVersion": "version", "Finding": "finding", "Artifact": "artifact", "Audit": "audit"}
    kinds |= {"Verdict": "verdict"}
    kinds |= {"Dataset": "dataset", "Model": "model"}
    return next(kind for word, kind in kinds.items() if word in method)


def _version(names: Mapping[str, str]) -> Mapping[str, Any]:
    size = {"channels": 3, "height": 8, "width": 8, "upperBound": 1, "interpolation": "bilinear"}
    return {
        "weights": {"digest": names.get("digest"), "architecture": "torchvision:resnet18"},
        "input": {**size, "mean": [0.5] * 3, "std": [0.5] * 3},
        "classLabels": ["cat", "dog"],
    }


def _specification(names: Mapping[str, str]) -> Mapping[str, Any]:
    return {
        "modelVersions": [names.get("version")],
        "dataset": names.get("dataset"),
        "searches": [{"threshold": 0.9}],
        "controls": [{"control": "CONTROL_FILL"}],
        "canvas": {"channels": 3, "height": 8, "width": 8},
    }


def _refusal(error: grpc.aio.AioRpcError) -> Reply:
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers.get(STATUS_TRAILER, b""))
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        detail.Unpack(info)
    return Reply(error.code(), f"{error.details()} {status}", info.reason)
