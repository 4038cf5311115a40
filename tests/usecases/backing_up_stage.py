"""A database and its artifact store, and copies of both: a backup and what is restored from it."""

import asyncio
import hashlib
from pathlib import Path

from modicum_server.artifacts.store import open_artifact_store
from modicum_server.backups.folder import make_place, read_manifest
from modicum_server.bootstrap import open_backup
from modicum_server.domain.projects import Principal, Role
from modicum_server.store.database_copies import LOCK_SECONDS, PostgresCopies
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.backing_up import back_up
from modicum_server.usecases.restoring import restore
from modicum_server.usecases.verifying import State, Throttle, verify

PROJECT = "projects/default"
CONTENTS = [f"content {place}".encode() for place in range(4)]
DIGESTS = [hashlib.sha256(data).hexdigest() for data in CONTENTS]
ADMIN = Principal("ann", {PROJECT: Role.ADMIN})


async def at_once(_: float) -> None:
    await asyncio.sleep(0)


def unthrottled() -> Throttle:
    return Throttle(None, lambda: 0.0, at_once)


def unseen(step: str, done: int, total: int) -> None:
    assert 0 <= done <= total, step


class Server:
    """A database and its artifact store."""

    def __init__(self, database_url: str, folder: Path, *, lock_seconds: float = LOCK_SECONDS) -> None:
        self.store = PostgresStore(database_url)
        self.copies = PostgresCopies(database_url, lock_seconds=lock_seconds)
        self.artifacts = open_artifact_store(str(folder))

    async def hold(self, data: bytes) -> None:
        digest = await self.artifacts.put(data)
        async with self.store.transaction() as transaction:
            await transaction.artifacts.add(PROJECT, digest, len(data))

    async def states(self) -> dict[str, State]:
        return {one.digest: one.state async for one in verify(self.store, self.artifacts)}

    async def close(self) -> None:
        await self.copies.close()
        await self.store.close()


async def backed_up(server: Server, place: Path):
    make_place(place)
    to = open_backup(place)
    return await back_up(server.copies, server.artifacts, to, release="1.2.3", throttle=unthrottled(), show=unseen)


async def restored(place: Path, to: Server) -> None:
    made, _ = read_manifest(place)
    await restore(open_backup(place), made, to.copies, to.artifacts, throttle=unthrottled(), show=unseen)


async def rows_of(server: Server) -> dict[str, list[bytes]]:
    async with server.copies.snapshot() as snapshot:
        return {
            table.name: sorted(b"".join([row async for row in snapshot.rows(table)]).splitlines())
            for table in snapshot.tables
        }


async def dataset(server: Server, name: str) -> None:
    async with server.store.transaction() as transaction:
        assert await transaction.datasets.create(f"{PROJECT}/datasets/{name}", DIGESTS[0], []) is not None
