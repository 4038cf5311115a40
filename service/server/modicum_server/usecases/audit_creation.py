"""Creating an audit: every check that needs no model, its cost and its shards, in one transaction.

When the transaction has ended, the audit is queued for good. The caller gets no reply before that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from modicum_server.domain.audits import Audit, AuditProgress, AuditSpecification, AuditState
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import ModelVersion, VersionState
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.traces import Cause
from modicum_server.domain.trail import Verb
from modicum_server.errors import AuditExists, AuditTooLarge, FieldInvalid, ModelRejected
from modicum_server.measures.document import SCHEMA_VERSION
from modicum_server.ports import Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.audit_room import RoomIsNarrow, require_room
from modicum_server.usecases.audits import require_audit
from modicum_server.usecases.controls import control_positions, spot_plan
from modicum_server.usecases.costs import OtherImages, cut_shards, planned_images, planned_passes, shard_count
from modicum_server.usecases.counterfactuals import Counterfactual, require_counterfactual
from modicum_server.usecases.datasets import require_dataset
from modicum_server.usecases.draws import draw_sample
from modicum_server.usecases.labels import labels_of, require_labels
from modicum_server.usecases.request_ids import CreateOptions, identify
from modicum_server.usecases.resource_names import new_resource_id, parent_of, project_of
from modicum_server.usecases.retained import require_images
from modicum_server.usecases.rules import check, failing, refuse_first
from modicum_server.usecases.specifications import (
    FIELD,
    AuditDraft,
    check_draft,
    fill_in,
    require_ensemble,
    require_gradient,
    require_second,
)
from modicum_server.usecases.stored_results import reusable_audit, reuse_key
from modicum_server.usecases.trail import record
from modicum_server.usecases.versions import require_version

FIRST_SEQUENCE = 1


@dataclass(frozen=True, slots=True)
class AuditOptions(CreateOptions):
    """Options of creating an audit. With an empty id, the server chooses one."""

    audit_id: str = ""
    no_reuse: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """An audit that could be stored as it is, with what its shards are cut from."""

    audit: Audit
    versions: tuple[ModelVersion, ...]
    item_indices: tuple[int, ...]


class AuditCreation:
    """Creates audits."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        on_created: Callable[[Audit], None] = lambda _: None,
        schema_version: int = SCHEMA_VERSION,
    ) -> None:
        """Take the store, the settings, and what is called with each audit after it was committed.

        `schema_version` is that of the results which audits may reuse.
        """
        self._store = store
        self._settings = settings
        self._on_created = on_created
        self._schema_version = schema_version

    async def create(self, principal: Principal, parent: str, draft: AuditDraft, options: AuditOptions) -> Audit:
        """Create an audit: queued, or ended at once with the result of an identical one that succeeded.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ModelVersionNotFound, DatasetNotFound,
            ModelRejected, CanvasUnfit, LabelUnknown, GradientMissing, AuditTooLarge, TooManyQueued, AuditExists,
            TooManyPasses, RequestIdReused, RetentionPassed
        """
        project = project_of("project", parent, "parent")
        refuse_first(id_mistakes(options.audit_id))
        authorise(principal, project, Role.AUDITOR)
        check_draft(draft, project)
        try:
            return await self._create(principal, project, draft, options, alone=False)
        except RoomIsNarrow:
            return await self._create(principal, project, draft, options, alone=True)

    async def _create(
        self, principal: Principal, project: str, draft: AuditDraft, options: AuditOptions, *, alone: bool
    ) -> Audit:
        """Create it beside other requests of the project, or after them: `alone`.

        Raises:
            RoomIsNarrow: not alone, it might pass a limit together with others.
        """
        body = {"draft": draft, "audit_id": options.audit_id, "no_reuse": options.no_reuse}
        request = identify(project, "CreateAudit", options, body)
        name = f"{project}/audits/{options.audit_id or new_resource_id()}"
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                return await require_audit(transaction, known)
            plan = await self._plan(transaction, principal, name, draft)
            if options.audit_id and await transaction.audits.get(name) is not None:
                raise _audit_exists(name)
            stored = None if options.no_reuse else await reusable_audit(transaction, project, plan.audit)
            if stored is None:
                await require_room(transaction, principal, project, plan.audit, self._settings, alone=alone)
            audit = plan.audit if stored is None else _reusing(stored, plan.audit)
            if options.validate_only:
                return audit
            created = await self._write(transaction, project, replace(plan, audit=audit), principal.origin.cause)
            await record(transaction, principal, Verb.CREATE_AUDIT, name)
            await request.remember(transaction, name)
        self._on_created(created)
        return created

    async def _plan(self, transaction: Transaction, principal: Principal, name: str, draft: AuditDraft) -> _Plan:
        asked = draft.specification
        versions = tuple([await require_version(transaction, version) for version in asked.model_versions])
        dataset = await require_dataset(transaction, asked.dataset)
        await transaction.datasets.hold(asked.datasets)  # before what was erased or deleted is read
        await require_images(transaction, asked.datasets)
        erased = await transaction.erasures.erased(parent_of(name))
        _require_sample(asked.sample, dataset)
        for version in versions:
            _require_usable(version)
        specification = fill_in(draft, versions, self._settings)
        require_ensemble(versions, specification)
        for version in versions:
            require_gradient(version, specification)
        second = await _second_dataset(transaction, asked, versions, dataset)
        labels = await labels_of(transaction, specification)
        for version in versions:
            require_labels(labels, version)
        left_out = await _left_out(transaction, specification, erased)
        indices = _drawn(specification, dataset, left_out[dataset.name])
        counterfactual = None
        if asked.counterfactual_dataset:
            counterfactual = await require_counterfactual(
                transaction, asked.counterfactual_dataset, dataset, indices, versions, erased=erased
            )
        audit = self._described(
            principal,
            name=name,
            specification=specification,
            versions=versions,
            dataset=dataset,
            second=second,
            counterfactual=counterfactual,
            item_count=len(indices),
            left_out=left_out,
            object_count=await _object_count(transaction, specification, indices),
        )
        return _Plan(audit, versions, indices)

    def _described(
        self,
        principal: Principal,
        *,
        name: str,
        specification: AuditSpecification,
        versions: Sequence[ModelVersion],
        dataset: Dataset,
        second: Dataset | None,
        counterfactual: Counterfactual | None,
        item_count: int,
        left_out: Mapping[str, frozenset[int]],
        object_count: int,
    ) -> Audit:
        others = OtherImages(
            second_count=0 if second is None else second.item_count,
            pair_count=0 if counterfactual is None else counterfactual.pair_count,
            object_count=object_count,
        )
        passes = planned_passes(specification, versions, item_count, others=others)
        check(FIELD, passes, "passes_planned")
        self._require_size(specification, versions, item_count, others)
        return Audit(
            name=name,
            specification=specification,
            reuse_key=reuse_key(
                specification,
                versions,
                dataset,
                self._settings,
                second=second,
                counterfactual=None if counterfactual is None else counterfactual.dataset,
                left_out=left_out,
                schema_version=self._schema_version,
            ),
            item_count=item_count,
            state=AuditState.QUEUED,
            sequence=FIRST_SEQUENCE,
            principal=principal.name,
            create_time=datetime.now(UTC),
            progress=AuditProgress(
                images_total=planned_images(specification, versions, item_count),
                passes_planned=passes,
            ),
        )

    def _require_size(
        self,
        specification: AuditSpecification,
        versions: Sequence[ModelVersion],
        item_count: int,
        others: OtherImages,
    ) -> None:
        seconds = self._settings.shard_seconds
        shards = shard_count(specification, versions, item_count, shard_seconds=seconds, others=others)
        most = self._settings.max_audit_shards
        if shards > most:
            raise AuditTooLarge(
                f"the audit of {item_count:,} images with {len(versions)} versions and "
                f"{len(specification.searches)} searches needs {shards:,} shards, but this server accepts {most:,}; "
                "audit a sample or fewer versions, run fewer searches, or let transfer score fewer images",
                shards=str(shards),
                most=str(most),
            )

    async def _write(self, transaction: Transaction, project: str, plan: _Plan, cause: Cause) -> Audit:
        audit = plan.audit
        created = await transaction.audits.create(audit, plan.item_indices)
        if created is None:
            raise _audit_exists(audit.name)
        if created.state.terminal:
            return created
        shards = cut_shards(
            audit.specification, plan.versions, audit.item_count, shard_seconds=self._settings.shard_seconds
        )
        await transaction.shards.add(project, audit.name, shards, cause)
        return created


def id_mistakes(audit_id: str) -> Iterator[FieldInvalid]:
    """Yield what is wrong with the id that was asked for, if one was."""
    return failing(partial(check, "audit_id", audit_id, "resource_id")) if audit_id else iter(())


async def _object_count(transaction: Transaction, specification: AuditSpecification, indices: Sequence[int]) -> int:
    """Return how many images of the spot test have objects; 0 where it was not asked for."""
    plan = spot_plan(specification)
    if plan is None:
        return 0
    positions = control_positions(plan, seed=specification.seed, item_count=len(indices))
    return await transaction.datasets.object_count(
        specification.dataset, [indices[position] for position in sorted(positions)]
    )


async def _left_out(
    transaction: Transaction, specification: AuditSpecification, erased: frozenset[str]
) -> dict[str, frozenset[int]]:
    """Return the indices of items whose pictures were erased, by data set of the audit."""
    return {name: await transaction.datasets.indices_of(name, erased) for name in specification.datasets}


def _drawn(specification: AuditSpecification, dataset: Dataset, left_out: frozenset[int]) -> tuple[int, ...]:
    """Return the indices of the audited items: those drawn from the whole data set, but for those left out."""
    drawn = draw_sample(
        seed=specification.seed,
        manifest_digest=dataset.manifest_digest,
        item_count=dataset.item_count,
        sample=specification.sample,
    )
    left = tuple(index for index in drawn if index not in left_out) if left_out else drawn
    if not left:
        rule = f"all pictures that this audit would look at in {dataset.name} were erased; choose another data set"
        raise FieldInvalid(f"{FIELD}.dataset", rule)
    return left


async def _second_dataset(
    transaction: Transaction, asked: AuditSpecification, versions: Sequence[ModelVersion], dataset: Dataset
) -> Dataset | None:
    """Return the out-of-distribution data set, or None without one; refuse one that no check could use."""
    if not asked.out_of_distribution_dataset:
        return None
    second = await require_dataset(transaction, asked.out_of_distribution_dataset)
    require_second(versions, dataset, second)
    return second


def _require_sample(sample: int, dataset: Dataset) -> None:
    if sample > dataset.item_count:
        rule = (
            f"expected 0 for all items, or at most {dataset.item_count:,}, the number of items of {dataset.name}; got "
            f"{sample:,}"
        )
        raise FieldInvalid(f"{FIELD}.sample", rule)


def _require_usable(version: ModelVersion) -> None:
    if version.state is VersionState.REJECTED:
        raise ModelRejected(
            f"{version.name} was rejected: {version.reject_reason}: {version.reject_detail}",
            model_version=version.name,
            reject_reason=version.reject_reason,
        )


def _reusing(stored: Audit, audit: Audit) -> Audit:
    """Return the audit with the stored result: it has ended when it is created, and costs no passes."""
    return replace(
        audit,
        state=AuditState.SUCCEEDED,
        progress=replace(stored.progress, passes_planned=0, passes_done=0),
        result_digest=stored.result_digest,
        outcome=stored.outcome,
        reused_from=stored.name,
        start_time=audit.create_time,
        end_time=audit.create_time,
    )


def _audit_exists(name: str) -> AuditExists:
    return AuditExists(f"{name}: an audit with this name already exists; choose another `audit_id`", name=name)
