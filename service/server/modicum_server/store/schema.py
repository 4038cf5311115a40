"""The state of a database's schema. Every process checks it at start.

Must not import Alembic, which takes as long to import as SQLAlchemy itself. A test compares the revisions of the two.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

#: The revisions of this release, newest first: what stands in `migrations/versions`.
REVISIONS: Final[tuple[str, ...]] = (
    "0030",
    "0029",
    "0028",
    "0027",
    "0026",
    "0025",
    "0024",
    "0023",
    "0022",
    "0021",
    "0020",
    "0019",
    "0018",
    "0017",
    "0016",
    "0015",
    "0014",
    "0013",
    "0012",
    "0011",
    "0010",
    "0009",
    "0008",
    "0007",
    "0006",
    "0005",
    "0004",
    "0003",
    "0002",
    "0001",
)


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The state of a schema: the revision it has (empty: none) and the one that this release needs.

    `earlier` are the revisions before that one. Any other revision is of a later release; this release keeps running
    with it during a rollout.
    """

    present: str
    needed: str
    earlier: frozenset[str]

    @property
    def current(self) -> bool:
        """Whether the schema needs no migration."""
        return self.present == self.needed

    @property
    def outdated(self) -> bool:
        """Whether `migrate` must run first."""
        return not self.present or self.present in self.earlier


def schema_of(connection: Connection) -> SchemaState:
    """Return the state of the schema of a connection's database. Blocks."""
    present = ""
    # A role that serves may read it from the end of the migration on that gives it its rights.
    if connection.scalar(text("SELECT has_table_privilege(to_regclass('alembic_version'), 'SELECT')")):
        present = connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    needed, *earlier = REVISIONS
    return SchemaState(present=present, needed=needed, earlier=frozenset(earlier))
