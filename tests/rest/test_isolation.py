"""A token of one project learns nothing of another's: every method, with every request of the walk, by both doors.

Each request of the walk through a project is first sent by an admin of another project, who meets the resources at the
moment at which they exist. The reply is that for a project which does not exist, to the letter.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from modicum_server.domain.projects import Role

from tests.rest.audit_walk import specification
from tests.rest.both_doors_walk import (
    ABSENT,
    POLICY,
    RESULT,
    Walker,
    of_datasets,
    of_models,
    of_projects,
    walk,
)
from tests.rest.rest_stage import INPUT, Rest, Served
from tests.rest.two_doors import METHODS, Outcome, by_grpc, by_rest
from tests.tokens import add_token

STRANGERS = "projects/strangers"
STRANGER = "token-of-a-stranger"

#: Methods that name no project of somebody else, and why nobody is refused there.
OF_NO_PROJECT = {
    "ListProjects": "lists the caller's own; what it says is compared below",
    "ExchangeToken": "takes no token; tests/rest/test_trust.py",
}


@dataclass
class Stranger:
    """An admin of another project, who sends requests through one door."""

    served: Served
    door: str

    async def send(self, method: str, request: Any, data: bytes = b"") -> Outcome:
        if self.door == "grpc":
            return await by_grpc(self.served.channel, STRANGER, method, request, data)
        return await by_rest(Rest(self.served.http_port, STRANGER), method, request, data)


@dataclass
class WatchedWalker(Walker):
    """Walks through its project. A stranger sends each request first, and then the same to a project that is not there.

    `told`: the pairs of both outcomes by method, but for calls without a token.
    """

    stranger: Stranger | None = None
    told: list[tuple[str, Outcome, Outcome]] = field(default_factory=list)

    async def call(self, method: str, request: Any, *, caller: str | None = "admin", data: bytes = b"") -> Any:
        if caller is not None and self.stranger is not None:
            nowhere = json.loads(json.dumps(request).replace(self.project, self.nowhere))
            here = await self.stranger.send(method, request, data)
            self.told.append((method, here, await self.stranger.send(method, nowhere, data)))
        return await super().call(method, request, caller=caller, data=data)

    @property
    def nowhere(self) -> str:
        """The name of a project that does not exist, as long as that of the walk's."""
        return self.project.replace("/of-", "/no-")


@pytest.fixture
async def stranger(served, request) -> Stranger:
    """Admits the stranger, whose project holds nothing."""
    await served.rest().ask("POST", f"/v1/projects?projectId={STRANGERS.split('/')[1]}", {})
    async with served.store.transaction() as transaction:
        await add_token(transaction, STRANGER, principal="stranger", project=STRANGERS, role=Role.ADMIN)
    return Stranger(served, request.param)


def plain(outcome: Outcome, names: Mapping[str, str]) -> Outcome:
    """The outcome with these names replaced, and without ids of requests and page tokens."""

    def even(text: str) -> str:
        for name, shown in names.items():
            text = text.replace(name, shown).replace(name.rpartition("/")[2], shown.rpartition("/")[2])
        return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)

    reply = outcome.reply if isinstance(outcome.reply, bytes) else even(json.dumps(outcome.reply, sort_keys=True))
    return outcome.in_words(reply, even)


def refused(outcome: Outcome) -> bool:
    """Whether it says that there is no such resource, or that the role is too low."""
    return outcome.code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.PERMISSION_DENIED} or outcome.http_status in {
        403,
        404,
    }


@pytest.mark.parametrize("stranger", ["grpc", "rest"], indirect=True)
@pytest.mark.long
async def test_every_method_answers_a_stranger_as_for_a_project_that_does_not_exist(served, issuer, stranger):
    walker = WatchedWalker(served, stranger.door, f"projects/of-{stranger.door}", issuer, stranger=stranger)

    await walk(walker)

    for method, here, nowhere in walker.told:
        assert plain(here, {walker.project: "projects/P"}) == plain(nowhere, {walker.nowhere: "projects/P"}), method
        if method in OF_NO_PROJECT:
            assert walker.project not in json.dumps(here.reply), method
        else:
            assert here.reason, f"{method} told a stranger {here.reply}"
    assert {method for method, here, _ in walker.told if refused(here)} == METHODS.keys() - OF_NO_PROJECT.keys()


@dataclass(frozen=True)
class Theirs:
    """What the stranger has heard of another project: its name, digests that it alone holds, an id of a token."""

    project: str
    digest: str
    unfinished: str
    manifest: str
    token: str
    member: str


def borrowing(theirs: Theirs) -> list[tuple[str, Any]]:
    """Requests in the stranger's own project that name what belongs to another one."""
    version = {"input": INPUT, "classLabels": ["cat", "dog"]}
    audit, photos, net = (f"{theirs.project}/{last}" for last in ("audits/first", "datasets/photos", "models/net"))
    held = f"{STRANGERS}/artifacts/{theirs.digest}"
    digests = [theirs.digest, theirs.unfinished]
    weights = {"digest": theirs.digest, "architecture": "torchvision:resnet18"}
    folder = {"digest": "OWN WEIGHTS", "architecture": "timm:resnet18", "configuration": theirs.digest}
    other = [f"{STRANGERS}/models/net/versions/1", f"{net}/versions/1"]
    audits = (
        {"modelVersions": [f"{net}/versions/1"]},
        {"dataset": photos},
        {"outOfDistributionDataset": photos},
        {"counterfactualDataset": photos},
    )
    sources: tuple[dict[str, Any], ...] = (
        {"weights": weights},
        {"weights": folder},
        {"exported": {"digest": theirs.digest}},
        {"ensemble": {"members": other, "combine": "COMBINE_MEAN_LOGITS"}},
        {"inputDropout": {"member": f"{net}/versions/1", "keepProbability": 0.5, "samples": 2}},
    )
    return [
        *(
            ("CreateAudit", {"parent": STRANGERS, "auditId": "x", "audit": specification(STRANGERS, **one)})
            for one in audits
        ),
        *(
            ("CreateModelVersion", {"parent": f"{STRANGERS}/models/net", "modelVersion": {**version, **one}})
            for one in sources
        ),
        ("CreateDataset", {"parent": STRANGERS, "datasetId": "x", "dataset": {"manifestDigest": theirs.digest}}),
        ("CreateDataset", {"parent": STRANGERS, "datasetId": "x", "dataset": {"manifestDigest": theirs.manifest}}),
        ("JudgeAudit", {"name": f"{STRANGERS}/audits/first", "policy": POLICY, "baseline": audit}),
        *(
            ("CreateHold", {"parent": STRANGERS, "holdId": "x", "hold": {"held": one, "reason": "ours"}})
            for one in (audit, photos, f"{net}/versions/1")
        ),
        ("EraseImage", {"parent": STRANGERS, "imageDigest": theirs.digest}),
        ("EraseImage", {"parent": STRANGERS, "dataset": photos, "item": "a.png"}),
        ("FindMissingArtifacts", {"parent": STRANGERS, "digests": digests}),
        ("ListArtifacts", {"parent": STRANGERS, "digest": theirs.digest}),
        *((method, {"name": held}) for method in ("GetArtifact", "DownloadArtifact", "DeleteArtifact")),
        ("UploadArtifact", {"header": {"parent": STRANGERS, "digest": theirs.digest, "sizeBytes": 2}}),
        ("CreateToken", {"parent": STRANGERS, "token": {"principal": theirs.member}}),
        *((method, {"name": f"{STRANGERS}/tokens/{theirs.token}"}) for method in ("RotateToken", "DeleteToken")),
        ("ListTrailEntries", {"parent": STRANGERS, "filter": f"principal = {theirs.member}"}),
        ("ListVerdicts", {"parent": STRANGERS, "filter": f"audit = {audit}"}),
    ]


#: Methods of the above that answer without a refusal, because they list what the stranger's project has of it: nothing.
LISTS = {"FindMissingArtifacts", "ListArtifacts", "ListTrailEntries", "ListVerdicts"}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("stranger", ["grpc", "rest"], indirect=True)
async def test_what_another_project_holds_is_to_a_stranger_as_if_it_were_not_there(served, issuer, stranger):
    owner, own = (Walker(served, stranger.door, project, issuer) for project in ("projects/of-them", STRANGERS))
    for walker in (owner, own):
        await with_an_ended_audit(walker)
    theirs = await of_theirs(owner, own)
    nothing = Theirs("projects/no-them", ABSENT, "1" * 64, await manifest(own, ABSENT), "0" * 16, "viewer.no-them")
    mine = (await own.upload(b"weights of their own"),) * 2

    for (method, here), (_, nowhere) in zip(borrowing(theirs), borrowing(nothing), strict=True):
        outcomes = [
            await stranger.send(method, json.loads(json.dumps(one).replace("OWN WEIGHTS", weights)), data=b"ab")
            for one, weights in zip((here, nowhere), mine, strict=True)
        ]

        shown = [
            plain(outcome, {str(name): f"projects/{place}" for place, name in enumerate(vars(which).values())})
            for outcome, which in zip(outcomes, (theirs, nothing), strict=True)
        ]
        assert shown[0] == shown[1], (method, here)
        assert bool(outcomes[0].reason) == (method not in LISTS), (method, here, outcomes[0])


async def with_an_ended_audit(walker: Walker) -> None:
    """Give the walker's project a model with a version, a data set, and an audit with a result."""
    for part in (of_projects, of_models, of_datasets):
        await part(walker)
    project, audit = walker.project, f"{walker.project}/audits/first"
    await walker.call("CreateAudit", {"parent": project, "auditId": "first", "audit": specification(project)})
    await walker.served.succeed(audit, result=RESULT)


async def of_theirs(owner: Walker, own: Walker) -> Theirs:
    """Store what the owner's project alone holds, and what the stranger has heard of it."""
    digest, unfinished = await owner.upload(b"theirs"), "2" * 64
    store = owner.served.artifact_store
    async with store.upload(owner.project, unfinished, size_bytes=20, offset=0) as upload:
        await upload.write(b"a part")
    wanted = {"principal": owner.name("viewer"), "displayName": "nightly"}
    made = await owner.call("CreateToken", {"parent": owner.project, "token": wanted})
    token = made["token"]["name"].rpartition("/")[2]
    return Theirs(owner.project, digest, unfinished, await manifest(own, digest), token, owner.name("viewer"))


async def manifest(walker: Walker, image: str) -> str:
    """Upload a manifest that names an image by its digest."""
    return await walker.upload(json.dumps({"item": "a.png", "image": image, "label": "cat"}).encode())
