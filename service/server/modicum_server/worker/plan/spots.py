"""The task of a SCORE shard of the spot test: one version, and the classes of the shard."""

from collections.abc import Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import Audit, AuditItem, Shard
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import PredictedImage
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.tasks import SpotWork, Task
from modicum_server.ports import Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.input_specifications import framing_of
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import EndShard
from modicum_server.worker.plan.tasks import device_of, task_of
from modicum_server.worker.stored_work import (
    audited_versions,
    chooser_of,
    held_audit,
    parts_of,
    predicted_images,
    rows_without_spots,
)


@dataclass(frozen=True, slots=True)
class StoredPredictions:
    """What the task is made from; `items` are the images of `predicted`, in its order, by position.

    `chosen` are rows of another version that are tested on this one; `predicted` is then what that version predicts.
    """

    audit: Audit
    version: ModelVersion
    versions: Sequence[ModelVersion]
    parts: tuple[ModelVersion, ...]
    predicted: Sequence[PredictedImage]
    items: Sequence[tuple[int, DatasetItem]]
    rows: tuple[int, ...]
    chosen: Sequence[SpotRow] = ()


async def plan_spots(context: WorkerContext, shard: Shard) -> Task | EndShard:
    """Plan what is left of the shard."""
    async with context.store.transaction() as transaction:
        stored = await _load(transaction, shard)
    return EndShard() if stored is None else spot_task(shard, stored, context.settings)


async def _load(transaction: Transaction, shard: Shard) -> StoredPredictions | None:
    """Gather the inputs; None where nothing is left, the shard is no longer held or its audit has ended."""
    audit = await held_audit(transaction, shard)
    version = await transaction.models.version(shard.model_version)
    if audit is None or version is None:
        return None
    rows = await rows_without_spots(transaction, shard)
    if not rows:
        return None
    chosen_by = await chooser_of(transaction, shard)
    chosen = await transaction.spots.of(shard.audit, chosen_by) if chosen_by else ()
    predicted = await predicted_images(transaction, audit, chosen_by or shard.model_version)
    return StoredPredictions(
        audit,
        version,
        versions=await audited_versions(transaction, audit.specification),
        parts=await parts_of(transaction, version),
        predicted=predicted,
        items=await transaction.audits.items(shard.audit, [image.position for image in predicted]),
        rows=rows,
        chosen=[row for row in chosen if row.number in rows],
    )


def spot_task(shard: Shard, stored: StoredPredictions, settings: Settings) -> Task:
    """Return the task on the classes that are not tested yet."""
    specification = stored.audit.specification
    subsets = {index: image.subset for index, image in enumerate(stored.predicted) if image.subset is not None}
    work = SpotWork(
        canvas=specification.canvas,
        seed=specification.seed,
        items=tuple(_task_item(position, item) for position, item in stored.items),
        predicted=tuple(image.predicted_class for image in stored.predicted),
        subsets=subsets,
        rows=stored.rows,
        framing=framing_of(specification.canvas, stored.versions),
        max_image_pixels=settings.max_image_pixels,
        chosen=tuple(stored.chosen),
    )
    return task_of(shard, work, version=stored.version, parts=stored.parts, device=device_of(specification, settings))


def _task_item(position: int, item: DatasetItem) -> AuditItem:
    """The item with its objects. Its label plays no part."""
    return AuditItem(
        position, item.item, item.image_digest, None, boxes_digest=item.boxes_digest, mask_digest=item.mask_digest
    )
