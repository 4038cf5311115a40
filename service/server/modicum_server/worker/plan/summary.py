"""What a SUMMARISE shard is about: everything that its result is made from, beside the findings."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import Audit, ItemCounts, Scoring, Shard
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import ModelVersion
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.stopping import stopped_of
from modicum_server.measures.counterfactual_set import CounterfactualSet
from modicum_server.measures.out_of_distribution import OutOfDistribution
from modicum_server.ports import Transaction
from modicum_server.worker.context import WorkerContext
from modicum_server.worker.endings import DropShard
from modicum_server.worker.plan.stored_counterfactuals import counterfactual_set
from modicum_server.worker.plan.stored_ood_predictions import ood_predictions
from modicum_server.worker.stored_work import audited_versions, dataset_in_use, erased_pictures, parts_of


@dataclass(frozen=True, slots=True)
class Subject:
    """What is summarised. Its findings are read as they are written: memory is bounded, however many there are."""

    audit: Audit
    dataset: Dataset
    item_counts: ItemCounts
    versions: tuple[ModelVersion, ...]
    parameters: Mapping[str, object]
    ood_predictions: OutOfDistribution | None
    parts: tuple[ModelVersion, ...]
    spots: Mapping[str, Sequence[SpotRow]]
    retests: Mapping[tuple[str, str], Sequence[SpotRow]]
    counterfactual: CounterfactualSet | None
    with_transfers: bool


async def plan_summary(context: WorkerContext, shard: Shard) -> Subject | DropShard:
    """Read everything but the findings."""
    async with context.store.transaction() as transaction:
        audit = await transaction.audits.get(shard.audit)
        if audit is None or audit.state.terminal:
            return DropShard()
        return await subject_of(transaction, audit)


async def subject_of(transaction: Transaction, audit: Audit) -> Subject:
    """Read what a result is made from. What was cut is left out, also where a part of it was stored."""
    versions = await audited_versions(transaction, audit.specification)
    parameters = await transaction.audits.parameters(audit.name)
    stopped = stopped_of(parameters)
    cut = frozenset(stopped.cut if stopped else ())
    second = await ood_predictions(transaction, audit, versions, cut=Scoring.OUT_OF_DISTRIBUTION in cut)
    paired = None if Scoring.COUNTERFACTUAL in cut else await counterfactual_set(transaction, audit, versions)
    return Subject(
        audit,
        await dataset_in_use(transaction, audit.specification.dataset),
        await transaction.audits.item_counts(audit.name, without=await erased_pictures(transaction, audit)),
        tuple(versions),
        parameters=parameters,
        ood_predictions=second,
        spots={} if Scoring.SPOT in cut else await _spots(transaction, audit),
        counterfactual=paired,
        retests={} if Scoring.SPOT_COMPARISON in cut else await _retests(transaction, audit),
        with_transfers=Scoring.TRANSFER not in cut,
        parts=tuple([part for version in versions for part in await parts_of(transaction, version)]),
    )


async def _spots(transaction: Transaction, audit: Audit) -> Mapping[str, Sequence[SpotRow]]:
    """The rows of each version's own spot test."""
    return {name: await transaction.spots.of(audit.name, name) for name in audit.specification.model_versions}


async def _retests(transaction: Transaction, audit: Audit) -> Mapping[tuple[str, str], Sequence[SpotRow]]:
    """The rows of the first version of a pair as the second one was tested on them."""
    pairs = itertools.combinations(audit.specification.model_versions, 2)
    return {
        (first, second): rows
        for first, second in pairs
        if (rows := await transaction.spots.of(audit.name, second, chosen_by=first))
    }
