"""The newest row about each version or model, of tables whose rows name several versions."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Subquery, Table, func, select, true

#: What follows a model's name in the name of its version.
_VERSION_PART = "/versions/[0-9]+$"

Key = Callable[[ColumnElement[str]], ColumnElement[str]]
"""Makes the name that is asked for of that of a version."""


def newest_ids(table: Table, key: Key, names: Sequence[str], *criteria: ColumnElement[bool]) -> Subquery:
    """One row for each of these names that has one: the name (`of`), and the largest `id`."""
    newest = newest_of_all(table, key, *criteria)
    return select(newest).where(newest.c.of.in_(list(names))).subquery()


def newest_of_all(table: Table, key: Key, *criteria: ColumnElement[bool]) -> Subquery:
    """One row for each name that rows name: the name (`of`), and the largest `id`."""
    named = versions_in(table)
    of = key(named.c.version)
    newest = select(of.label("of"), func.max(table.c.id).label("id")).select_from(table.join(named, true()))
    return newest.where(*criteria).group_by(of).subquery()


def versions_in(table: Table) -> Any:
    """The versions that a row names, one a row."""
    return func.unnest(table.c.model_versions).table_valued("version", name="named").render_derived()


def version_itself(version: ColumnElement[str]) -> ColumnElement[str]:
    """The key of versions."""
    return version


def model_of(version: ColumnElement[str]) -> ColumnElement[str]:
    """The key of models."""
    return func.regexp_replace(version, _VERSION_PART, "")
