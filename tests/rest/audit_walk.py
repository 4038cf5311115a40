"""The part of the walk through every method that creates audits, watches and ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.rest.both_doors_walk import Walker


def specification(project: str, **changes: Any) -> dict[str, Any]:
    """Return an audit of the walk's model and photographs, with these fields changed."""
    requested = {
        "modelVersions": [f"{project}/models/net/versions/1"],
        "dataset": f"{project}/datasets/photos",
        "searches": [{"threshold": 0.9}],
    }
    return {"specification": requested | changes}


async def of_audits(walker: Walker) -> None:
    """Create audits that run and such as cannot, and ask for what is refused."""
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
