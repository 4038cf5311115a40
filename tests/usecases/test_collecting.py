"""What nothing refers to is deleted after a grace time, and nothing that is needed, or on its way."""

import asyncio
import hashlib
from pathlib import Path

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.projects import Principal, Role
from modicum_server.ports import RememberedRequest, TrailFilter
from modicum_server.settings import Settings
from modicum_server.store.database_copies import PostgresCopies
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.backup_errors import BackupUnderWay
from modicum_server.usecases.collecting import Wanted, collect
from sqlalchemy import text

PROJECT = "projects/default"
ADMIN = Principal("ann", {PROJECT: Role.ADMIN})
DAY = 86_400.0
GRACE = 30 * DAY
CONTENTS = {name: f"content of {name}".encode() for name in ("manifest", "image", "boxes", "mask", "unneeded", "new")}
DIGESTS = {name: hashlib.sha256(data).hexdigest() for name, data in CONTENTS.items()}
NAMES = {digest: name for name, digest in DIGESTS.items()}


class Server:
    """A database and its artifact store, in which a data set refers to all but two artifacts."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self.store = PostgresStore(database_url)
        self.copies = PostgresCopies(database_url)
        self.artifacts = open_artifact_store(str(folder))
        self.calls = Artifacts(self.store, self.artifacts, Settings())

    async def fill(self) -> None:
        for name, data in CONTENTS.items():
            await self.hold(data)
            await self.age(DIGESTS[name], days=0 if name == "new" else 40)
        item = DatasetItem("one", DIGESTS["image"], "", boxes_digest=DIGESTS["boxes"], mask_digest=DIGESTS["mask"])
        async with self.store.transaction() as transaction:
            await transaction.datasets.create(f"{PROJECT}/datasets/d", DIGESTS["manifest"], [item])

    async def hold(self, data: bytes) -> None:
        digest = await self.artifacts.put(data)
        async with self.store.transaction() as transaction:
            await transaction.artifacts.add(PROJECT, digest, len(data))

    async def age(self, digest: str, *, days: int) -> None:
        await self.execute(f"UPDATE artifacts SET used_time = now() - interval '{days} days' WHERE digest = '{digest}'")

    async def execute(self, statement: str) -> None:
        async with self.store._engine.begin() as connection:
            await connection.execute(text(statement))

    async def collect(self, **options) -> tuple[list[str], object]:
        gone: list[str] = []
        wanted = Wanted(grace_seconds=GRACE, **options)
        done = await collect(self.store, self.artifacts, wanted, lambda one: gone.append(one.digest), page=2)
        return [NAMES.get(digest, digest) for digest in gone], done

    async def left(self) -> set[str]:
        return {NAMES.get(digest, digest) async for digest in self.artifacts.stored("")}

    async def facts(self):
        async with self.store.transaction() as transaction:
            return await transaction.gauges.facts()


@pytest.fixture
async def server(database_url, tmp_path):
    server = Server(database_url, tmp_path / "artifacts")
    await server.fill()
    yield server
    await server.copies.close()
    await server.store.close()


async def test_what_nothing_refers_to_goes_after_the_grace_time(server):
    gone, done = await server.collect()

    assert gone == ["unneeded"]
    assert (done.artifacts, done.artifact_bytes) == (1, len(CONTENTS["unneeded"]))
    assert await server.left() == set(CONTENTS) - {"unneeded"}
    async with server.store.transaction() as transaction:
        assert await transaction.artifacts.get(PROJECT, DIGESTS["unneeded"]) is None


async def test_a_dry_run_tells_the_same_and_deletes_nothing(server):
    gone, done = await server.collect(dry_run=True)

    assert (gone, done.artifacts) == (["unneeded"], 1)
    assert await server.left() == set(CONTENTS)


async def test_when_the_data_set_is_deleted_its_artifacts_go(server):
    async with server.store.transaction() as transaction:
        await transaction.datasets.delete(f"{PROJECT}/datasets/d")

    await server.collect()

    assert await server.left() == {"new"}


async def test_bytes_that_another_project_needs_stay(server):
    async with server.store.transaction() as transaction:
        await transaction.projects.create("projects/other", admin="ann")
        await transaction.artifacts.add("projects/other", DIGESTS["unneeded"], 1)

    gone, _ = await server.collect()

    assert gone == ["unneeded"]  # the record of this project
    assert "unneeded" in await server.left()


async def test_who_asks_whether_to_upload_has_the_grace_time_again(server):
    """The answer was that it need not be uploaded."""
    missing = await server.calls.find_missing(ADMIN, PROJECT, [DIGESTS["unneeded"]])

    gone, _ = await server.collect()

    assert (missing, gone) == ([], [])


@pytest.mark.long
async def test_what_begins_to_be_needed_in_the_same_moment_stays(server):
    """A data set that is created in another transaction has looked whether its artifacts are there."""
    async with server.store.transaction() as transaction:
        await transaction.artifacts.held(PROJECT, [DIGESTS["unneeded"]])
        collecting = asyncio.create_task(server.collect())
        await asyncio.sleep(0.5)  # whichever comes first, the outcome is the same
        await transaction.datasets.create(f"{PROJECT}/datasets/late", DIGESTS["unneeded"], [])

    gone, _ = await collecting

    assert gone == []
    assert "unneeded" in await server.left()


async def test_bytes_that_no_project_holds_go_only_where_that_is_asked_for(server):
    orphan = await server.artifacts.put(b"held by nobody")

    await server.collect()
    before = await server.left()
    gone, done = await server.collect(orphans=True)

    assert orphan in before
    assert (gone, done.orphans) == ([orphan], 1)
    assert orphan not in await server.left()


@pytest.mark.long
async def test_bytes_in_the_middle_of_an_upload_are_no_orphans(server):
    """They are stored in the transaction that records them."""
    data = b"on its way"
    digest = hashlib.sha256(data).hexdigest()
    async with server.store.transaction() as transaction:
        await transaction.artifacts.lock(digest)
        await server.artifacts.put(data)
        collecting = asyncio.create_task(server.collect(orphans=True))
        await asyncio.sleep(0.5)  # whichever comes first, the outcome is the same
        await transaction.artifacts.add(PROJECT, digest, len(data))

    gone, _ = await collecting

    assert digest not in gone
    assert digest in await server.left()


async def test_nothing_is_collected_beside_a_backup(server):
    async with server.copies.deleting_nothing():
        with pytest.raises(BackupUnderWay):
            await server.collect()

    assert await server.left() == set(CONTENTS)


async def test_the_trails_of_the_server_and_of_the_project_say_what_went(server):
    async def told() -> list[tuple[str, str, str, str]]:
        async with server.store.transaction() as transaction:
            rows = [
                entry
                for project in ("", PROJECT)
                for _, entry in await transaction.trail.page(project, TrailFilter(), after="", limit=10)
            ]
        return [(entry.project, entry.verb, entry.principal, entry.detail) for entry in rows]

    size = len(CONTENTS["unneeded"])

    await server.collect(dry_run=True)
    looked = await told()
    await server.collect()

    assert looked == []
    assert await told() == [
        ("", "Collect", "system:operator", f"1 artifact of {size} bytes, 0 orphans, 0 request ids"),
        (PROJECT, "Collect", "system:operator", f"1 artifact of {size} bytes"),
    ]


async def test_old_request_ids_are_forgotten(server):
    async with server.store.transaction() as transaction:
        for number in range(5):
            await transaction.requests.remember(PROJECT, str(number), RememberedRequest("M", "", "created"))
    await server.execute("UPDATE requests SET create_time = now() - interval '40 days' WHERE request_id < '4'")

    _, looked = await server.collect(dry_run=True)
    _, done = await server.collect()

    assert (looked.request_ids, done.request_ids) == (4, 4)
    async with server.store.transaction() as transaction:
        assert await transaction.requests.find(PROJECT, "0") is None
        assert await transaction.requests.find(PROJECT, "4") is not None


async def test_the_metrics_say_what_collections_did(server):
    size = len(CONTENTS["unneeded"])

    before = await server.facts()
    await server.collect(dry_run=True)
    looked = await server.facts()
    await server.collect()
    after = await server.facts()

    told = [(facts["collected_bytes_total"], facts.get("collectable_bytes")) for facts in (before, looked, after)]
    assert told == [(0, None), (0, size), (size, 0)]
