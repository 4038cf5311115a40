"""Task: one version predicts whole images of the out-of-distribution or the counterfactual data set.

It travels as a SCORE shard without a search. Each image is a subset that keeps every pixel. Nothing is masked, so the
fill does not matter. A counterfactual is scored for the class that is predicted on its original.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import COUNTERFACTUAL, Audit, AuditItem, Shard
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import whole_subset
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import Fill
from modicum_server.domain.tasks import GivenSubset, ScoreWork, Task
from modicum_server.ports import Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.input_specifications import framing_of
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import EndShard
from modicum_server.worker.plan.tasks import device_of, task_of
from modicum_server.worker.stored_work import (
    audited_versions,
    counterfactual_items,
    held_audit,
    original_predictions,
    parts_of,
    positions_without_prediction,
)

ANY_CLASS = 0
"""A task must ask for the confidence of some class. Every version has a first one; its confidence is not used."""


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image without a prediction: its position, its item, and the class whose confidence is asked for."""

    position: int
    item: DatasetItem
    target_class: int = ANY_CLASS


@dataclass(frozen=True, slots=True)
class StoredImages:
    """What the task is made from."""

    audit: Audit
    version: ModelVersion
    versions: Sequence[ModelVersion]
    parts: tuple[ModelVersion, ...]
    images: Sequence[StoredImage]


async def plan_predictions(context: WorkerContext, shard: Shard) -> Task | EndShard:
    """Plan what is left of the shard."""
    async with context.store.transaction() as transaction:
        stored = await _load(transaction, shard)
    return EndShard() if stored is None else prediction_task(shard, stored, context.settings)


async def _load(transaction: Transaction, shard: Shard) -> StoredImages | None:
    """Gather the inputs; None where nothing is left, the shard is no longer held or its audit has ended."""
    audit = await held_audit(transaction, shard)
    version = await transaction.models.version(shard.model_version)
    if audit is None or version is None:
        return None
    positions = await positions_without_prediction(transaction, shard)
    if not positions:
        return None
    return StoredImages(
        audit,
        version,
        versions=await audited_versions(transaction, audit.specification),
        parts=await parts_of(transaction, version),
        images=await _images(transaction, shard, audit, positions),
    )


async def _images(transaction: Transaction, shard: Shard, audit: Audit, positions: Sequence[int]) -> list[StoredImage]:
    if shard.search_index == COUNTERFACTUAL:
        items = await counterfactual_items(transaction, audit, positions)
        originals = await original_predictions(transaction, audit, shard.model_version)
        return [StoredImage(place, item, originals[place].predicted_class or 0) for place, item in items.items()]
    found = await transaction.datasets.items_at(audit.specification.out_of_distribution_dataset, positions)
    return [StoredImage(place, item) for place, item in zip(positions, found, strict=True)]


def prediction_task(shard: Shard, stored: StoredImages, settings: Settings) -> Task:
    """Return the task on the images that have no prediction yet."""
    specification = stored.audit.specification
    canvas = specification.canvas
    everything = whole_subset(canvas.height, canvas.width)
    work = ScoreWork(
        canvas=canvas,
        fill=Fill.MEAN,
        threshold=1.0,
        seed=specification.seed,
        items=tuple(AuditItem(one.position, one.item.item, one.item.image_digest, None) for one in stored.images),
        subsets=tuple(
            GivenSubset(one.position, shard.model_version, one.target_class, everything) for one in stored.images
        ),
        framing=framing_of(canvas, stored.versions),
        max_image_pixels=settings.max_image_pixels,
    )
    return task_of(shard, work, version=stored.version, parts=stored.parts, device=device_of(specification, settings))
