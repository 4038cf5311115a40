"""Data sets: immutable, created from an uploaded manifest. The project must hold every digest in it."""

from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

from modicum_server.domain.batches import batches
from modicum_server.domain.datasets import Dataset, DatasetItem
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import ArtifactMissing, DatasetDiffers, DatasetNotFound, ManifestInvalid
from modicum_server.ports import ArtifactStore, Keyed, ObjectsCheck, Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.held_resources import refuse_held
from modicum_server.usecases.manifests import read_manifest
from modicum_server.usecases.missing_artifacts import DIGESTS_AT_ONCE
from modicum_server.usecases.model_sources import require_artifact
from modicum_server.usecases.models import refuse_in_use
from modicum_server.usecases.objects import ObjectsGate, with_objects
from modicum_server.usecases.pages import NUMBERS, Page, PageRequest, read_page
from modicum_server.usecases.request_ids import CreateOptions, IdentifiedRequest, identify
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.stored_results import read_beside, require_undamaged
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.trail import record

MANIFESTS_AT_ONCE = 2
"""Manifests that a process reads at the same time."""


class Datasets:
    """Creates, reads and deletes data sets."""

    def __init__(
        self, store: Store, artifacts: ArtifactStore, settings: Settings, *, check_objects: ObjectsCheck
    ) -> None:
        """Take the stores, the settings, and the check of boxes and masks."""
        self._objects = ObjectsGate(artifacts, check_objects)
        self._store = store
        self._artifacts = artifacts
        self._settings = settings
        self._threads = ThreadsInTurn("manifests", MANIFESTS_AT_ONCE)

    async def get(self, principal: Principal, name: str) -> Dataset:
        """Get a data set.

        Raises:
            FieldInvalid, ProjectNotFound, DatasetNotFound
        """
        authorise(principal, project_of("dataset", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await require_dataset(transaction, name)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[Dataset]:
        """List the data sets of a project, by name.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await read_page(request, f"datasets of {parent}", partial(transaction.datasets.page, parent))

    async def newest(self, principal: Principal, project: str, *, limit: int) -> Sequence[Dataset]:
        """Return the data sets of a project that were created last, the newest first.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await transaction.datasets.newest(project, limit=limit)

    async def items(self, principal: Principal, parent: str, request: PageRequest) -> Page[DatasetItem]:
        """List the items of a data set, in the order of its manifest.

        Raises:
            FieldInvalid, ProjectNotFound, DatasetNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("dataset", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            await require_dataset(transaction, parent)

            async def fetch(*, after: str, limit: int) -> list[Keyed[DatasetItem]]:
                rows = await transaction.datasets.items(parent, after=int(after or -1), limit=limit)
                return [(str(index), item) for index, item in rows]

            return await read_page(request, f"items of {parent}", fetch, keys=NUMBERS)

    async def create(
        self, principal: Principal, parent: str, dataset_id: str, manifest_digest: str, options: CreateOptions
    ) -> Dataset:
        """Create a data set from a manifest, or return the existing one of that name and manifest.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ArtifactMissing, ManifestInvalid, ObjectsInvalid,
            DatasetEmpty, DatasetTooLarge, DatasetDiffers, RequestIdReused
            ShareExceeded: too many manifests of the principal wait to be read.
        """
        project = project_of("project", parent, "parent")
        check("dataset_id", dataset_id, "resource_id")
        check("dataset.manifest_digest", manifest_digest, "digest")
        authorise(principal, project, Role.AUDITOR)
        name = f"{project}/datasets/{dataset_id}"
        body = {"dataset_id": dataset_id, "manifest_digest": manifest_digest}
        request = identify(project, "CreateDataset", options, body)
        async with self._store.transaction() as transaction:
            if present := await _present(transaction, request, name, manifest_digest):
                return present
            await require_artifact(transaction, project, manifest_digest)
        items = await self._read(principal, manifest_digest)
        await self._see_objects(project, manifest_digest, items)
        async with self._store.transaction() as transaction:
            await _require_all(transaction, project, manifest_digest, items)
            if options.validate_only:
                return _described(name, manifest_digest, items, principal)
            if present := await _present(transaction, request, name, manifest_digest):
                return present
            created = await transaction.datasets.create(name, manifest_digest, items, principal.name)
            if created is None:  # another request was faster
                created = _same(await require_dataset(transaction, name), manifest_digest)
            else:
                await record(transaction, principal, Verb.CREATE_DATASET, name)
            await request.remember(transaction, name)
            return created

    async def _read(self, principal: Principal, manifest_digest: str) -> list[DatasetItem]:
        """Read the manifest in a thread and outside any transaction, because it may be long.

        Raises:
            ManifestInvalid, DatasetEmpty, DatasetTooLarge, ShareExceeded
            ArtifactCorrupt: its stored bytes are damaged, which a caller could not mend.
        """
        try:
            return await self._threads.run(principal, partial(self._read_beside, manifest_digest))
        except ManifestInvalid:
            await require_undamaged(self._artifacts, manifest_digest)
            raise

    def _read_beside(self, manifest_digest: str) -> list[DatasetItem]:
        with closing(read_beside(self._artifacts, manifest_digest)) as pieces:
            return read_manifest(pieces, most_items=self._settings.max_dataset_items)

    async def _see_objects(self, project: str, manifest_digest: str, items: Sequence[DatasetItem]) -> None:
        """Check boxes and masks outside any transaction, after it is known that the project holds them."""
        if not with_objects(items):
            return
        async with self._store.transaction() as transaction:
            await _require_all(transaction, project, manifest_digest, items)
        await self._objects.require(items, max_pixels=self._settings.max_image_pixels)

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a data set.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, DatasetNotFound, ResourceHeld, ResourceInUse
        """
        authorise(principal, project_of("dataset", name), Role.ADMIN)
        async with self._store.transaction() as transaction:
            await require_dataset(transaction, name)
            users = await transaction.datasets.audits_of(name)
            await refuse_held(transaction, [name])
            refuse_in_use(name, users)
            await transaction.datasets.delete(name)
            await record(transaction, principal, Verb.DELETE_DATASET, name)


async def _present(
    transaction: Transaction, request: IdentifiedRequest, name: str, manifest_digest: str
) -> Dataset | None:
    """Return an existing equal data set and remember the request; None when there is none."""
    if created := await request.recall(transaction):
        return await require_dataset(transaction, created)
    present = await transaction.datasets.get(name)
    if present is None:
        return None
    same = _same(present, manifest_digest)
    await request.remember(transaction, name)
    return same


def _same(present: Dataset, manifest_digest: str) -> Dataset:
    if present.manifest_digest != manifest_digest:
        raise DatasetDiffers(
            f"{present.name} has the manifest {present.manifest_digest}, not {manifest_digest}; "
            "give the changed data set a new name",
            present_digest=present.manifest_digest,
            given_digest=manifest_digest,
        )
    return present


def _described(name: str, manifest_digest: str, items: Sequence[DatasetItem], principal: Principal) -> Dataset:
    labelled = sum(1 for item in items if item.label)
    return Dataset(name, manifest_digest, len(items), labelled, datetime.now(UTC), principal.name)


async def _require_all(
    transaction: Transaction, project: str, manifest_digest: str, items: Sequence[DatasetItem]
) -> None:
    """Lock the manifest, which was read before this transaction, and all that it names, against deletion."""
    named = (digest for item in items for digest in (item.image_digest, item.boxes_digest, item.mask_digest))
    digests = list(dict.fromkeys([manifest_digest, *filter(None, named)]))
    missing: list[str] = []
    for some in batches(digests, DIGESTS_AT_ONCE):
        held = await transaction.artifacts.held(project, some)
        missing += [digest for digest in some if digest not in held]
    if missing:
        raise ArtifactMissing(
            f"{project} does not hold {len(missing):,} artifacts of the manifest, the first is {missing[0]}; "
            "upload those that FindMissingArtifacts names",
            digest=missing[0],
            missing_count=str(len(missing)),
        )


async def require_dataset(transaction: Transaction, name: str) -> Dataset:
    """Get a data set.

    Raises:
        DatasetNotFound
    """
    dataset = await transaction.datasets.get(name)
    if dataset is None:
        raise DatasetNotFound(f"{name}: there is no data set with this name", name=name)
    return dataset
