"""The part of the walk through every method that reads the trail."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.rest.both_doors_walk import Walker


async def of_the_trail(walker: Walker) -> None:
    """Keep the whole trail of the walk's project, and ask for parts of it."""
    call, project = walker.call, walker.project
    walker.trail = (await call("ListTrailEntries", {"parent": project, "pageSize": 1000}))["entries"]
    await call("ListTrailEntries", {"parent": project, "filter": "verb = DeleteMember AND principal = admin"})
    await call("ListTrailEntries", {"parent": project, "filter": "color = red"})
    await call("ListTrailEntries", {"parent": project, "chained": True, "afterSequence": "3"})
    await call("ListTrailEntries", {"parent": project, "afterSequence": "-1"})
    await call("ListTrailEntries", {"parent": project}, caller="auditor")
    await call("ListTrailEntries", {"parent": "projects/nowhere"})
