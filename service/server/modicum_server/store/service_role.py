"""The rights of the database role that serves: it owns nothing, and of the trail it may only read and insert."""

from typing import Final

from psycopg import sql
from sqlalchemy import Connection, text

from modicum_server.store import tables

ALL: Final = "SELECT, INSERT, UPDATE, DELETE"
#: Tables of which the role may not do everything.
RIGHTS: Final = {
    "alembic_version": "SELECT",
    tables.trail_entries.name: "SELECT, INSERT",
    tables.trail_seals.name: "SELECT, INSERT",
    tables.trail_pending.name: "SELECT, INSERT, DELETE",
}
ROLE_FACTS: Final = """
SELECT rolsuper OR pg_has_role(oid, current_user, 'MEMBER') AS is_owner,
    EXISTS (SELECT FROM pg_class WHERE relowner = pg_roles.oid AND relkind IN ('r', 'p')) AS owns_tables
FROM pg_roles WHERE rolname = :role
"""
#: Whether the role of a connection could change or delete what the trail says.
MAY_CHANGE: Final = """
SELECT bool_or(has_table_privilege(name::regclass, 'UPDATE') OR has_table_privilege(name::regclass, 'DELETE')
    OR has_table_privilege(name::regclass, 'TRUNCATE'))
FROM unnest(ARRAY['trail_entries', 'trail_seals']) AS name
"""


class ServiceRoleUnfit(Exception):
    """The role that is to serve does not exist, or has rights that would let it change the trail."""


def grant_rights(connection: Connection, role: str) -> None:
    """Give a role the rights that serving takes, and no others, in the connection's transaction. Blocks.

    Raises:
        ServiceRoleUnfit: says what to do.
    """
    _require_fit(connection, role)
    schema = connection.scalar(text("SELECT current_schema()"))
    named = {name: RIGHTS.get(name, ALL) for name in [*tables.metadata.tables, "alembic_version"]}
    statements = [
        sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(*map(sql.Identifier, (schema, role))),
        *(
            sql.SQL(f"{verb} {rights} ON {{}} {direction} {{}}").format(sql.Identifier(name), sql.Identifier(role))
            for name, wanted in named.items()
            for verb, rights, direction in (("REVOKE", "ALL", "FROM"), ("GRANT", wanted, "TO"))
        ),
    ]
    for statement in statements:
        connection.exec_driver_sql(statement.as_string())


def _require_fit(connection: Connection, role: str) -> None:
    facts = connection.execute(text(ROLE_FACTS), {"role": role}).one_or_none()
    if facts is None:
        raise ServiceRoleUnfit(
            f"MODICUM_DATABASE_URL names the role {role}, which does not exist; create it as the owner of the "
            f"database: CREATE ROLE {role} LOGIN PASSWORD '...'"
        )
    if facts.is_owner or facts.owns_tables:
        raise ServiceRoleUnfit(
            f"MODICUM_DATABASE_URL names the role {role}, which is a superuser, owns tables, or is a member of the "
            "role in MODICUM_OWNER_DATABASE_URL, so it could change the trail; name another role"
        )
