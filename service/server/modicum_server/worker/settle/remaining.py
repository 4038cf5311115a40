"""What is left of a shard's work, and how a failure is recorded on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from modicum_server.domain.audits import Shard
from modicum_server.domain.findings import Finding, FindingReason, FoundSubset, Prediction, Transfer, TransferFinding
from modicum_server.domain.spots import SpotRow, class_of_row
from modicum_server.domain.tasks import SearchWork, Task
from modicum_server.model_server import FINDINGS_MISSING, SCORES_MISSING, SPOTS_MISSING
from modicum_server.ports import Transaction
from modicum_server.worker.stored_work import (
    audited_versions,
    chooser_of,
    positions_without_finding,
    positions_without_prediction,
    rows_without_spots,
    unscored_subsets,
)


class RemainingWork(Protocol):
    """What is left of a shard whose task has ended."""

    @property
    def missing(self) -> str:
        """What the failure says when the task ended without some results."""

    async def positions(self, transaction: Transaction) -> tuple[int, ...]:
        """Return the positions that are not done, rising."""

    async def record_failure(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Store the reason in place of results at these positions; return the findings that are new."""


@dataclass(frozen=True, slots=True)
class RemainingFindings:
    """What is left of a SEARCH shard."""

    shard: Shard
    task: Task
    missing: str = FINDINGS_MISSING

    async def positions(self, transaction: Transaction) -> tuple[int, ...]:
        """Return the positions without a finding, rising."""
        return await positions_without_finding(transaction, self.shard)

    async def record_failure(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Store findings with this reason."""
        assert isinstance(self.task.work, SearchWork)
        items = {item.position: item for item in self.task.work.items}
        failed = [
            Finding(
                position=position,
                item=items[position].item,
                image_digest=items[position].image_digest,
                model_version=self.shard.model_version,
                search_index=self.shard.search_index,
                label=items[position].label,
                reason=reason,
            )
            for position in positions
        ]
        await transaction.findings.add(self.shard.audit, failed)
        return failed


@dataclass(frozen=True, slots=True)
class RemainingScores:
    """What is left of a SCORE shard of a search."""

    shard: Shard
    missing: str = SCORES_MISSING

    async def positions(self, transaction: Transaction) -> tuple[int, ...]:
        """Return the positions with a subset that is not scored, rising."""
        return tuple(sorted({subset.position for subset in await self._subsets(transaction)}))

    async def record_failure(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Store the reason in place of the scores of their subsets. No finding is new."""
        unscored = [subset for subset in await self._subsets(transaction) if subset.position in positions]
        failed = TransferFinding(self.shard.model_version, reason=reason)
        transfers = [Transfer(subset.position, subset.model_version, failed) for subset in unscored]
        await transaction.findings.add_transfers(self.shard.audit, self.shard.search_index, transfers)
        return ()

    async def _subsets(self, transaction: Transaction) -> tuple[FoundSubset, ...]:
        audit = await transaction.audits.get(self.shard.audit)
        if audit is None:
            return ()
        versions = await audited_versions(transaction, audit.specification)
        return await unscored_subsets(transaction, self.shard, versions)


@dataclass(frozen=True, slots=True)
class RemainingPredictions:
    """What is left of a SCORE shard of the out-of-distribution or the counterfactual data set."""

    shard: Shard
    missing: str = SCORES_MISSING

    async def positions(self, transaction: Transaction) -> tuple[int, ...]:
        """Return the positions without a prediction, rising."""
        return await positions_without_prediction(transaction, self.shard)

    async def record_failure(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Store the reason in place of predictions. No finding is new."""
        failed = [Prediction(position, reason=reason) for position in positions]
        shard = self.shard
        await transaction.predictions.add(shard.audit, shard.model_version, shard.search_index, failed)
        return ()


@dataclass(frozen=True, slots=True)
class RemainingSpots:
    """What is left of a SCORE shard of the spot test. Its positions are numbers of rows."""

    shard: Shard
    missing: str = SPOTS_MISSING

    async def positions(self, transaction: Transaction) -> tuple[int, ...]:
        """Return the rows that are not tested, rising."""
        return await rows_without_spots(transaction, self.shard)

    async def record_failure(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Store the reason in place of what was tested. No finding is new."""
        failed = [SpotRow(class_of_row(number), reason=reason) for number in positions]
        chosen_by = await chooser_of(transaction, self.shard)
        await transaction.spots.add(self.shard.audit, self.shard.model_version, failed, chosen_by=chosen_by)
        return ()
