"""Where a database's schema stands, without the tools that change it: every process asks when it starts.

Must not import Alembic, which takes as long to read as SQLAlchemy itself; a test holds the two to each other.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

#: The revisions of this release, newest first: what stands in `migrations/versions`.
REVISIONS: Final[tuple[str, ...]] = ("0003", "0002", "0001")


@dataclass(frozen=True, slots=True)
class SchemaState:
    """Where a database's schema stands: the revision it has (empty: none) and the one that this release needs.

    `earlier` are the revisions before that one. Any other is a later release's, which keeps this one running while
    it is rolled out.
    """

    present: str
    needed: str
    earlier: frozenset[str]

    @property
    def current(self) -> bool:
        """Whether nothing is to be done."""
        return self.present == self.needed

    @property
    def outdated(self) -> bool:
        """Whether `migrate` has something to do first."""
        return not self.present or self.present in self.earlier


def schema_of(connection: Connection) -> SchemaState:
    """Tell where the schema of a connection's database stands. Blocks."""
    present = ""
    if connection.scalar(text("SELECT to_regclass('alembic_version')")) is not None:
        present = connection.scalar(text("SELECT version_num FROM alembic_version")) or ""
    needed, *earlier = REVISIONS
    return SchemaState(present=present, needed=needed, earlier=frozenset(earlier))
