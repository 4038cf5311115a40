"""The parts of the walk through every method that erase pictures and set retention."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from modicum_server.domain.retention import Kept

from tests.rest.audit_walk import specification

if TYPE_CHECKING:
    from tests.rest.both_doors_walk import Walker

UNKNOWN = "0" * 64


async def of_erasing(walker: Walker) -> None:
    """Erase a picture by its item, ask for the receipt, and for what cannot be erased."""
    call, project = walker.call, walker.project
    image, used = await walker.upload(b"to be erased"), await walker.upload(b"image")
    manifest = await walker.upload(json.dumps({"item": "a.png", "image": image}).encode())
    await call("CreateDataset", {"parent": project, "datasetId": "faces", "dataset": {"manifestDigest": manifest}})
    named = {"parent": project, "dataset": f"{project}/datasets/faces", "item": "a.png"}
    await call("EraseImage", named, caller="auditor")
    await call("EraseImage", {"parent": project})
    await call("EraseImage", {**named, "imageDigest": image})
    await call("EraseImage", {**named, "item": "b.png"})
    await call("EraseImage", {**named, "dataset": f"{project}/datasets/none"})
    await call("EraseImage", {"parent": project, "imageDigest": UNKNOWN})
    await call("EraseImage", {"parent": project, "imageDigest": manifest})
    await call("EraseImage", {"parent": project, "imageDigest": used})  # an audit of it is queued
    await of_holds(walker)
    await call("EraseImage", named)  # its data set is held
    await call("DeleteDataset", {"name": f"{project}/datasets/faces"})
    await call("DeleteHold", {"name": f"{project}/holds/evidence"})
    await call("DeleteHold", {"name": f"{project}/holds/evidence"})
    erased = (await call("EraseImage", named))["name"]
    await call("EraseImage", {"parent": project, "imageDigest": image})
    await call("GetErasure", {"name": erased})
    await call("GetErasure", {"name": erased}, caller="viewer")
    await call("GetErasure", {"name": f"{project}/erasures/none"})
    await call("ListErasures", {"parent": project, "pageSize": 1})
    await call("ListErasures", {"parent": project}, caller="auditor")
    await call("ListErasures", {"parent": project, "pageToken": "invented"})


async def of_retention(walker: Walker) -> None:
    """Set for how long pictures are kept, and ask for an audit of some that were deleted."""
    call, project, photos = walker.call, walker.project, f"{walker.project}/datasets/photos"
    wanted = {"parent": project, "retention": {"imagesDays": 30}}
    await call("SetRetention", wanted, caller="auditor")
    await call("SetRetention", wanted)
    await call("SetRetention", {**wanted, "retention": {"findingsDays": -1}})
    await call("SetRetention", {"parent": project})
    await call("GetRetention", {"parent": project}, caller="viewer")
    await call("GetRetention", {"parent": "projects/nowhere"})
    async with walker.served.store.transaction() as transaction:
        await transaction.retention.let_go(project, Kept.IMAGES, photos, days=0)
    await call("GetDataset", {"name": photos})
    await call("CreateAudit", {"parent": project, "auditId": "late", "audit": specification(project)})


async def of_holds(walker: Walker) -> None:
    """Hold a data set, and ask for what cannot be held."""
    call, project = walker.call, walker.project
    hold = {"held": f"{project}/datasets/faces", "reason": "an incident"}
    wanted = {"parent": project, "holdId": "evidence", "hold": hold}
    await call("CreateHold", wanted, caller="auditor")
    for _ in range(2):
        await call("CreateHold", wanted)
    for other in (
        {"held": f"{project}/audits/first"},
        {"held": f"{project}/audits/none"},
        {"held": f"{project}/datasets/none"},
        {"held": "projects/elsewhere/audits/first"},
        {"held": f"{project}/models/net"},
        {"held": f"{project}/models/net/versions/99"},
        {"held": f"{project}/verdicts/none"},
        {"reason": ""},
    ):
        await call("CreateHold", {**wanted, "hold": {**hold, **other}})
    await call("ListHolds", {"parent": project})
    await call("ListHolds", {"parent": project}, caller="viewer")
    await call("ListHolds", {"parent": project, "pageToken": "invented"})
