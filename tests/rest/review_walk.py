"""The part of the walk through every method that asks people what they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modicum_server.domain.findings import Subset
from modicum_server.usecases.rules import MOST_REVIEWERS

from tests.rest.audit_walk import specification

if TYPE_CHECKING:
    from tests.rest.both_doors_walk import Walker

REVIEW_REQUEST = "00000000-0000-4000-8000-000000000003"
"""The id of a request that is sent more than once."""


async def of_reviews(walker: Walker) -> None:
    """Review an audit blindly, and ask for what cannot be reviewed."""
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
    await call("InviteReviewer", {"name": name, "reviewer": 0})
    await call("InviteReviewer", {"name": name, "reviewer": MOST_REVIEWERS})
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
