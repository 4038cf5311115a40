"""What a SUMMARISE shard is about: everything that its result is made from, beside the findings."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import Audit, Shard
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import SpotRow
from modicum_server.measures.counterfactual_set import CounterfactualSet
from modicum_server.measures.out_of_distribution import OutOfDistribution
from modicum_server.ports import Transaction
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import DropShard
from modicum_server.worker.plan.stored_counterfactuals import counterfactual_set
from modicum_server.worker.plan.stored_ood_predictions import ood_predictions
from modicum_server.worker.stored_work import audited_versions, dataset_in_use, parts_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What is summarised. Its findings are read as they are written: memory is bounded, however many there are."""

    audit: Audit
    dataset: Dataset
    versions: tuple[ModelVersion, ...]
    parameters: Mapping[str, object]
    ood_predictions: OutOfDistribution | None
    parts: tuple[ModelVersion, ...]
    spots: Mapping[str, Sequence[SpotRow]]
    retests: Mapping[tuple[str, str], Sequence[SpotRow]]
    counterfactual: CounterfactualSet | None


async def plan_summary(context: WorkerContext, shard: Shard) -> Subject | DropShard:
    """Read everything but the findings."""
    async with context.store.transaction() as transaction:
        audit = await transaction.audits.get(shard.audit)
        if audit is None or audit.state.terminal:
            return DropShard()
        versions = await audited_versions(transaction, audit.specification)
        return Subject(
            audit,
            await dataset_in_use(transaction, audit.specification.dataset),
            tuple(versions),
            parameters=await transaction.audits.parameters(audit.name),
            ood_predictions=await ood_predictions(transaction, audit, versions),
            spots={version.name: await transaction.spots.of(audit.name, version.name) for version in versions},
            counterfactual=await counterfactual_set(transaction, audit, versions),
            retests=await _retests(transaction, audit),
            parts=tuple([part for version in versions for part in await parts_of(transaction, version)]),
        )


async def _retests(transaction: Transaction, audit: Audit) -> Mapping[tuple[str, str], Sequence[SpotRow]]:
    """The rows of the first version of a pair as the second one was tested on them."""
    pairs = itertools.combinations(audit.specification.model_versions, 2)
    return {
        (first, second): rows
        for first, second in pairs
        if (rows := await transaction.spots.of(audit.name, second, chosen_by=first))
    }
