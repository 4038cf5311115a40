"""What a SEARCH shard asks of the model server: the task over the positions that are not stored yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import Audit, AuditItem, AuditSpecification, AuditState, Shard, Stage
from modicum_server.domain.composites import part_names
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.searches import ControlPlan
from modicum_server.domain.tasks import SearchWork, Task
from modicum_server.ports import Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.controls import control_positions, plans_beside
from modicum_server.usecases.costs import wants_temperatures
from modicum_server.usecases.inputs import framing_of
from modicum_server.usecases.labels import labels_of, require_labels
from modicum_server.usecases.specifications import require_gradient
from modicum_server.worker.donors import donors_needed, donors_of
from modicum_server.worker.matching import temperature_of


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A task and the items it is about, by position; donors and `max_image_pixels` are recorded with the result."""

    task: Task
    items: Mapping[int, AuditItem]
    donor_digests: tuple[str, ...]
    max_image_pixels: int


def classes_by_name(class_labels: Sequence[str]) -> Mapping[str, int]:
    """The class of each class name; of a name that two classes bear, the first."""
    return {name: index for index, name in reversed(tuple(enumerate(class_labels)))}


def class_index(label: str, by_name: Mapping[str, int]) -> int | None:
    """The class that a data set's label names: a class name, or a class index in digits; None without a label."""
    if label in by_name:
        return by_name[label]
    return int(label) if label.isascii() and label.isdigit() else None


async def plan_search(store: Store, shard: Shard, settings: Settings) -> SearchPlan | None:
    """Plan what is left of the shard and see the audit RUNNING; None when nothing is left or the audit has ended.

    The worker's device stands where the audit leaves the choice. An audit may be older than the check of its version,
    so what is asked of a version at the door is asked again.

    Raises:
        GradientMissing, LabelUnknown: the audit cannot be done.
    """
    async with store.transaction() as transaction:
        if not await transaction.shards.hold(shard):
            return None
        audit = await transaction.audits.get(shard.audit)
        version = await transaction.models.version(shard.model_version)
        if audit is None or audit.state.terminal or version is None:
            return None
        require_gradient(version, audit.specification)
        require_labels(await labels_of(transaction, audit.specification), version)
        if audit.state is AuditState.QUEUED:
            await transaction.audits.start(shard.audit, Stage.SEARCH)
        items = await _items_left(transaction, shard, version)
        if not items:
            return None
        return await _plan(transaction, shard, audit=audit, version=version, items=items, settings=settings)


async def _plan(
    transaction: Transaction,
    shard: Shard,
    *,
    audit: Audit,
    version: ModelVersion,
    items: tuple[AuditItem, ...],
    settings: Settings,
) -> SearchPlan:
    specification = audit.specification
    search = specification.searches[shard.search_index]
    donors: tuple[AuditItem, ...] = ()
    if donors_needed(specification, search):
        dataset = await transaction.datasets.get(specification.dataset)
        assert dataset is not None, "a data set that an audit refers to is not deleted"
        donors = await donors_of(transaction, dataset, seed=specification.seed)
    work = SearchWork(
        canvas=specification.canvas,
        search=search,
        search_index=shard.search_index,
        seed=specification.seed,
        items=items,
        donors=donors,
        controls=plans_beside(specification, search),
        control_exclusions=_exclusions(audit, plans_beside(specification, search), items),
        framing=framing_of(specification.canvas, await _versions(transaction, audit, version)),
        max_image_pixels=settings.max_image_pixels,
        temperature=temperature_of(
            await transaction.audits.parameters(audit.name), shard.search_index, shard.model_version
        ),
        critical_temperatures=wants_temperatures(specification, search),
    )
    task = Task(
        id=str(shard.id),
        attempt=shard.attempt,
        model_version=version,
        work=work,
        parts=await parts_of(transaction, version),
        device=device_of(specification, settings),
    )
    return SearchPlan(
        task,
        {item.position: item for item in items},
        tuple(donor.image_digest for donor in donors),
        settings.max_image_pixels,
    )


async def _versions(transaction: Transaction, audit: Audit, known: ModelVersion) -> list[ModelVersion]:
    names = audit.specification.model_versions
    found = [known if name == known.name else await transaction.models.version(name) for name in names]
    return [version for version in found if version is not None]


async def _items_left(transaction: Transaction, shard: Shard, version: ModelVersion) -> tuple[AuditItem, ...]:
    positions = await positions_left(transaction, shard)
    rows = await transaction.audits.items(shard.audit, positions)
    by_name = classes_by_name(version.class_labels)
    return tuple(
        AuditItem(
            position,
            item.item,
            item.image_digest,
            class_index(item.label, by_name),
            boxes_digest=item.boxes_digest,
            mask_digest=item.mask_digest,
        )
        for position, item in rows
    )


async def positions_left(transaction: Transaction, shard: Shard) -> tuple[int, ...]:
    """The shard's positions without a stored finding, rising."""
    done = await transaction.findings.done_positions(shard.audit, shard.model_version, shard.search_index)
    return tuple(sorted(set(shard.positions) - done))


async def parts_of(transaction: Transaction, version: ModelVersion) -> tuple[ModelVersion, ...]:
    """The versions that an ensemble or a wrapper names, transitively, each once."""
    parts: dict[str, ModelVersion] = {}
    names = [*part_names(version)]
    while names:
        name = names.pop()
        part = None if name in parts else await transaction.models.version(name)
        if part is not None:
            parts[name] = part
            names += part_names(part)
    return tuple(parts.values())


def device_of(specification: AuditSpecification, settings: Settings) -> str:
    """The device of an audit's tasks: the worker's where the audit leaves the choice."""
    return specification.device if specification.device not in {"", "auto"} else settings.device


def _exclusions(audit: Audit, plans: Sequence[ControlPlan], items: Sequence[AuditItem]) -> tuple[frozenset[int], ...]:
    positions = frozenset(item.position for item in items)
    return tuple(
        positions - control_positions(plan, seed=audit.specification.seed, item_count=audit.item_count)
        for plan in plans
    )
