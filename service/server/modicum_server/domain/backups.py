"""What a backup says of itself: its manifest. Its form is documented in docs/reference/backups.md."""

from dataclasses import dataclass
from datetime import datetime

#: The form of the files. A release reads the forms that it knows; a new one takes the next number.
FORM = 1


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table and its columns, in the order in which rows have them."""

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of a backup, by its path below the backup's folder."""

    path: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TableCopy:
    """All rows of a table, in a file."""

    shape: TableShape
    rows: int
    file: WrittenFile


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """An artifact that a database names: its digest, and its size as recorded."""

    digest: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ArtifactList:
    """The artifacts of a backup, in a file: how many they are, and how many bytes in all."""

    count: int
    total_bytes: int
    file: WrittenFile


@dataclass(frozen=True, slots=True)
class Damaged:
    """An artifact that could not be copied, because the store has lost or damaged it: MISSING, CORRUPT, UNREADABLE."""

    digest: str
    state: str


@dataclass(frozen=True, slots=True)
class Backup:
    """The manifest: written last, so that a backup that has one is complete.

    `create_time` is the moment of which the backup is, by the database's clock. `tables` stand in the order in which
    they can be filled: a table after those that it refers to. `damaged` are artifacts of the list without bytes.
    """

    form: int
    release: str
    schema: str
    store_id: str
    create_time: datetime
    tables: tuple[TableCopy, ...]
    artifacts: ArtifactList
    damaged: tuple[Damaged, ...]
