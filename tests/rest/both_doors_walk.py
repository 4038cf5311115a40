"""A walk through every method of the API, with the errors that a caller provokes, through either door."""

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modicum_server.domain.findings import Subset
from modicum_server.domain.projects import Role
from modicum_server.usecases.rules import MOST_REVIEWERS
from PIL import Image

from tests.gate.documents import image, with_rows
from tests.issuer import Issuer
from tests.rest.erasure_walk import of_erasing
from tests.rest.rest_stage import INPUT, TOKENS, Rest, Served
from tests.rest.trail_walk import of_the_trail
from tests.rest.trust_walk import of_trust
from tests.rest.two_doors import Outcome, by_grpc, by_rest
from tests.tokens import add_token

ROLES = {"viewer": Role.VIEWER, "auditor": Role.AUDITOR}


ABSENT = "0" * 64


#: Ids of requests that are sent more than once, of each kind of resource that they create.
MODEL_REQUEST = "00000000-0000-4000-8000-000000000001"
VERDICT_REQUEST = "00000000-0000-4000-8000-000000000002"
REVIEW_REQUEST = "00000000-0000-4000-8000-000000000003"


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


async def of_members(walker: Walker) -> None:
    call, project = walker.call, walker.project
    vera = {"parent": project, "memberId": "vera", "member": {"role": "ROLE_VIEWER"}}
    await call("CreateMember", vera)
    await call("CreateMember", vera)
    await call("CreateMember", {**vera, "member": {"role": "ROLE_ADMIN"}})
    await call("CreateMember", {**vera, "memberId": "No one!"})
    await call("CreateMember", {**vera, "member": {}})
    await call("CreateMember", vera, caller="auditor")
    await call("ListMembers", {"parent": project, "pageSize": 2})
    await call("ListMembers", {"parent": project}, caller="viewer")
    await call("SetMemberRole", {"name": f"{project}/members/vera", "role": "ROLE_AUDITOR"})
    await call("SetMemberRole", {"name": f"{project}/members/nobody", "role": "ROLE_AUDITOR"})
    await call("SetMemberRole", {"name": f"{project}/members/admin", "role": "ROLE_VIEWER"})
    await call("DeleteMember", {"name": f"{project}/members/admin"})
    await call("DeleteMember", {"name": f"{project}/members/vera"})
    await call("DeleteMember", {"name": f"{project}/members/vera"})


async def of_tokens(walker: Walker) -> None:
    call, project = walker.call, walker.project
    wanted = {"principal": walker.name("viewer"), "displayName": "nightly"}
    name = (await call("CreateToken", {"parent": project, "token": wanted}))["token"]["name"]
    await call("CreateToken", {"parent": project, "token": {**wanted, "principal": "nobody"}})
    await call("CreateToken", {"parent": project, "token": {**wanted, "expireTime": "2020-01-01T00:00:00Z"}})
    await call("CreateToken", {"parent": project, "token": wanted}, caller="viewer")
    listed = await call("ListTokens", {"parent": project})
    await call("ListTokens", {"parent": project}, caller="auditor")
    shared = next(one["name"] for one in listed["tokens"] if one["principal"] == "admin")
    await call("DeleteToken", {"name": shared})
    await call("RotateToken", {"name": shared})
    rotated = (await call("RotateToken", {"name": name, "overlapSeconds": 60}))["token"]["name"]
    await call("RotateToken", {"name": name, "overlapSeconds": -1})
    await call("DeleteToken", {"name": rotated})
    await call("DeleteToken", {"name": rotated})


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
    await register(classLabels=["cat", "dog", "cow"])
    await register(classLabels=["no", "gradient"])
    await register(weights={**weights, "digest": ABSENT})
    await register(weights={**weights, "architecture": "invented"})
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


def specification(project: str, **changes: Any) -> dict[str, Any]:
    requested = {
        "modelVersions": [f"{project}/models/net/versions/1"],
        "dataset": f"{project}/datasets/photos",
        "searches": [{"threshold": 0.9}],
    }
    return {"specification": requested | changes}


async def of_audits(walker: Walker) -> None:
    call, project = walker.call, walker.project

    async def create(audit_id: str, **changes: Any) -> None:
        audit = specification(project, **changes)
        await call("CreateAudit", {"parent": project, "auditId": audit_id, "audit": audit})

    requested = {"parent": project, "auditId": "first", "validateOnly": True, "audit": specification(project)}
    await call("CreateAudit", requested)
    await create("first")
    await create("first", seed="7")
    await create("x", modelVersions=[f"{project}/models/net/versions/9"])
    await create("x", modelVersions=[f"{project}/models/net/versions/2"])
    await create("x", dataset=f"{project}/datasets/gone")
    await create("x", dataset=f"{project}/datasets/cows")
    await create("x", canvas={"channels": 1, "height": 8, "width": 8})
    gradient = [{"threshold": 0.9, "method": "SEARCH_METHOD_BATCHED_GRADIENT"}]
    await create("x", modelVersions=[f"{project}/models/net/versions/3"], searches=gradient)
    await create("x", searches=[{"threshold": 2}])
    exact = [{"threshold": 0.9, "method": "SEARCH_METHOD_BACKSELECT"}]
    await create("x", searches=exact, canvas={"channels": 3, "height": 67, "width": 67})
    other = {"threshold": 0.9, "targetRule": "TARGET_RULE_RANDOM_OTHER"}
    await call("CreateAudit", {**requested, "audit": specification(project, searches=[other])})
    await create("x", searches=[other, {**other, "matched": True}])
    await create("x", controls=[{"control": "CONTROL_TRANSFER"}])
    await create("x", outOfDistributionDataset=f"{project}/datasets/photos")
    await create("x", outOfDistributionDataset=f"{project}/datasets/gone")
    await create("x", statistics={"level": 95})
    await create("x", searches=[{"threshold": 0.9}, {"threshold": 0.8}, {"threshold": 0.7}])
    limit = {"measure": "overinterpretation_rate", "atMost": 0.1}
    await create("x", stopping={"limits": [{**limit, "measure": "nothing"}]})
    await create("second", seed="1", stopping={"limits": [limit]})
    await create("third", seed="2")
    await call("GetAudit", {"name": f"{project}/audits/first"})
    await call("GetAudit", {"name": f"{project}/audits/gone"})
    await call("ListAudits", {"parent": project, "filter": "state = QUEUED"})
    await call("ListAudits", {"parent": project, "filter": "colour = red"})
    await call("GetAuditReport", {"name": f"{project}/audits/first"})
    await call("DeleteAudit", {"name": f"{project}/audits/first"})
    await call("StopAudit", {"name": f"{project}/audits/first"})
    await call("StopAudit", {"name": f"{project}/audits/second"})
    await call("StopAudit", {"name": f"{project}/audits/gone", "why": "no more is needed"})
    await call("CancelAudit", {"name": f"{project}/audits/second"}, caller="viewer")
    await call("CancelAudit", {"name": f"{project}/audits/second"})
    await call("WatchAudit", {"name": f"{project}/audits/second"})
    await call("WatchAudit", {"name": f"{project}/audits/second", "afterSequence": "-1"})
    await call("WatchAudit", {"name": f"{project}/audits/gone"})


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


async def of_reviews(walker: Walker) -> None:
    call, project = walker.call, walker.project
    audit, empty = f"{project}/audits/reviewed", f"{project}/audits/unreviewed"
    for name, seed in ((audit, "5"), (empty, "6")):
        asked = specification(project, seed=seed)
        await call("CreateAudit", {"parent": project, "auditId": name.rpartition("/")[2], "audit": asked})
    await call("CreateReview", {"parent": audit})
    small = {"predicted_class": 1, "target_class": 1, "subset": Subset(b"\x80" + bytes(31), 16, 16, 1)}
    await walker.served.succeed(audit, findings=12, each=small)
    await walker.served.succeed(empty)
    await call("CreateReview", {"parent": empty})
    await call("CreateReview", {"parent": f"{project}/audits/gone"})
    await call("CreateReview", {"parent": audit, "review": {"largestFraction": 2}})
    await call("CreateReview", {"parent": audit, "review": {"searchIndex": 1}})
    await call("CreateReview", {"parent": audit}, caller="viewer")
    await call("CreateReview", {"parent": audit, "review": {"seed": "7"}, "validateOnly": True})
    wanted = {"parent": audit, "review": {"seed": "7"}, "requestId": REVIEW_REQUEST}
    name = (await call("CreateReview", wanted))["name"]
    await call("CreateReview", wanted)
    await call("CreateReview", {**wanted, "review": {"seed": "8"}})
    await call("InviteReviewer", {"name": name, "displayName": "Ada"}, caller="viewer")
    await call("InviteReviewer", {"name": f"{audit}/reviews/gone"})
    await call("InviteReviewer", {"name": name, "displayName": "A\nda"})
    for _ in range(MOST_REVIEWERS + 1):
        await call("InviteReviewer", {"name": name, "displayName": "Ada"})
    await call("GetReview", {"name": name}, caller="viewer")
    await call("GetReview", {"name": f"{audit}/reviews/No!"})
    await call("ListReviews", {"parent": audit, "pageSize": 1})
    await call("ListReviews", {"parent": audit, "pageToken": "invented"})
    await call("ListReviews", {"parent": f"{project}/audits/gone"})
    await call("DeleteAudit", {"name": audit})
    await call("DeleteReview", {"name": name}, caller="auditor")
    await call("DeleteReview", {"name": name})
    await call("CreateReview", wanted)
    for ended in (audit, empty):
        await call("DeleteAudit", {"name": ended})


async def of_deleting(walker: Walker) -> None:
    call, project = walker.call, walker.project
    await call("DeleteModel", {"name": f"{project}/models/net"})
    await call("DeleteModelVersion", {"name": f"{project}/models/net/versions/1"})
    await call("DeleteModelVersion", {"name": f"{project}/models/net/versions/2"})
    await call("DeleteModel", {"name": f"{project}/models/spare"})
    await call("DeleteDataset", {"name": f"{project}/datasets/photos"})
    await call("DeleteDataset", {"name": f"{project}/datasets/cows"})
    await call("DeleteAudit", {"name": f"{project}/audits/second"})
    await call("DeleteProject", {"name": project})
    await call("CreateProject", {"projectId": f"{project.split('/')[1]}-spare"})
    await call("DeleteProject", {"name": f"{project}-spare"})
