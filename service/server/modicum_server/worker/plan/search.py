"""The task of a SEARCH shard: one version and one search, on the images that have no finding yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import (
    Audit,
    AuditFailure,
    AuditItem,
    AuditState,
    Shard,
)
from modicum_server.domain.classes import class_index, classes_by_name
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import ControlPlan
from modicum_server.domain.tasks import SearchWork, Task
from modicum_server.errors import GradientMissing, LabelUnknown
from modicum_server.measures.matched_temperatures import temperature_of
from modicum_server.ports import Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.controls import control_positions, plans_beside, takes_all
from modicum_server.usecases.costs import wants_temperatures
from modicum_server.usecases.input_specifications import framing_of
from modicum_server.usecases.labels import labels_of, require_labels
from modicum_server.usecases.specifications import require_gradient
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import EndShard, FailAudit
from modicum_server.worker.plan.donors import donors_needed, donors_of
from modicum_server.worker.plan.tasks import device_of, task_of
from modicum_server.worker.stored_work import audited_versions, held_audit, parts_of, positions_without_finding


@dataclass(frozen=True, slots=True)
class StoredSearch:
    """What the task of a SEARCH shard is made from.

    Attributes:
        versions: all of the audit, in its order.
        labels: the different labels of the audit's data sets.
        items: the images without a finding, by position.
        parameters: what is noted with the audit.
    """

    audit: Audit
    version: ModelVersion
    versions: Sequence[ModelVersion]
    parts: tuple[ModelVersion, ...]
    labels: frozenset[str]
    items: Sequence[tuple[int, DatasetItem]]
    donors: tuple[AuditItem, ...]
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A task, and whether its audit is QUEUED until the task begins."""

    task: Task
    begins_audit: bool


async def plan_search(context: WorkerContext, shard: Shard) -> SearchPlan | EndShard | FailAudit:
    """Plan what is left of the shard."""
    async with context.store.transaction() as transaction:
        stored = await _load(transaction, shard)
    if stored is None:
        return EndShard()
    failure = refusal(stored)
    if failure is not None:
        return FailAudit(failure)
    if not stored.items:
        return EndShard()
    return SearchPlan(search_task(shard, stored, context.settings), stored.audit.state is AuditState.QUEUED)


async def _load(transaction: Transaction, shard: Shard) -> StoredSearch | None:
    """Gather the inputs; None where the shard is no longer held, or its audit has ended."""
    audit = await held_audit(transaction, shard)
    if audit is None:
        return None
    specification = audit.specification
    versions = await audited_versions(transaction, specification)
    version = next((one for one in versions if one.name == shard.model_version), None)
    if version is None:
        return None
    with_donors = donors_needed(specification, specification.searches[shard.search_index])
    return StoredSearch(
        audit,
        version,
        versions,
        parts=await parts_of(transaction, version),
        labels=await labels_of(transaction, specification),
        items=await transaction.audits.items(shard.audit, await positions_without_finding(transaction, shard)),
        donors=await donors_of(transaction, audit) if with_donors else (),
        parameters=await transaction.audits.parameters(audit.name),
    )


def refusal(stored: StoredSearch) -> AuditFailure | None:
    """Return why the audit cannot be done; None where it can.

    An audit may be older than the check of its version, so its request is examined again.
    """
    try:
        require_gradient(stored.version, stored.audit.specification)
        require_labels(stored.labels, stored.version)
    except (GradientMissing, LabelUnknown) as error:
        return AuditFailure(error.reason, str(error))
    return None


def search_task(shard: Shard, stored: StoredSearch, settings: Settings) -> Task:
    """Return the task on the images that have no finding yet."""
    audit, specification = stored.audit, stored.audit.specification
    search = specification.searches[shard.search_index]
    controls = plans_beside(specification, search)
    items = _items(stored)
    work = SearchWork(
        canvas=specification.canvas,
        search=search,
        search_index=shard.search_index,
        seed=specification.seed,
        items=items,
        donors=stored.donors,
        controls=controls,
        control_exclusions=tuple(_excluded(plan, audit, items) for plan in controls),
        framing=framing_of(specification.canvas, stored.versions),
        max_image_pixels=settings.max_image_pixels,
        temperature=temperature_of(stored.parameters, shard.search_index, shard.model_version),
        critical_temperatures=wants_temperatures(specification, search),
    )
    return task_of(shard, work, version=stored.version, parts=stored.parts, device=device_of(specification, settings))


def _items(stored: StoredSearch) -> tuple[AuditItem, ...]:
    by_name = classes_by_name(stored.version.class_labels)
    return tuple(
        AuditItem(
            position,
            item.item,
            item.image_digest,
            class_index(item.label, by_name),
            boxes_digest=item.boxes_digest,
            mask_digest=item.mask_digest,
        )
        for position, item in stored.items
    )


def _excluded(plan: ControlPlan, audit: Audit, items: Sequence[AuditItem]) -> frozenset[int]:
    """The positions on which a control does not run."""
    if takes_all(plan, audit.item_count):
        return frozenset()
    planned = control_positions(plan, seed=audit.specification.seed, item_count=audit.item_count)
    return frozenset(item.position for item in items) - planned
