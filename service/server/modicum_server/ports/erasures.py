"""Erasures: where a picture is used in a project, what of it goes, and what still waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from modicum_server.domain.audits import AuditOutcome
from modicum_server.domain.erasures import ErasedItem, ErasedOutcome, Erasure, PictureUse, Receipt
from modicum_server.errors import FailedPrecondition, NotFound
from modicum_server.ports.lists import Keyed


class PictureUnknown(NotFound):
    """The project holds no picture with this digest."""


class ErasureNotFound(NotFound):
    """There is no erasure with this name."""


class ResultErased(FailedPrecondition):
    """Pictures were erased from the result in the meantime. Ask again."""


@dataclass(frozen=True, slots=True)
class ErasureWork:
    """What is still to be done of an erasure: names of verdicts whose documents wait, and digests of files that go."""

    erasure: Erasure
    verdicts: Sequence[str]
    files: Sequence[str]


@dataclass(frozen=True, slots=True)
class NewResult:
    """What stands in place of a result: nothing where it was REMOVED. `says` is what it says for lists."""

    outcome: ErasedOutcome
    result_digest: str = ""
    findings_digest: str = ""
    says: AuditOutcome | None = None


class Erasures(Protocol):
    """Erasures of projects. What is removed here is gone when the transaction has ended."""

    async def take_turn(self, project: str) -> None:
        """Wait for erasures of this project that are being begun; those that come wait for this one."""

    async def items(self, project: str, digest: str) -> list[ErasedItem]:
        """Items that hold the picture. Their data sets are locked: no audit of them begins meanwhile."""

    async def object_files(self, project: str, digest: str) -> frozenset[str]:
        """Digests of boxes and masks of these items."""

    async def uses(self, project: str, digest: str) -> list[PictureUse]:
        """Audits that use the picture, by name; they are locked."""

    async def unended(self, items: Sequence[ErasedItem]) -> list[str]:
        """Names of at most 10 audits that have not ended and may still read pictures of these data sets."""

    async def open_swaps(self, uses: Sequence[PictureUse]) -> list[str]:
        """Names of swaps of a spot of these audits that have not ended and use it."""

    async def remove(self, uses: Sequence[PictureUse]) -> tuple[Receipt, frozenset[str]]:
        """Delete what the database has of it in these audits, and count it in them.

        Returns what was removed, and the digests of composed pictures that may go.
        """

    async def begin(self, erasure: Erasure, *, files: Sequence[str]) -> Erasure:
        """Store an erasure that is RUNNING; `files` are digests whose bytes go."""

    async def get(self, name: str) -> Erasure | None:
        """Get an erasure."""

    async def newest(self, project: str, digest: str) -> Erasure | None:
        """The newest erasure of a picture."""

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Erasure]]:
        """Those of a project, newest first."""

    async def erased(self, project: str) -> frozenset[str]:
        """Digests of pictures that were erased and that the project does not hold again."""

    async def running(self, *, after: str) -> ErasureWork | None:
        """The oldest RUNNING erasure whose name is behind `after`, in the order of names."""

    async def lock(self, name: str) -> ErasureWork | None:
        """Get it and hold its row until the transaction ends; None where it is not RUNNING any more."""

    async def is_worked_on(self, audit: str) -> bool:
        """Whether a worker still holds a shard of an audit, which was cancelled."""

    async def replace_result(self, work: ErasureWork, audit: str, new: NewResult) -> frozenset[str]:
        """Give an audit, and those that reuse its result, another result, and note that in the receipt.

        Verdicts no longer refer to the digests before, which are returned; their documents wait.
        """

    async def replace_document(self, work: ErasureWork, verdict: str, digest: str) -> frozenset[str]:
        """Give a verdict another document; the same digest: it stays. Return digests that may go."""

    async def drop_files(self, work: ErasureWork, digests: Sequence[str]) -> None:
        """Note that these artifacts are no longer held, and that their bytes wait."""

    async def since(self, moment: datetime | None) -> tuple[frozenset[str], datetime]:
        """Return digests that erasures took away since ten minutes before a moment, with the database's present one.

        They are those of pictures, boxes, masks and results. Whatever the moment, RUNNING erasures count.
        """

    async def end(self, name: str) -> None:
        """DONE."""
