"""A project in the real store, and the use cases over it."""

from collections.abc import AsyncIterator

import pytest
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.settings import Settings
from modicum_server.store.changes import PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.specifications import AuditDraft

from tests.usecases import reviews_stage
from tests.usecases.judging_stage import DOCUMENTS
from tests.usecases.reviews_stage import IMAGES, Reviewed, found_on
from tests.usecases.usecases_stage import Place, draft


@pytest.fixture
async def place(database_url, tmp_path) -> AsyncIterator[Place]:
    store, changes = PostgresStore(database_url), PostgresChanges(database_url)
    artifact_store = FolderArtifactStore(tmp_path / "artifacts")
    yield Place(store, changes, artifact_store, Settings(max_queued_audits=50, max_watchers=3))
    await changes.close()
    await store.close()


@pytest.fixture
async def audit_draft(place: Place) -> AuditDraft:
    """A draft that can be audited."""
    version, dataset = await place.register(), await place.dataset(count=3)
    return draft(versions=(version.name,), dataset=dataset)


@pytest.fixture
async def audited(place, audit_draft):
    """Makes an audit that succeeded with a document."""

    async def make(name="clean", findings=(), seed=0):
        changed = draft(
            versions=audit_draft.specification.model_versions, dataset=audit_draft.specification.dataset, seed=seed
        )
        audit = await place.audit(changed, no_reuse=True)
        given = DOCUMENTS[name] if isinstance(name, str) else name
        await place.succeed(audit.name, {**given, "audit": audit.name}, findings)
        return audit.name

    return make


@pytest.fixture
async def reviewed(place) -> Reviewed:
    """An audit that can be reviewed."""
    return await reviews_stage.audited(place, [found_on(number, 4 + number % 5) for number in range(IMAGES)])
