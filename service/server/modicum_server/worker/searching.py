"""SEARCH shards: runs the search over what is not stored yet and stores findings as they come."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from modicum_server.domain.audits import AuditFailure, Shard
from modicum_server.domain.findings import Finding, FindingReason
from modicum_server.domain.tasks import TaskEvent, TaskFindings, TaskFinished, TaskStarted
from modicum_server.errors import GradientMissing, LabelUnknown
from modicum_server.ports import Transaction
from modicum_server.worker.carrying_out import carried_out
from modicum_server.worker.claims import Claim, Equipment, Outcome
from modicum_server.worker.parameters import finished_parameters, started_parameters
from modicum_server.worker.planning import SearchPlan, plan_search, positions_left
from modicum_server.worker.running import task_events
from modicum_server.worker.stages import end_shard, fail_audit
from modicum_server.worker.writing import ResultWriter, finding_writer

_log = structlog.get_logger(__name__)


async def search(equipment: Equipment, claim: Claim) -> Outcome:
    """Work on a SEARCH shard to one of its ends.

    Raises:
        ShardInterrupted: the shard is no longer wanted; what was found until then is stored, unless it was lost.
    """
    try:
        plan = await plan_search(equipment.store, claim.shard, equipment.settings)
    except (GradientMissing, LabelUnknown) as error:
        return await fail_audit(equipment, claim, AuditFailure(error.reason, str(error)))
    if plan is None:
        return await end_shard(equipment, claim)
    return await carried_out(equipment, claim, plan.task, _run(equipment, claim, plan), FindingsLeft(claim.shard, plan))


async def _run(equipment: Equipment, claim: Claim, plan: SearchPlan) -> None:
    async with finding_writer(equipment, claim) as writer:
        async for event in task_events(equipment.model_server, claim, plan.task):
            _note(writer, claim, plan, event)
            await writer.add(_accepted(event, claim, plan) if isinstance(event, TaskFindings) else ())


def _note(writer: ResultWriter[Finding], claim: Claim, plan: SearchPlan, event: TaskEvent) -> None:
    """Keep with the audit what influences its result."""
    match event:
        case TaskStarted():
            writer.note(started_parameters(event, plan.donor_digests, plan.max_image_pixels))
        case TaskFinished():
            writer.note(finished_parameters(event, claim.shard.model_version))


def _accepted(event: TaskFindings, claim: Claim, plan: SearchPlan) -> list[Finding]:
    """The findings that were asked for, under the names that we know: a model's process has no say in these."""
    accepted = []
    for finding in event.findings:
        item = plan.items.get(finding.position)
        if item is None:
            _log.warning("finding_not_asked_for", audit=claim.shard.audit, position=finding.position)
            continue
        known = replace(finding, item=item.item, image_digest=item.image_digest, label=item.label)
        shard = claim.shard
        accepted.append(replace(known, model_version=shard.model_version, search_index=shard.search_index))
    return accepted


@dataclass(frozen=True, slots=True)
class FindingsLeft:
    """What is left of a SEARCH shard whose model ended; `deaths.Remains`."""

    shard: Shard
    plan: SearchPlan
    missing: tuple[str, str] = ("FINDINGS_MISSING", "finding")

    async def left(self, transaction: Transaction) -> tuple[int, ...]:
        """Positions without a finding, rising."""
        return await positions_left(transaction, self.shard)

    async def bury(
        self, transaction: Transaction, positions: Sequence[int], reason: FindingReason
    ) -> Sequence[Finding]:
        """Store findings of this reason there."""
        culprits = [self._finding(position, reason) for position in positions]
        await transaction.findings.add(self.shard.audit, culprits)
        return culprits

    def _finding(self, position: int, reason: FindingReason) -> Finding:
        item = self.plan.items[position]
        return Finding(
            position=position,
            item=item.item,
            image_digest=item.image_digest,
            model_version=self.shard.model_version,
            search_index=self.shard.search_index,
            label=item.label,
            reason=reason,
        )
