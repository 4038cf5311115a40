"""Entries of the trail on what the operator does with the whole store: in the trail of the server, and of projects."""

from collections import Counter
from dataclasses import dataclass, field

from modicum.gate.counting import counted

from modicum_server.domain.backups import Backup
from modicum_server.domain.collections import Collection, Unreferred
from modicum_server.domain.trail import Verb
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.trail import THE_OPERATOR, record


@dataclass(slots=True)
class Collected:
    """What goes from each project: how many artifacts, and their bytes."""

    artifacts: Counter[str] = field(default_factory=Counter)
    size_bytes: Counter[str] = field(default_factory=Counter)

    def note(self, one: Unreferred) -> None:
        """Count an artifact of a project."""
        self.artifacts[one.project] += 1
        self.size_bytes[one.project] += one.size_bytes


async def note_backup(store: Store, backup: Backup, digest: str) -> None:
    """Write that a backup was made, under its SHA-256."""
    lost = f", {len(backup.damaged):,} of them missing or damaged" if backup.damaged else ""
    held = backup.artifacts
    async with store.transaction() as transaction:
        detail = f"{_artifacts(held.count, held.total_bytes)}{lost}"
        await record(transaction, THE_OPERATOR, Verb.BACK_UP, _name(digest), detail)


async def note_restore(store: Store, backup: Backup, digest: str) -> None:
    """Write into the trail that was restored that it was, and from what: what came after the backup is not in it."""
    moment = backup.create_time.strftime("%Y-%m-%dT%H:%M:%SZ")
    async with store.transaction() as transaction:
        await record(transaction, THE_OPERATOR, Verb.RESTORE, _name(digest), f"store {backup.store_id} as of {moment}")


async def note_collection(transaction: Transaction, done: Collection, projects: Collected) -> None:
    """Write what a collection deleted, in the trail of each project that lost something, too."""
    for project, count in sorted(projects.artifacts.items()):
        detail = _artifacts(count, projects.size_bytes[project])
        await record(transaction, THE_OPERATOR, Verb.COLLECT, project, detail)
    await record(transaction, THE_OPERATOR, Verb.COLLECT, "collections", unneeded_in_words(done))


def unneeded_in_words(done: Collection) -> str:
    """Return how much went because nothing needed it."""
    orphans, request_ids = counted(done.orphans, "orphan"), counted(done.request_ids, "request id")
    return f"{_artifacts(done.artifacts, done.artifact_bytes)}, {orphans}, {request_ids}"


def _artifacts(count: int, size_bytes: int) -> str:
    return f"{counted(count, 'artifact')} of {counted(size_bytes, 'byte')}"


def _name(digest: str) -> str:
    return f"backups/{digest}"
