"""Audits, their shards, and what each image gave."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modicum_server.domain.audits import (
    Audit,
    AuditFailure,
    AuditOutcome,
    AuditState,
    ItemCounts,
    LeaseState,
    NewShard,
    Shard,
    Stage,
    Unended,
)
from modicum_server.domain.buildable import LEAVES_NOTHING, LeftToOthers
from modicum_server.domain.datasets import DatasetItem
from modicum_server.domain.findings import Finding, FoundSubset, PredictedImage, Prediction, Transfer
from modicum_server.domain.spots import SpotRow
from modicum_server.domain.traces import NO_CAUSE, Cause
from modicum_server.ports.lists import Keyed


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """The filter of a list of audits; an empty string does not filter."""

    state: AuditState | None = None
    dataset: str = ""
    model_version: str = ""


class Audits(Protocol):
    """Audits. Every change of one raises its `sequence` and is notified at commit."""

    async def get(self, name: str) -> Audit | None: ...
    async def lock(self, name: str) -> Audit | None:
        """Get it and lock its row until the transaction ends."""

    async def page(self, project: str, criteria: AuditFilter, *, after: str, limit: int) -> list[Keyed[Audit]]:
        """Newest first."""

    async def create(self, audit: Audit, item_indices: Sequence[int]) -> Audit | None:
        """Store it with the data-set indices of its items, in order; None when one of that name exists."""

    async def reusable(self, project: str, reuse_key: str) -> Audit | None:
        """The newest audit of that key that SUCCEEDED with a result of its own; locked against deletion."""

    async def newest_device(self) -> str | None:
        """The device that workers chose last, in an audit that left the device open."""

    async def queue_in_turn(self, whose: str, *, alone: bool = True) -> None:
        """Wait for all transactions of this project or principal that called this before; later ones wait for this one.

        Those that need not be `alone` wait only for one that is, and such a one for them.
        """

    async def unended(self, project: str, principal: str) -> Unended:
        """What the audits that have not ended take, in all and those that the principal created."""

    async def queued_by(self, principal: str, projects: Collection[str]) -> int:
        """How many audits that the principal created in these projects are queued."""

    async def count_by_state(self) -> Mapping[AuditState, int]:
        """The number of audits of all projects in each state; every state has a count."""

    async def items(self, name: str, positions: Sequence[int]) -> list[tuple[int, DatasetItem]]:
        """(position, item) of the audit's items at these positions, in order."""

    async def item_counts(self, name: str, *, without: Collection[str]) -> ItemCounts:
        """How many of the audit's items have a label, boxes, a mask; pictures `without` do not count."""

    async def start(self, name: str, stage: Stage) -> None:
        """RUNNING in `stage`; `start_time` is set the first time; no effect on a terminal one."""

    async def add_progress(self, name: str, *, passes_done: int) -> None:
        """Set the running shards' passes (a total for the audit) and refresh the counts from what is stored."""

    async def plan_rest(self, name: str, passes: int) -> None:
        """Plan these passes beside those that were spent, in place of what was planned before."""

    async def succeed(
        self, name: str, *, result_digest: str, artifacts: Sequence[str], outcome: AuditOutcome | None = None
    ) -> None:
        """SUCCEEDED, with references to these artifact digests too; no effect on a terminal one.

        `outcome` is what the result says, for lists.
        """

    async def fail(self, name: str, failure: AuditFailure) -> None:
        """FAILED unless it has ended; its unclaimed shards are deleted, held ones see CANCELLED at renewal."""

    async def with_rejected_versions(self, *, limit: int) -> list[tuple[str, str]]:
        """(audit, version) of audits that have not ended and name a REJECTED version, one pair for each audit."""

    async def note_parameters(self, name: str, parameters: Mapping[str, object]) -> None:
        """Merge parameters that influenced the result (JSON values; a later value of a key replaces an earlier one)."""

    async def parameters(self, name: str) -> Mapping[str, object]:
        """The noted parameters; may be empty."""

    async def cancel(self, name: str) -> Audit | None:
        """CANCELLED unless it has ended; its unclaimed shards are deleted, held ones see CANCELLED at renewal."""

    async def delete(self, name: str) -> None: ...


class Shards(Protocol):
    """Work that is queued or held. All times are the database's."""

    async def add(self, project: str, audit: str, shards: Iterable[NewShard], cause: Cause = NO_CAUSE) -> None:
        """Queue them, each with a wake-up in the same transaction. `audit` is "" for the check of a version.

        `cause` is the call that they are queued for.
        """

    async def claim(
        self, worker: str, *, lease_seconds: float, finishing: str = "", left: LeftToOthers = LEAVES_NOTHING
    ) -> Shard | None:
        """The fairest: project with the fewest held, then the longest unserved, then the oldest shard; attempt + 1.

        Swaps of a spot come before the other shards of their project. Shards of a version that is not READY are
        skipped. The summary of the audit `finishing` comes first: an audit whose search is done does not wait behind
        newer ones. Versions of an architecture that is `left` to other workers are skipped, too.
        """

    async def upcoming(self, shard: Shard, *, left: LeftToOthers = LEAVES_NOTHING) -> Shard | None:
        """The queued shard that whoever holds this one will probably claim after it. Locks and changes nothing.

        Shards of the project that were claimed earlier will end earlier, and are followed by those in front of it.
        """

    async def renew(self, shard: Shard, *, lease_seconds: float, passes_done: int) -> LeaseState:
        """Extend the lease of this attempt; stores its passes."""

    async def hold(self, shard: Shard) -> bool:
        """Lock the shard's row and return whether this attempt still holds it. Every write checks this first."""

    async def finish(self, shard: Shard, *, passes_done: int) -> bool:
        """Delete it; False when this attempt no longer holds it. Its passes move to the audit, which plans no more."""

    async def hand_back(
        self,
        shard: Shard,
        *,
        failed_tries: int,
        delay_seconds: float,
        away_seconds: float | None = None,
        away_reason: str = "",
    ) -> bool:
        """Return it for another attempt, with this count of failed tries, which may begin after the delay.

        `away_seconds` is how long it has waited for something that is away, and `away_reason` says for what; None if it
        does not wait. `away_reason` of a check that does not wait says why the try failed.
        """

    async def split(self, shard: Shard) -> bool:
        """Replace it by two shards with half of its positions each, and no failed tries."""

    async def remaining(self, audit: str, stage: Stage, *, at_most: int | None = None) -> int:
        """How many shards of the stage are queued or held, counted no further than `at_most`."""

    async def drop_unbegun(self, audit: str, stage: Stage, *, kept: Collection[int]) -> None:
        """Delete the stage's shards that nobody ever held. The caller holds the audit's row.

        Those stay that have a position in `kept`, or one of a shard that somebody held.
        """

    async def withdraw(self, audit: str, stage: Stage) -> frozenset[int]:
        """Delete the stage's shards that nobody holds. Return the search indices of all that were left, held or not."""

    async def expire(self) -> int:
        """Return shards with expired leases to the queue, and their number."""

    async def facts(self) -> Mapping[str, float]:
        """`queued`, `held`, `oldest_queued_seconds` and `expired_total`, for the metrics."""


class Findings(Protocol):
    """Findings, unique per audit, version, item and search."""

    async def add(self, audit: str, findings: Sequence[Finding]) -> None:
        """Upsert them (the first one stays)."""

    async def done_positions(
        self, audit: str, model_version: str, search_index: int, among: Sequence[int] | None = None
    ) -> frozenset[int]:
        """Positions that have a finding, all or those `among` these."""

    async def positions(self, audit: str) -> frozenset[int]:
        """Positions that have a finding of any version under any search."""

    async def last(self, audit: str, *, limit: int) -> list[Finding]:
        """The last in the order of version, search and position, the last one first."""

    async def at(self, audit: str, positions: Sequence[int]) -> list[Finding]:
        """All findings at these positions, by version, search and position."""

    async def keep(self, audit: str, positions: Sequence[int]) -> None:
        """Delete the findings at all other positions. The audit's progress is then about those that are left."""

    async def critical_temperatures(self, audit: str, model_version: str, search_index: int) -> Sequence[float]:
        """Those of the images that have one."""

    async def subset_positions(self, audit: str, model_version: str, search_index: int) -> frozenset[int]:
        """Positions with a subset that is evidence: the bare fill does not suffice, and it is not the whole image."""

    async def unscored_subsets(
        self, audit: str, scorer: str, search_index: int, positions: Sequence[int]
    ) -> Sequence[FoundSubset]:
        """Such subsets of other versions that `scorer` has not scored, by position and version."""

    async def add_transfers(self, audit: str, search_index: int, transfers: Sequence[Transfer]) -> None:
        """Add transfer results to their findings (the first one of a version stays)."""

    async def predicted(self, audit: str, model_version: str, search_index: int) -> Sequence[PredictedImage]:
        """Images with a predicted class, each with its subset if that is evidence, by position."""

    async def predictions(self, audit: str, model_version: str, search_index: int) -> Mapping[int, Prediction]:
        """By position, the class predicted on the whole image, where there is one.

        The confidence in it is known from searches for the predicted class only.
        """

    async def get(self, name: str) -> Finding | None:
        """By resource name `.../findings/{version index}-{search index}-{position}`."""

    async def page(self, audit: str, *, after: str, limit: int) -> list[Keyed[Finding]]:
        """By version (in the specification's order), search and position."""


class Predictions(Protocol):
    """Predictions on whole images of an audit's other data sets, unique per audit, version, data set and position.

    A `search_index` of `domain.audits` names the data set: OUT_OF_DISTRIBUTION or COUNTERFACTUAL.
    """

    async def add(self, audit: str, model_version: str, search_index: int, predictions: Sequence[Prediction]) -> None:
        """Add them (the first one stays); no effect on an audit that has ended or is gone."""

    async def of(
        self, audit: str, model_version: str, search_index: int, among: Sequence[int] | None = None
    ) -> Mapping[int, Prediction]:
        """By position, all or those `among` these."""


class Spots(Protocol):
    """Rows of the spot test, unique per audit, version and class.

    With `chosen_by` they are those of the places that were chosen for that version and tested on `model_version`.
    """

    async def add(self, audit: str, model_version: str, rows: Sequence[SpotRow], *, chosen_by: str = "") -> None:
        """Add them (the first one stays); no effect on an audit that has ended or is gone."""

    async def of(self, audit: str, model_version: str, *, chosen_by: str = "") -> Sequence[SpotRow]:
        """All rows of a version, by number."""

    async def numbers(self, audit: str, model_version: str, *, chosen_by: str = "") -> frozenset[int]:
        """The numbers of the rows that are stored."""
