"""A backup in a folder. `docs/reference/backups.md` documents the form for those who read it without Modicum.

FOLDER/manifest.json     what the backup is, with the SHA-256 of every file below; written last
FOLDER/manifest.sha256   the SHA-256 of the manifest, as `sha256sum` writes it
FOLDER/tables/*.copy.gz  the rows of each table, in the text form of COPY, compressed
FOLDER/artifacts.txt.gz  a line for each artifact: its digest and its size in bytes, by rising digest
FOLDER/artifacts/        an artifact store
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from modicum_server.backups.packed_files import damaged, disk_errors, read_packed, write_packed, write_whole
from modicum_server.domain.backups import FORM, ArtifactList, Backup, HeldBytes, TableCopy, TableShape
from modicum_server.domain.digests import digest_of
from modicum_server.ports import ArtifactStore
from modicum_server.usecases.backup_errors import BackupPlaceTaken, BackupUnknown

MANIFEST, MANIFEST_DIGEST = "manifest.json", "manifest.sha256"
ARTIFACT_LIST, ARTIFACTS, TABLES = "artifacts.txt.gz", "artifacts", "tables"

_MANIFEST = TypeAdapter(Backup)


def make_place(path: Path) -> None:
    """Make the folder of a new backup, for its owner alone. An unfinished backup in it is continued.

    Raises:
        BackupPlaceTaken: a finished backup or something else is in it.
    """
    with disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        names = {each.name for each in path.iterdir()}
        if MANIFEST in names:
            raise BackupPlaceTaken(f"{path} holds a finished backup; choose a new folder for this one")
        if others := names - {TABLES, ARTIFACT_LIST, ARTIFACTS, MANIFEST_DIGEST}:
            raise BackupPlaceTaken(f"{path} is not empty: it has {min(others)}; choose a new folder for the backup")
        path.chmod(0o700)
        (path / TABLES).mkdir(exist_ok=True, mode=0o700)


def read_manifest(path: Path) -> tuple[Backup, str]:
    """Return the manifest of a finished backup, and its SHA-256. Blocks.

    Raises:
        BackupUnknown, BackupDamaged
    """
    place, note = path / MANIFEST, path / MANIFEST_DIGEST
    if not place.is_file():
        raise BackupUnknown(f"{path} holds no finished backup: it has no {MANIFEST}; name another folder")
    with disk_errors(place):
        text, noted = place.read_bytes(), note.read_text() if note.is_file() else ""
    if (digest := digest_of(text)) != noted.partition(" ")[0]:
        raise damaged(MANIFEST, f"expected the SHA-256 that {MANIFEST_DIGEST} has, got {digest}")
    if (form := _form_of(text)) != FORM:
        raise BackupUnknown(f"{path} is a backup of form {form}; this release reads form {FORM}")
    try:
        return _MANIFEST.validate_json(text), digest
    except ValidationError as error:
        raise damaged(MANIFEST, f"it is not a backup manifest of form {FORM}") from error


class FolderBackup:
    """`ports.BackupFolder`. All files are on the disk before the manifest names them."""

    def __init__(self, path: Path, artifacts: ArtifactStore) -> None:
        """Take the folder, and the artifact store that is in it."""
        self._path = path
        self.artifacts = artifacts

    async def write_table(self, shape: TableShape, rows: AsyncGenerator[bytes]) -> TableCopy:
        """Write a table, and count its rows: in this form a line end is the end of a row and nothing else."""
        counted = _CountedLines(rows)
        file = await write_packed(self._path, f"{TABLES}/{shape.name}.copy.gz", counted.pieces())
        return TableCopy(shape, counted.count, file)

    async def write_artifact_list(self, held: AsyncGenerator[HeldBytes]) -> ArtifactList:
        """Write the list of artifacts."""
        count = total = 0

        async def lines() -> AsyncGenerator[bytes]:
            nonlocal count, total
            async with aclosing(held):
                async for one in held:
                    count, total = count + 1, total + one.size_bytes
                    yield f"{one.digest} {one.size_bytes}\n".encode()

        file = await write_packed(self._path, ARTIFACT_LIST, lines())
        return ArtifactList(count, total, file)

    async def finish(self, backup: Backup) -> str:
        """Write the manifest, and return its SHA-256."""
        text = _MANIFEST.dump_json(backup, indent=1) + b"\n"
        digest = digest_of(text)
        await asyncio.to_thread(write_whole, self._path / MANIFEST_DIGEST, f"{digest}  {MANIFEST}\n".encode())
        await asyncio.to_thread(write_whole, self._path / MANIFEST, text)
        return digest

    async def table_rows(self, table: TableCopy) -> AsyncGenerator[bytes]:
        """Yield the rows of a table, in pieces.

        Raises:
            BackupDamaged: at the latest after the last of them.
        """
        counted = _CountedLines(read_packed(self._path, table.file))
        async with aclosing(counted.pieces()) as pieces:
            async for piece in pieces:
                yield piece
        if counted.count != table.rows:
            raise damaged(table.file.path, f"expected {table.rows:,} rows, got {counted.count:,}")

    async def artifact_list(self, artifacts: ArtifactList) -> AsyncGenerator[HeldBytes]:
        """Yield the list of artifacts.

        Raises:
            BackupDamaged: at the latest after the last of them.
        """
        rest = b""
        async with aclosing(read_packed(self._path, artifacts.file)) as pieces:
            async for piece in pieces:
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    digest, _, size = line.decode().partition(" ")
                    yield HeldBytes(digest, int(size))


class _CountedLines:
    """Counts the line ends in pieces that pass through."""

    def __init__(self, source: AsyncGenerator[bytes]) -> None:
        self._source = source
        self.count = 0

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Yield the pieces as they are."""
        async with aclosing(self._source):
            async for piece in self._source:
                self.count += piece.count(b"\n")
                yield piece


def _form_of(text: bytes) -> object:
    """Return the number of a manifest's form; None if it has none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found.get("form") if isinstance(found, dict) else None
