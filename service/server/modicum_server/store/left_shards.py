"""Which shards a worker leaves to others: those of versions that it cannot build, and others can."""

from typing import Any

from sqlalchemy import ARRAY, ColumnElement, FromClause, Text, any_, exists, false, func, literal, or_

from modicum_server.domain.buildable import LeftToOthers
from modicum_server.store import tables


def not_left(left: LeftToOthers) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that a shard is not left to others. A fleet of equal workers has none."""
    if not left:
        return ()
    version = tables.model_versions.alias("version")
    part, inner = tables.model_versions.alias("part"), tables.model_versions.alias("inner")
    in_inner = exists().where(inner.c.name == any_(part.c.parts), _is_left(inner, left))
    in_part = exists().where(part.c.name == any_(version.c.parts), _is_left(part, left) | in_inner)
    whole = exists().where(version.c.name == tables.shards.c.model_version, _is_left(version, left) | in_part)
    return (~whole,)


def _is_left(version: FromClause, left: LeftToOthers) -> ColumnElement[bool]:
    """Whether an architecture is left; a program, an ensemble and a wrapper have none of their own."""
    architecture: Any = version.c.source["of"]["architecture"].astext
    families, architectures = (literal(sorted(names), ARRAY(Text)) for names in (left.families, left.architectures))
    of_family = func.split_part(architecture, ":", 1) == any_(families)
    return func.coalesce(or_(of_family, architecture == any_(architectures)), false())
