"""Whose turn it is: the project with the fewest shards held, then the one that was not served for the longest time."""

from typing import Any

from sqlalchemy import Select, func, select

from modicum_server.store import tables


def projects_by_turn() -> Select[tuple[Any]]:
    """Return the query of the projects with queued shards whose time has come, the next one first."""
    projects, shards = tables.projects.c, tables.shards.c
    here = shards.project == projects.name
    waits = select(1).where(here, shards.lease_until.is_(None), shards.not_before <= func.clock_timestamp()).exists()
    held = select(func.count()).select_from(tables.shards).where(here, shards.lease_until.is_not(None))
    return (
        select(projects.name)
        .where(waits)
        .order_by(held.correlate(tables.projects).scalar_subquery(), projects.served_time.nulls_first(), projects.name)
    )
