"""A walk through every method of the API, with the errors that a caller provokes, through either door."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modicum_server.domain.buildable import Family
from modicum_server.domain.projects import Role
from PIL import Image

from tests.gate.documents import image, with_rows
from tests.issuer import Issuer
from tests.rest.audit_walk import of_audits, specification
from tests.rest.erasure_walk import of_erasing, of_retention
from tests.rest.member_walk import of_members, of_tokens
from tests.rest.rest_stage import INPUT, TOKENS, Rest, Served
from tests.rest.review_walk import of_reviews
from tests.rest.trail_walk import of_the_trail
from tests.rest.trust_walk import of_trust
from tests.rest.two_doors import Outcome, by_grpc, by_rest
from tests.tokens import add_token

ROLES = {"viewer": Role.VIEWER, "auditor": Role.AUDITOR}


ABSENT = "0" * 64


#: Ids of requests that are sent more than once, of each kind of resource that they create.
MODEL_REQUEST = "00000000-0000-4000-8000-000000000001"
VERDICT_REQUEST = "00000000-0000-4000-8000-000000000002"


POLICY = "version: 1\nrules: {spot: off, accuracy: {min: 0.9}}\n"


RESULT = with_rows([image(at, predicted=at % 2) for at in range(200)])
del RESULT["rows"]


@dataclass
class Walker:
    """Calls one interface in one project and records how each call ended."""

    served: Served
    door: str
    project: str
    issuer: Issuer
    outcomes: list[tuple[str, Outcome]] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    trail: list[dict[str, Any]] = field(default_factory=list)

    async def call(self, method: str, request: Any, *, caller: str | None = "admin", data: bytes = b"") -> Any:
        """Call a method, as the principal of a role, with a token that nobody has, or with none."""
        token = self.token(caller) if caller in {"admin", *ROLES} else caller
        if self.door == "grpc":
            outcome = await by_grpc(self.served.channel, token, method, request, data)
        else:
            outcome = await by_rest(Rest(self.served.http_port, token), method, request, data)
        self.outcomes.append((method, outcome))
        if not outcome.reason:
            self.methods.add(method)
        return outcome.reply

    def token(self, role: str) -> str:
        return TOKENS["admin"] if role == "admin" else f"{role} of {self.project}".replace(" ", "-").replace("/", "-")

    def name(self, role: str) -> str:
        """The name of a principal of this project alone."""
        return f"{role}.{self.project.split('/')[1]}"

    async def upload(self, data: bytes) -> str:
        digest = hashlib.sha256(data).hexdigest()
        header = {"parent": self.project, "digest": digest, "sizeBytes": len(data)}
        await self.call("UploadArtifact", {"header": header}, data=data)
        return digest


async def walk(walker: Walker) -> None:
    """Call every method, and provoke every error that a caller can."""
    await of_projects(walker)
    await of_members(walker)
    await of_tokens(walker)
    await of_trust(walker)
    await of_artifacts(walker)
    await of_models(walker)
    await of_datasets(walker)
    await of_audits(walker)
    await of_an_ended_audit(walker)
    await of_verdicts(walker)
    await of_reviews(walker)
    await of_erasing(walker)
    await of_retention(walker)
    await of_deleting(walker)
    await of_the_trail(walker)


async def of_projects(walker: Walker) -> None:
    call, project = walker.call, walker.project
    await call("CreateProject", {"projectId": project.split("/")[1], "validateOnly": True})
    await call("CreateProject", {"projectId": project.split("/")[1]})
    async with walker.served.store.transaction() as transaction:
        for name, role in ROLES.items():
            await add_token(transaction, walker.token(name), principal=walker.name(name), project=project, role=role)
    await call("CreateProject", {"projectId": project.split("/")[1]})
    await call("GetProject", {"name": project})
    await call("GetProject", {"name": "projects/nowhere"})
    await call("GetProject", {"name": "projects/No!"})
    await call("ListProjects", {"pageSize": 1})
    await call("ListProjects", {"pageToken": "invented"})
    await call("ListProjects", {}, caller=None)
    await call("ListProjects", {}, caller="nobody's token")


async def of_artifacts(walker: Walker) -> None:
    call, project = walker.call, walker.project
    digest = await walker.upload(b"0123456789")
    name = f"{project}/artifacts/{digest}"
    await call("GetArtifact", {"name": name})
    await call("GetArtifact", {"name": f"{project}/artifacts/{ABSENT}"})
    await call("ListArtifacts", {"parent": project, "digest": digest[:20]}, caller="viewer")
    await call("ListArtifacts", {"parent": project, "pageSize": 1})
    await call("ListArtifacts", {"parent": project, "digest": "G"})
    await call("ListArtifacts", {"parent": project, "pageToken": "invented"})
    await call("FindMissingArtifacts", {"parent": project, "digests": [digest, ABSENT]})
    await call("FindMissingArtifacts", {"parent": project, "digests": [digest]}, caller="viewer")
    await call("DownloadArtifact", {"name": name, "offset": "3"})
    await call("DownloadArtifact", {"name": name, "offset": "11"})
    await call("DownloadArtifact", {"name": f"{project}/artifacts/{ABSENT}"})
    wrong = {"parent": project, "digest": ABSENT, "sizeBytes": 2}
    await call("UploadArtifact", {"header": wrong}, data=b"ab")
    await call("UploadArtifact", {"header": {**wrong, "sizeBytes": 9}}, data=b"ab")
    await call("UploadArtifact", {"header": {**wrong, "digest": "short"}}, data=b"ab")
    await call("UploadArtifact", {"header": {**wrong, "sizeBytes": 30_000_000}}, data=b"ab")
    await call("UploadArtifact", {"header": {**wrong, "offset": 9}}, data=b"ab")
    small = {"parent": project, "contents": ["YWI=", "YWI=", "Yg=="]}
    await call("UploadSmallArtifacts", small)
    await call("UploadSmallArtifacts", small, caller="viewer")
    await call("UploadSmallArtifacts", {**small, "contents": []})
    await call("DeleteArtifact", {"name": name}, caller="auditor")
    await call("DeleteArtifact", {"name": name})


async def of_models(walker: Walker) -> None:
    call, project = walker.call, walker.project
    await call("CreateModel", {"parent": project, "modelId": "net", "model": {}, "requestId": MODEL_REQUEST})
    await call("CreateModel", {"parent": project, "modelId": "net", "model": {}, "requestId": MODEL_REQUEST})
    await call("CreateModel", {"parent": project, "modelId": "other", "model": {}, "requestId": MODEL_REQUEST})
    await call("CreateModel", {"parent": project, "modelId": "No!"})
    await call("CreateModel", {"parent": project, "modelId": "spare"})
    await call("GetModel", {"name": f"{project}/models/net"})
    await call("GetModel", {"name": f"{project}/models/gone"})
    await call("ListModels", {"parent": project, "pageSize": 1})
    weights = {"digest": await walker.upload(b"weights"), "architecture": "torchvision:resnet18"}
    version = {"weights": weights, "input": INPUT, "classLabels": ["cat", "dog"]}

    async def register(**changes: Any) -> None:
        await call("CreateModelVersion", {"parent": f"{project}/models/net", "modelVersion": version | changes})

    await register()
    served = {"endpoint": {"name": "cats"}, "input": INPUT}
    await call("CreateModelVersion", {"parent": f"{project}/models/net", "modelVersion": served})
    fresh = {"parent": f"{project}/models/fresh", "modelVersion": version}
    await call("CreateModelVersion", fresh)
    await call("CreateModelVersion", {**fresh, "allowMissing": True})
    await register(classLabels=["cat", "dog", "cow"])
    await register(classLabels=["no", "gradient"])
    await register(weights={**weights, "digest": ABSENT})
    await register(weights={**weights, "architecture": "invented"})
    async with walker.served.store.transaction() as transaction:
        await transaction.workers.publish("worker", {"timm": Family(lacks="timm", extra="worker")})
    await register(weights={**weights, "architecture": "timm:resnet18"})
    async with walker.served.store.transaction() as transaction:
        await transaction.workers.leave("worker")
    await register(input={**INPUT, "channels": 0})
    await call(
        "CreateModelVersion",
        {
            "parent": f"{project}/models/net",
            "modelVersion": {"exported": {"digest": weights["digest"]}, "input": INPUT},
        },
    )
    await walker.served.accept(f"{project}/models/net/versions/1")
    await walker.served.accept(f"{project}/models/net/versions/3", useful_gradient=False)
    async with walker.served.store.transaction() as transaction:
        await transaction.models.reject(
            f"{project}/models/net/versions/2", reason="NOT_FINITE", detail="it answers NaN"
        )
    await call("GetModelVersion", {"name": f"{project}/models/net/versions/1"})
    await call("GetModelVersion", {"name": f"{project}/models/net/versions/9"})
    await call("ListModelVersions", {"parent": f"{project}/models/net", "pageSize": 1})


async def of_datasets(walker: Walker) -> None:
    call, project = walker.call, walker.project

    async def create(dataset_id: str, *rows: Mapping[str, str]) -> None:
        digest = await walker.upload("\n".join(map(json.dumps, rows)).encode() or b"\n")
        dataset = {"manifestDigest": digest}
        await call("CreateDataset", {"parent": project, "datasetId": dataset_id, "dataset": dataset})

    image = await walker.upload(b"image")
    cat = {"item": "a.png", "image": image, "label": "cat"}
    await create("photos", cat)
    await create("photos", {**cat, "label": "dog"})
    await create("cows", {**cat, "label": "cow"})
    await create("empty")
    await create("wrong", {"item": "a.png"})
    picture = io.BytesIO()
    Image.new("RGB", (8, 8)).save(picture, "PNG")
    await create("boxed", {**cat, "image": await walker.upload(picture.getvalue()), "boxes": image})
    await create("absent", {**cat, "image": ABSENT})
    await create("large", *({**cat, "item": f"{place}.png"} for place in range(4)))
    await call("GetDataset", {"name": f"{project}/datasets/photos"})
    await call("GetDataset", {"name": f"{project}/datasets/gone"})
    await call("ListDatasets", {"parent": project})
    await call("ListDatasetItems", {"parent": f"{project}/datasets/photos"})


async def of_an_ended_audit(walker: Walker) -> None:
    call, audit = walker.call, f"{walker.project}/audits/first"
    await call("JudgeAudit", {"name": audit, "policy": POLICY})
    await walker.served.succeed(audit, result=RESULT)
    await call("GetAuditReport", {"name": audit, "format": "REPORT_FORMAT_JSON"})
    await call("GetAuditReport", {"name": audit, "format": 9})
    await call("GetFinding", {"name": f"{audit}/findings/0-0-0"})
    await call("GetFinding", {"name": f"{audit}/findings/0-0-9"})
    await call("ListFindings", {"parent": audit})
    await call("WatchAudit", {"name": audit, "afterSequence": "1"})


async def of_verdicts(walker: Walker) -> None:
    call, project, audit = walker.call, walker.project, f"{walker.project}/audits/first"
    damaged = f"{project}/audits/damaged"
    audit_of_seed_3 = specification(project, seed="3")
    await call("CreateAudit", {"parent": project, "auditId": "damaged", "audit": audit_of_seed_3})
    await walker.served.succeed(damaged, result={"models": [{}], "dataset": {"labelled": 1}})
    await call("JudgeAudit", {"name": damaged, "policy": POLICY})
    await call("JudgeAudit", {"name": f"{project}/audits/gone", "policy": POLICY})
    await call(
        "JudgeAudit", {"name": audit, "policy": "version: 1\nrules: {spott: error}\n", "policyFile": "gate.yaml"}
    )
    await call("JudgeAudit", {"name": audit, "policy": POLICY, "baseline": "projects/elsewhere/audits/first"})
    await call("JudgeAudit", {"name": audit, "policy": POLICY}, caller="viewer")
    await call("JudgeAudit", {"name": audit, "policy": POLICY, "validateOnly": True})
    judged = {
        "name": audit,
        "policy": POLICY,
        "baseline": audit,
        "policyFile": "gate.yaml",
        "requestId": VERDICT_REQUEST,
    }
    name = (await call("JudgeAudit", judged))["verdict"]["name"]
    await call("JudgeAudit", judged)
    await call("JudgeAudit", {**judged, "policy": "version: 1"})
    await call("GetVerdict", {"name": name}, caller="viewer")
    await call("GetVerdict", {"name": f"{project}/verdicts/gone"})
    await call("GetVerdict", {"name": f"{project}/verdicts/No!"})
    await call("ListVerdicts", {"parent": project, "filter": f"outcome = FAIL AND audit = {audit}"})
    await call("ListVerdicts", {"parent": project, "filter": "state = RUNNING"})
    await call("ListVerdicts", {"parent": project, "pageSize": 1, "pageToken": "invented"})
    await call("DeleteAudit", {"name": audit})
    await call("DeleteVerdict", {"name": name}, caller="auditor")
    await call("DeleteVerdict", {"name": name})
    await call("JudgeAudit", judged)
    await call("DeleteAudit", {"name": damaged})


async def of_deleting(walker: Walker) -> None:
    call, project = walker.call, walker.project
    await call("DeleteModel", {"name": f"{project}/models/net"})
    await call("DeleteModelVersion", {"name": f"{project}/models/net/versions/1"})
    await call("DeleteModelVersion", {"name": f"{project}/models/net/versions/2"})
    await call("DeleteModel", {"name": f"{project}/models/spare"})
    await call("DeleteModel", {"name": f"{project}/models/fresh"})
    await call("DeleteDataset", {"name": f"{project}/datasets/photos"})
    await call("DeleteDataset", {"name": f"{project}/datasets/cows"})
    await call("DeleteAudit", {"name": f"{project}/audits/second"})
    await call("DeleteProject", {"name": project})
    await call("CreateProject", {"projectId": f"{project.split('/')[1]}-spare"})
    await call("DeleteProject", {"name": f"{project}-spare"})
